//! A connection that can be made anew.

use super::server_error::Class;
use super::{Link, LinkError, Reply};
use crate::replay::look::query::ask;

/// Makes a connection: authenticated, database 0 selected.
pub type Dial<'d> = dyn FnMut() -> Result<Box<dyn Link>, LinkError> + 'd;

/// The connection in use, if there is one, and how to get another.
pub struct Session<'d> {
    dial: &'d mut Dial<'d>,
    line: Option<Line>,
    /// Connections that broke and that the server may still have, by their `CLIENT KILL` filters.
    old: Vec<Identity>,
    connected: bool,
    /// What the server calls the time since it was started, if it says so.
    run: Option<String>,
    restarted: bool,
    fails_over: bool,
}

/// The id of a connection and its address as the server sees it: a server that was restarted gives ids out again.
type Identity = [String; 2];

/// A connection, who it is, and which database is selected on it.
struct Line {
    link: Box<dyn Link>,
    identity: Option<Identity>,
    /// `None` once that is not certain: then nothing is sent before a database is selected.
    db: Option<u32>,
}

impl<'d> Session<'d> {
    /// Without a connection yet.
    pub fn new(dial: &'d mut Dial<'d>) -> Self {
        Self { dial, line: None, old: Vec::new(), connected: false, run: None, restarted: false, fails_over: false }
    }

    /// The connection; made if there is none.
    ///
    /// Bytes of a connection that broke may still be on their way, and an `UNLINK` that arrives late would delete what
    /// was built since. So the first thing a new connection does is to end the old ones on the server's side, where
    /// server and user allow it: it is of no use before they are ended.
    pub fn link(&mut self) -> Result<&mut dyn Link, LinkError> {
        let line = match self.line.take() {
            Some(line) => line,
            None => self.make()?,
        };
        Ok(self.line.insert(line))
    }

    fn make(&mut self) -> Result<Line, LinkError> {
        let mut link = (self.dial)()?;
        self.connected = true;
        self.fails_over = link.may_fail_over();
        while let Some([id, address]) = self.old.last() {
            if let Reply::Error(error) = ask(&mut *link, &["CLIENT", "KILL", "ID", id, "ADDR", address])?
                && error.class() == Class::Wait
            {
                return Err(LinkError::NotEnded { cause: error.to_string() });
            }
            // It is ended, or was; or neither this user nor this server will ever end it.
            self.old.pop();
        }
        let identity = identity(&mut *link)?;
        if let Some(run) = run_of(&mut *link)? {
            let before = self.run.replace(run);
            self.restarted |= before.is_some() && before != self.run;
        }
        Ok(Line { link, identity, db: Some(0) })
    }

    /// Whether the server restarted since the first connection, or is another one: what it acknowledged before may
    /// be lost.
    pub fn was_restarted(&self) -> bool {
        self.restarted
    }

    /// Whether another server may take the place of the one that answered.
    pub fn may_fail_over(&self) -> bool {
        self.fails_over
    }

    /// Notes that this was looked into.
    pub fn trust(&mut self) {
        self.restarted = false;
    }

    /// Whether there ever was a connection.
    pub fn was_connected(&self) -> bool {
        self.connected
    }

    /// Waits until what was sent is where it survives the loss of a node; nothing where there is no connection.
    pub fn settle(&mut self) -> Result<(), LinkError> {
        self.line.as_mut().map_or(Ok(()), |line| line.link.settle())
    }

    /// The nodes that these commands go to.
    pub fn nodes(&self, commands: &[u8]) -> Vec<String> {
        self.line.as_ref().map_or_else(Vec::new, |line| line.link.nodes(commands))
    }

    /// Notes that the connection is of no use any more.
    pub fn broken(&mut self) {
        self.old.extend(self.line.take().and_then(|line| line.identity));
    }
}

impl Link for Line {
    fn send(&mut self, commands: &[u8]) -> Result<(), LinkError> {
        if self.db.is_none() {
            return Err(LinkError::NoDatabase);
        }
        self.link.send(commands)
    }

    fn receive(&mut self) -> Result<Reply, LinkError> {
        self.link.receive()
    }

    fn settle(&mut self) -> Result<(), LinkError> {
        self.link.settle()
    }

    fn ask_each(&mut self, args: &[&str]) -> Result<Vec<Reply>, LinkError> {
        self.link.ask_each(args)
    }

    fn may_fail_over(&self) -> bool {
        self.link.may_fail_over()
    }

    fn nodes(&self, commands: &[u8]) -> Vec<String> {
        self.link.nodes(commands)
    }

    fn select(&mut self, db: u32) -> Result<(), LinkError> {
        if self.db != Some(db) {
            self.db = None;
            self.link.select(db)?;
            self.db = Some(db);
        }
        Ok(())
    }
}

/// Who a connection is, where the server says it.
pub fn identity(link: &mut dyn Link) -> Result<Option<[String; 2]>, LinkError> {
    let Reply::Bulk(text) = ask(link, &["CLIENT", "INFO"])? else { return Ok(None) };
    let text = String::from_utf8_lossy(&text);
    let field = |name| text.split(' ').find_map(|field| field.strip_prefix(name)).map(str::to_owned);
    Ok(field("id=").zip(field("addr=")).map(|(id, address)| [id, address]))
}

