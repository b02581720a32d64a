//! The command `rdb-reindex`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rdb_reindex::commands::main()
}
