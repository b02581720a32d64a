//! A connection that can be made anew.

use super::link::{Link, LinkError, Reply};
use super::query::ask;

/// Makes a connection: authenticated, database 0 selected.
pub type Dial<'d> = dyn FnMut() -> Result<Box<dyn Link>, LinkError> + 'd;

/// The connection in use, if there is one, and how to get another.
pub struct Session<'d> {
    dial: &'d mut Dial<'d>,
    link: Option<Box<dyn Link>>,
    db: u32,
    /// `CLIENT KILL` filters of the connection in use: its id and its address as the server sees it.
    identity: Option<[String; 2]>,
    connected: bool,
    /// What the server calls the time since it was started, if it says so.
    run: Option<String>,
    restarted: bool,
}

impl<'d> Session<'d> {
    /// Without a connection yet.
    pub fn new(dial: &'d mut Dial<'d>) -> Self {
        Self { dial, link: None, db: 0, identity: None, connected: false, run: None, restarted: false }
    }

    /// The connection; made if there is none.
    ///
    /// Bytes of a connection that broke may still be on their way, and an `UNLINK` that arrives late would delete what
    /// was built since. So the first thing a new connection does is to end the old one on the server's side, where
    /// server and user allow it. Id *and* address must fit: a server that was restarted gives ids out again.
    pub fn link(&mut self) -> Result<&mut dyn Link, LinkError> {
        let link = match self.link.take() {
            Some(link) => link,
            None => {
                let mut link = (self.dial)()?;
                self.connected = true;
                self.db = 0;
                if let Some([id, address]) = self.identity.take() {
                    ask(&mut *link, &["CLIENT", "KILL", "ID", &id, "ADDR", &address])?;
                }
                if let Reply::Bulk(text) = ask(&mut *link, &["CLIENT", "INFO"])? {
                    let text = String::from_utf8_lossy(&text);
                    let field = |name| text.split(' ').find_map(|field| field.strip_prefix(name)).map(str::to_owned);
                    self.identity = field("id=").zip(field("addr=")).map(|(id, address)| [id, address]);
                }
                if let Some(run) = run_of(&mut *link)? {
                    let before = self.run.replace(run);
                    self.restarted |= before.is_some() && before != self.run;
                }
                link
            }
        };
        Ok(&mut **self.link.insert(link))
    }

    /// Whether the server was started anew since the first connection, or is another one: what it acknowledged before may
    /// be lost.
    pub fn was_restarted(&self) -> bool {
        self.restarted
    }

    /// Notes that this was looked into.
    pub fn trust(&mut self) {
        self.restarted = false;
    }

    /// Whether there ever was a connection.
    pub fn was_connected(&self) -> bool {
        self.connected
    }

    /// The database that is selected.
    pub fn db(&self) -> u32 {
        if self.link.is_some() { self.db } else { 0 }
    }

    /// Notes that another database was selected.
    pub fn selected(&mut self, db: u32) {
        self.db = db;
    }

    /// Notes that the connection is of no use any more.
    pub fn broken(&mut self) {
        self.link = None;
    }
}

/// The `run_id` of a server. Not every user may ask, and not every service answers.
fn run_of(link: &mut dyn Link) -> Result<Option<String>, LinkError> {
    let reply = ask(link, &["INFO", "server"])?;
    let text = reply.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
    Ok(text.lines().find_map(|line| line.strip_prefix("run_id:")).map(|run| run.trim().to_owned()))
}
