//! A real `redis-server` on a free loopback port, started for one test and gone with it.
//!
//! ```ignore
//! let Some(server) = Server::builder().rejson().dump_file("fixtures/discord-analytics.rdb").start() else { return };
//! let keys: u64 = server.query(&["DBSIZE"]);
//! ```
//!
//! `start` gives `None` where no server is installed, so that a checkout without one can still be tested; with `CI` set
//! it panics instead, because there a skipped test would look like a passed one (for servers other than Redis 7.0 with
//! `RDB_REINDEX_ALL_SERVERS` set).

pub mod cluster;
mod launch;
mod monitor;
mod pipe;
mod programs;
pub mod tls;

pub use cluster::Cluster;
use launch::free_port;
pub use launch::{Server, query};
pub use monitor::Monitor;
pub use pipe::PipeSummary;
pub use programs::{Program, on_path};
