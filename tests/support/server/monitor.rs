//! Every command that a server ran during a test, by `MONITOR`.

use super::Server;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread::JoinHandle;

/// A recording; [`Monitor::finish`] ends it.
pub struct Monitor {
    lines: JoinHandle<Vec<String>>,
}

/// Ends the recording: by then the server has reported everything that came before it.
const END: &str = "end of the recording";

impl Monitor {
    pub(super) fn start(server: &Server) -> Self {
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).expect("the test's own server listens");
        let mut replies = BufReader::new(stream.try_clone().expect("a second handle"));
        let mut expect_ok = |command: String| {
            stream.write_all(command.as_bytes()).expect("the test's own server reads");
            let mut line = String::new();
            replies.read_line(&mut line).expect("the test's own server answers");
            assert_eq!(line, "+OK\r\n", "to {command:?}");
        };
        if let Some(password) = server.password() {
            expect_ok(format!("AUTH {password}\r\n"));
        }
        expect_ok("MONITOR\r\n".to_owned());
        let lines = std::thread::spawn(move || {
            let end = format!("\"ECHO\" \"{END}\"");
            let mut lines = Vec::new();
            for line in replies.lines().map_while(Result::ok) {
                if line.ends_with(&end) {
                    break;
                }
                // The server escapes what is not printable, so a line is a command: +TIME [DB ADDRESS] "NAME" "ARG"...
                if let Some((_, command)) = line.split_once("] ") {
                    lines.push(command.to_owned());
                }
            }
            drop(stream);
            lines
        });
        Self { lines }
    }

    /// The commands since the start in the server's own notation, `"SADD" "key" "member"`, connection set-up included.
    pub fn finish(self, server: &Server) -> Vec<String> {
        let mut connection = server.connection();
        redis::cmd("ECHO").arg(END).query::<()>(&mut connection).expect("the test's own server answers");
        self.lines.join().expect("the recording thread only reads")
    }
}
