//! What a person at a terminal meets: two streams, a line of progress, Ctrl-C, exit statuses, commands to type. Knows no
//! command of the program.

pub mod exit;
pub mod interrupt;
pub mod opened;
pub mod progress;
pub mod terminal;
pub mod typed;