/// The `run_id` of a server. Not every user may ask, and not every service answers.
pub fn run_of(link: &mut dyn Link) -> Result<Option<String>, LinkError> {
    let reply = ask(link, &["INFO", "server"])?;
    let text = reply.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
    Ok(text.lines().find_map(|line| line.strip_prefix("run_id:")).map(|run| run.trim().to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop")]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;

    use super::*;
    use crate::bundle::resp::CommandReader;

    /// Answers `CLIENT` and `INFO`, notes what it was sent, and gives for everything else what it was told to.
    #[derive(Default)]
    struct Server {
        sent: Vec<String>,
        answers: VecDeque<Result<Reply, LinkError>>,
        /// How often `CLIENT KILL` is answered so.
        kills: VecDeque<Result<Reply, LinkError>>,
        connections: usize,
    }

    struct Fake(Rc<RefCell<Server>>, usize, VecDeque<Result<Reply, LinkError>>);

    impl Link for Fake {
        fn send(&mut self, commands: &[u8]) -> Result<(), LinkError> {
            let mut reader = CommandReader::new(commands);
            while let Some(command) = reader.next_command().unwrap() {
                let text = String::from_utf8(command.args.join(&b' ')).unwrap();
                let mut server = self.0.borrow_mut();
                let reply = if text.starts_with("CLIENT KILL") {
                    server.kills.pop_front().unwrap_or(Ok(Reply::Integer(1)))
                } else if text == "CLIENT INFO" {
                    Ok(Reply::Bulk(format!("id={} addr=here:{} x=y", self.1, self.1).into_bytes()))
                } else if text.starts_with("INFO") {
                    Ok(Reply::Bulk(b"run_id:same".to_vec()))
                } else {
                    server.answers.pop_front().unwrap_or(Ok(Reply::Status("OK".into())))
                };
                server.sent.push(text);
                self.2.push_back(reply);
            }
            Ok(())
        }

        fn receive(&mut self) -> Result<Reply, LinkError> {
            self.2.pop_front().unwrap()
        }
    }

    fn with_session<T>(server: &Rc<RefCell<Server>>, work: impl FnOnce(&mut Session<'_>) -> T) -> T {
        let mut dial = || -> Result<Box<dyn Link>, LinkError> {
            let number = server.borrow().connections.saturating_add(1);
            server.borrow_mut().connections = number;
            Ok(Box::new(Fake(Rc::clone(server), number, VecDeque::new())))
        };
        work(&mut Session::new(&mut dial))
    }

    fn closed() -> LinkError {
        LinkError::Closed { target: "here".into() }
    }

    fn kills(server: &RefCell<Server>) -> Vec<String> {
        server.borrow().sent.iter().filter(|sent| sent.starts_with("CLIENT KILL")).cloned().collect()
    }

    #[test]
    fn an_old_connection_is_killed_until_it_is() {
        let server = Rc::new(RefCell::new(Server::default()));
        let busy = Ok(Reply::Error("LOADING Redis is loading the dataset in memory".into()));
        server.borrow_mut().kills = [Err(closed()), busy, Ok(Reply::Integer(1)), Ok(Reply::Integer(0))].into();
        with_session(&server, |session| {
            session.link().unwrap();
            session.broken();
            for _ in 0..2 {
                assert!(session.link().err().unwrap().is_transient(), "it is not ended yet");
            }
            session.link().unwrap();
            assert_eq!(kills(&server), ["CLIENT KILL ID 1 ADDR here:1"; 3]);
            // A connection that is ended is not ended again; the one that broke since is.
            session.broken();
            session.link().unwrap();
            assert_eq!(kills(&server)[3..], ["CLIENT KILL ID 4 ADDR here:4"]);
        });
    }

    #[test]
    fn a_user_who_may_not_kill_goes_on() {
        let server = Rc::new(RefCell::new(Server::default()));
        server.borrow_mut().kills = [Ok(Reply::Error("NOPERM this user has no permissions".into()))].into();
        with_session(&server, |session| {
            session.link().unwrap();
            session.broken();
            session.link().unwrap();
            session.broken();
            session.link().unwrap();
            assert_eq!(kills(&server), ["CLIENT KILL ID 1 ADDR here:1", "CLIENT KILL ID 2 ADDR here:2"]);
        });
    }

    #[test]
    fn nothing_is_sent_where_no_database_is_known_to_be_selected() {
        for refused in [Ok(Reply::Error("ERR DB index is out of range".into())), Ok(Reply::Nil), Err(closed())] {
            let server = Rc::new(RefCell::new(Server::default()));
            with_session(&server, |session| {
                let link = session.link().unwrap();
                link.select(0).unwrap();
                ask(link, &["GET", "a"]).unwrap();
                server.borrow_mut().answers.push_back(refused);
                assert!(link.select(3).is_err());
                assert_eq!(ask(link, &["GET", "b"]), Err(LinkError::NoDatabase));
                link.select(0).unwrap();
                ask(link, &["GET", "c"]).unwrap();
                link.select(3).unwrap();
                link.select(3).unwrap();
                session.broken();
                ask(session.link().unwrap(), &["GET", "d"]).unwrap();
            });
            let sent = server.borrow().sent.clone();
            let sent: Vec<&str> = sent.iter().map(String::as_str).filter(|sent| !sent.contains("IN")).collect();
            let sent: Vec<&str> = sent.into_iter().filter(|sent| !sent.starts_with("CLIENT")).collect();
            assert_eq!(sent, ["GET a", "SELECT 3", "SELECT 0", "GET c", "SELECT 3", "GET d"]);
        }
    }
}
