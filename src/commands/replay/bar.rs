//! How far a replay is, and what happens in it.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::account::Account;
use super::events::Teller;
use crate::progress::{Observer, Unit, Watch as _};
use crate::replay::{Event, Item, Watcher, Work};
use crate::text::{Printable, counted, display};
use crate::ui::interrupt::{self, Leave};
use crate::ui::progress;
use crate::ui::terminal::Terminal;

/// What a watched replay came to.
pub struct Watched<T> {
    pub result: T,
    pub account: Account,
    /// The server said what only a node of a cluster says.
    pub of_a_cluster: bool,
}

/// Runs `work`, which tells the watcher it is given how far it is. `left` is what is left by going at once, from the
/// first command on; `deleted` are the keys that the apply deletes, for a rollback.
pub fn show<T>(
    terminal: &Terminal,
    teller: Teller<'_>,
    name: &'static str,
    work: &Work<'_>,
    deleted: HashSet<(u32, Vec<u8>)>,
    left: impl Fn() -> Leave,
    run: impl FnOnce(&mut dyn Watcher) -> T,
) -> Watched<T> {
    let total = u64::try_from(work.items.len()).unwrap_or(u64::MAX);
    let observer = Observer::default();
    observer.begin(name, Unit::Commands, total);
    let account = Account::new(deleted);
    let mut shower =
        Shower { terminal, teller, total, observer: &observer, left: &left, sent: false, account, of_a_cluster: false };
    let result = progress::during(&observer, || run(&mut shower));
    let Shower { account, of_a_cluster, .. } = shower;
    Watched { result, account, of_a_cluster }
}

/// Runs `look`, which tells how many of `total` keys and edits it has looked at.
pub fn looking<T>(_: &Terminal, _: Teller<'_>, total: u64, look: impl FnOnce(&mut dyn FnMut(u64)) -> T) -> T {
    let observer = Observer::default();
    observer.begin("looking", Unit::Looks, total);
    progress::during(&observer, || look(&mut |count| observer.position.store(count.min(total), Ordering::Relaxed)))
}

struct Shower<'a> {
    terminal: &'a Terminal,
    teller: Teller<'a>,
    total: u64,
    observer: &'a Observer,
    left: &'a dyn Fn() -> Leave,
    sent: bool,
    account: Account,
    of_a_cluster: bool,
}

impl Shower<'_> {
    fn say(&self, text: String) {
        self.terminal.say(text);
    }
}

impl Watcher for Shower<'_> {
    fn done(&mut self, item: &Item<'_>) {
        self.account.add(item);
    }

    fn event(&mut self, event: &Event) {
        // A reader of the events that went away does not stop a replay.
        let _ = self.teller.event(event, self.total);
        match event {
            Event::Sending { .. } if !self.sent => {
                self.sent = true;
                interrupt::sending((self.left)());
            }
            Event::Sending { .. } | Event::OfNodes(_) => {}
            Event::Answered(progress) => self.observer.position.store(progress.commands, Ordering::Relaxed),
            Event::Waiting { reason, wait } if wait.is_zero() => self.say(reason.clone()),
            Event::Waiting { reason, wait } => {
                self.say(format!("{reason}; trying again in {:.2} s", wait.as_secs_f64()));
            }
            Event::Reconnected { found_done } => {
                let done = counted(*found_done, "command");
                self.say(format!("connected again; {done} without an answer had been carried out"));
            }
            Event::Paced { commands, took } => {
                let size = counted(*commands, "command");
                self.say(format!("the last batch took {:.1} s: now {size} per batch", took.as_secs_f64()))
            }
            Event::Kept { number: at, command, key, parts } => {
                let shown: Vec<String> = parts.iter().take(3).map(|part| display(part)).collect();
                let more = if parts.len() > shown.len() { ", …" } else { "" };
                let what = match parts.len() {
                    1 => "1 edit is no longer right and was not made".to_owned(),
                    several => format!("{several} edits are no longer right and were not made"),
                };
                self.say(format!("command {at}, {command} {}: {what} ({}{more})", Printable(key), shown.join(", ")));
            }
            Event::Trouble { number, command, key, wanted, got, advice, of_a_cluster } => {
                self.of_a_cluster |= of_a_cluster;
                self.say(format!(
                    "command {number}, {command} {}, was answered with {got} where {wanted} was expected: {advice}",
                    Printable(key)
                ));
            }
        }
    }
}
