//! What ends a server of ours with us, even if we are killed.
//!
//! Between this program and the server stands a shell that waits at the end of a pipe. Whatever becomes of the program, the
//! system closes its end of the pipe; then the shell kills the server, which is its child (so that the number of the
//! process cannot mean another one by then), and removes the folder with the copy of the dump.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::throwaway_error::ServerError;
use crate::text;

/// The file in the folder that says with which status the server ended.
const ENDED: &str = "ended";
/// What the server says.
pub const LOG: &str = "server.log";

/// Its first argument is the folder, which it makes, so that there is no moment at which the folder is there and it is not;
/// the others are the server and its arguments. It starts the server when it is told to, and waits for the pipe to be closed
/// in any case: until then somebody reads in the folder. Nor does it end when nobody reads any more that the folder is made.
const WATCH: &str = r#"
trap '' HUP INT TERM PIPE
umask 077
folder=$1
shift
exec 3<&0 </dev/null
mkdir -- "$folder" && cd -- "$folder" || exit
echo made
exec >/dev/null
if read -r go <&3; then
    "$@" 3<&- >server.log 2>&1 &
    server=$!
    (cat <&3 >/dev/null; kill -9 "$server") &
    watcher=$!
    wait "$server"
    ended=$?
    kill -9 "$watcher"
    echo "$ended" >ended
    cat <&3 >/dev/null
fi
cd /
rm -rf -- "$folder"
"#;

/// Holds the server's process, so that whoever has a clone can end it: the handler of Ctrl-C, too.
#[derive(Clone, Debug, Default)]
pub struct Watchdog(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    stopped: AtomicBool,
    shell: Mutex<Option<Child>>,
}

impl Watchdog {
    /// Ends the server, and lets no other one start. Says whether that had been asked for before.
    pub fn stop(&self) -> bool {
        let before = self.0.stopped.swap(true, Ordering::SeqCst);
        self.end();
        before
    }

    /// Whether it was pulled.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    fn shell(&self) -> MutexGuard<'_, Option<Child>> {
        // A panic elsewhere is no reason to leave a server behind.
        self.0.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the server, if there is one, and removes its folder.
    pub fn end(&self) {
        if let Some(mut shell) = self.shell().take() {
            drop(shell.stdin.take());
            // It has nothing else to do now.
            let _ = shell.wait();
        }
    }

    /// Makes the folder, with a watch over it. The server is not started yet.
    pub fn watch(&self, folder: &Path, server: &Path, args: &[&Path]) -> Result<(), ServerError> {
        let mut held = self.shell();
        if self.is_stopped() {
            return Err(ServerError::Interrupted);
        }
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(WATCH).arg("sh").arg(folder).arg(server).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A signal to all processes of a terminal is for the program: it decides what becomes of the server.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut shell = command.spawn().map_err(|source| ServerError::Spawn { path: "/bin/sh".into(), source })?;
        let said = shell.stdout.take();
        *held = Some(shell);
        drop(held);
        let mut made = String::new();
        if let Some(mut said) = said {
            said.read_to_string(&mut made).map_err(ServerError::Folder)?;
        }
        if made != "made\n" {
            self.end();
            let cause = io::Error::other(format!("cannot make the folder {}", text::path(folder)));
            return Err(ServerError::Folder(cause));
        }
        Ok(())
    }

    /// Starts the server.
    pub fn go(&self) -> Result<(), ServerError> {
        let mut held = self.shell();
        let pipe = held.as_mut().and_then(|shell| shell.stdin.as_mut());
        match pipe {
            Some(pipe) => pipe.write_all(b"go\n").map_err(ServerError::Folder),
            None => Err(ServerError::Interrupted),
        }
    }
}

/// The status with which the server of a folder ended, if it did.
pub fn ended(folder: &Path) -> Option<i32> {
    // It is written in one piece, but made empty before that.
    fs::read_to_string(folder.join(ENDED)).ok()?.trim().parse().ok()
}

/// Where a program is: as it was given, or in `PATH` if it is only a name. Links are not followed: in Debian `redis-server`
/// is one, and what the program does depends on the name.
pub fn find(program: &Path) -> Result<PathBuf, ServerError> {
    let not_found = || ServerError::NotFound(program.to_owned());
    let found = if program.components().count() < 2 {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let all = std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file());
        all.ok_or_else(not_found)?
    } else {
        program.to_owned()
    };
    if found.is_dir() {
        return Err(ServerError::Spawn { path: found, source: io::Error::from(io::ErrorKind::IsADirectory) });
    }
    // The server runs in a folder of its own, so a relative path has to become absolute.
    std::path::absolute(&found).ok().filter(|path| path.is_file()).ok_or_else(not_found)
}
