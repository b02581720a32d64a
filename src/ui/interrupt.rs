//! Ctrl-C: acknowledged at once, and an end within a second that is never that of the raw signal.
//!
//! The first one asks the work to stop, and says so. What does not end by itself in time (it reads from a pipe, a slow
//! disk, a server that does not answer) is ended from here, as long as nothing is under way that has to be answered. The
//! second one leaves at once in any case, and says what it leaves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::exit::{Exit, Failure, Outcome};
use super::progress;
use super::terminal::Terminal;
use crate::progress::leftovers;

/// How long the work may take to end by itself.
const GRACE: Duration = Duration::from_millis(600);
/// How long the last words may take: nobody may be reading them.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// What the program would end with, if it were ended now.
#[derive(Debug)]
pub struct Leave {
    pub exit: Exit,
    pub message: String,
    pub hint: Option<String>,
}

impl Default for Leave {
    fn default() -> Self {
        Self { exit: Exit::Stopped, message: "interrupted; nothing was written".into(), hint: None }
    }
}

/// What is under way.
enum Phase {
    /// Nothing that has to be answered.
    Free(Leave),
    /// Commands that change a database: the first Ctrl-C waits for their answers.
    Sending(Leave),
    /// The work has ended by itself.
    Over,
}

type Listener = Box<dyn Fn() + Send>;

struct State {
    pressed: bool,
    phase: Phase,
    listeners: Vec<Listener>,
    terminal: Option<Terminal>,
    /// Writes the last event, also for whoever is interrupted.
    last_event: Option<LastEvent>,
}

/// Writes how it ended, as an event.
pub type LastEvent = fn(&Terminal, &Outcome) -> Result<(), Failure>;

static STATE: Mutex<State> =
    Mutex::new(State { pressed: false, phase: Phase::Over, listeners: Vec::new(), terminal: None, last_event: None });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From here on Ctrl-C is an orderly end. Called once, before any work.
pub fn install(terminal: &Terminal) {
    let mut state = state();
    state.terminal = Some(terminal.clone());
    state.phase = Phase::Free(Leave::default());
    drop(state);
    // It fails only where a handler is installed already.
    let _ = ctrlc::set_handler(pressed);
}

/// Has somebody told of the first Ctrl-C; at once, if there was one.
pub fn tell(listener: impl Fn() + Send + 'static) {
    let mut state = state();
    if state.pressed {
        listener();
    } else {
        state.listeners.push(Box::new(listener));
    }
}

/// Has Ctrl-C ask for a stop. What `stop` says does not matter: whoever presses twice leaves at once.
pub fn stops(stop: impl Fn() -> bool + Send + 'static) {
    tell(move || {
        stop();
    });
}

/// A flag that the first Ctrl-C sets.
pub fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    tell(move || set.store(true, Ordering::SeqCst));
    flag
}

/// The last event is to be written, too.
pub fn with_last_event(write: LastEvent) {
    state().last_event = Some(write);
}

/// What to end with from here on, as long as nothing is sent.
pub fn leaves(leave: Leave) {
    let mut state = state();
    if !matches!(state.phase, Phase::Over) {
        state.phase = Phase::Free(leave);
    }
}

/// The same for work that has been writing to standard output.
pub fn leaves_with(message: &str) {
    leaves(Leave { message: message.to_owned(), ..Leave::default() });
}

/// Commands are about to leave: from here on they are waited for, and what is left by going at once is this.
pub fn sending(leave: Leave) {
    let mut state = state();
    // While the lock was waited for, the program may have been ended: then nothing was sent.
    if !matches!(state.phase, Phase::Over) {
        state.phase = Phase::Sending(leave);
    }
}

/// The work has ended by itself, and says how.
pub fn over() {
    state().phase = Phase::Over;
}

fn pressed() {
    let mut state = state();
    if std::mem::replace(&mut state.pressed, true) {
        leave(&state, "leaving at once");
        return;
    }
    state.listeners.iter().for_each(|listener| listener());
    if let Some(terminal) = &state.terminal {
        terminal.say(match state.phase {
            Phase::Free(_) => "Ctrl-C: stopping",
            Phase::Sending(_) => "Ctrl-C: waiting for the answers to what is under way; a second one leaves at once",
            Phase::Over => return,
        });
    }
    drop(state);
    std::thread::spawn(|| {
        std::thread::sleep(GRACE);
        let state = self::state();
        if matches!(state.phase, Phase::Free(_)) {
            leave(&state, "");
        }
    });
}

/// Ends the process; the caller holds the state, so that nothing is sent meanwhile.
fn leave(state: &State, how: &str) {
    let (Phase::Free(leave) | Phase::Sending(leave)) = &state.phase else { return };
    let exit = leave.exit as i32;
    if matches!(state.phase, Phase::Free(_)) {
        leftovers::sweep();
    }
    std::thread::spawn(move || {
        std::thread::sleep(LAST_WORDS);
        std::process::exit(exit);
    });
    let message = match how {
        "" => leave.message.clone(),
        how => format!("{how}: {}", leave.message),
    };
    let failure = Failure::new(leave.exit, message).with_any_hint(leave.hint.as_ref());
    let _held = progress::clear();
    drop(_held);
    if let Some(terminal) = &state.terminal {
        if let Some(write) = state.last_event {
            // Nobody may be reading them any more.
            let _ = write(terminal, &Err(Failure { ..failure.clone() }));
        }
        terminal.failure(&failure);
    }
    std::process::exit(exit);
}

/// Waits for a person in a thread of its own, which is left behind when Ctrl-C is pressed: `None`.
pub fn interruptible<T: Send + 'static>(interrupt: &AtomicBool, ask: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (answer, answers) = std::sync::mpsc::channel();
    std::thread::spawn(move || answer.send(ask()));
    loop {
        match answers.recv_timeout(Duration::from_millis(50)) {
            Ok(answer) => return Some(answer),
            Err(RecvTimeoutError::Timeout) if !interrupt.load(Ordering::SeqCst) => {}
            Err(_) => return None,
        }
    }
}
