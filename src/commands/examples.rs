//! Examples for `--help`: comments and commands, as a shell takes them. A test runs all that need no server of somebody
//! else's; no line is longer than a terminal of 80 columns.

pub const INVENTORY: &str = "\
Examples:
  # What is there, what is wrong
  rdb-reindex inventory dump.rdb
  # Without judging any index
  rdb-reindex inventory dump.rdb --no-spec
  # Compressed, and with a spec of your own
  rdb-reindex inventory dump.rdb.gz --spec my.toml
  # The shards of one database
  rdb-reindex inventory shard-1.rdb shard-2.rdb
  # The 20 largest keys, and a tree of what names begin with
  rdb-reindex inventory dump.rdb --top 20 --depth 2
  # Which indexes could be smaller or gone
  rdb-reindex inventory dump.rdb --advise
  # From a pipe
  cat dump.rdb | rdb-reindex inventory -
  # For a script
  rdb-reindex inventory dump.rdb --format json > inventory.json
  # For a nightly job that watches the indexes
  rdb-reindex inventory dump.rdb --format openmetrics > indexes.prom";

pub const PLAN: &str = "\
Examples:
  # Write the folder `plan`: commands, rollback, each edit with its reason
  rdb-reindex plan dump.rdb --out plan
  # By a spec of your own
  rdb-reindex plan dump.rdb --out plan --spec my.toml
  # In a script: status 3 says that there is something to repair
  rdb-reindex plan dump.rdb --out plan --quiet --exit-code || [ $? -eq 3 ]

What comes next: `show`, `rehearse`, `apply --dry-run`, `apply`, `verify`.";

pub const JOIN: &str = "\
Examples:
  # The plans of all shards, from wherever they were made
  rdb-reindex join plans/* --out plan

What comes next is as after `plan`: `show`, `rehearse`, `apply`, `verify`.";

pub const REHEARSE: &str = "\
Examples:
  # In memory
  rdb-reindex rehearse plan dump.rdb
  # And in a throwaway redis-server
  rdb-reindex rehearse plan dump.rdb --server
  # With the module that the documents of the dump need
  rdb-reindex rehearse plan dump.rdb --server --module /usr/lib/rejson.so";

pub const SHOW: &str = "\
Examples:
  # What the plan will do, why, what it costs, what comes next
  rdb-reindex show plan";

pub const APPLY: &str = "\
Examples:
  # Compare with the database, write nothing
  rdb-reindex apply plan --to rediss://HOST:6379 --dry-run
  # Do it: asks for the plan id
  rdb-reindex apply plan --to rediss://HOST:6379
  # Go on after whatever ended it
  rdb-reindex apply plan --to rediss://HOST:6379 --resume
  # Upstash REST, gently, while the application writes
  rdb-reindex apply plan --to https://HOST --guard records --max-rate 500

`rdb-reindex rollback` undoes it, with the journal that it leaves in the folder.";

pub const VERIFY: &str = "\
Examples:
  # Only reads
  rdb-reindex verify plan --to rediss://HOST:6379
  # Without a connection: from a dump taken afterwards
  rdb-reindex verify plan --dump after.rdb";

pub const ROLLBACK: &str = "\
Examples:
  # What would be undone; write nothing
  rdb-reindex rollback plan --to rediss://HOST:6379 --dry-run
  # Undo what was applied: asks for the plan id
  rdb-reindex rollback plan --to rediss://HOST:6379";

pub const CHECK: &str = "\
Examples:
  # Structure, every value, every name, the checksum
  rdb-reindex check dump.rdb
  # For a script: what is damaged, and where
  rdb-reindex check dump.rdb --format json
  # Status 0 says that it is whole, 1 that it is not
  rdb-reindex check dump.rdb.gz && echo whole";

pub const EXPORT: &str = "\
Examples:
  # Where the space goes: one row per key, for DuckDB and others
  rdb-reindex export dump.rdb --out keys.parquet
  # The messages, with their content
  rdb-reindex export dump.rdb --table elements --format csv --match 'message:*'
  # Large keys
  rdb-reindex export dump.rdb --min-bytes 1MB
  # What is wrong with the indexes, member by member
  rdb-reindex export dump.rdb --table memberships --out members.csv

docs/duckdb.md has ten questions and their answers in SQL.";

pub const DIFF: &str = "\
Examples:
  # What changed, for people
  rdb-reindex diff monday.rdb today.rdb
  # A row for each changed key
  rdb-reindex diff monday.rdb today.rdb --table keys --format csv
  # Which index key gained and lost which members
  rdb-reindex diff monday.rdb today.rdb --table memberships";

pub const INFER: &str = "\
Examples:
  # Propose a spec, with its evidence in comments
  rdb-reindex infer dump.rdb > proposed.toml
  # And see what it would find wrong
  rdb-reindex inventory dump.rdb --spec proposed.toml";

#[cfg(feature = "parquet")]
pub const SCAN: &str = "\
Examples:
  # On any machine, one process for each shard
  rdb-reindex scan shard-1.rdb --preset rq --shard 1 --out facts
  rdb-reindex scan shard-2.rdb --preset rq --shard 2 --out facts

What comes next: `sql`, the engine, `plan --edits` for each shard, `join`.";

#[cfg(feature = "parquet")]
pub const SQL: &str = "\
Examples:
  # DuckDB runs it as it is
  rdb-reindex sql --preset rq --dialect duckdb --facts facts --out edits > plan.sql
  # Spark, by a script that takes the folders, or URLs of an object store
  rdb-reindex sql --preset rq --dialect spark --driver > plan.py";

pub const SPEC: &str = "\
Examples:
  # The preset, ready to edit
  rdb-reindex spec > my.toml
  # Those that are built in, and one of them
  rdb-reindex spec --list
  rdb-reindex spec --preset rq
  # Is mine right? Errors point at the line
  rdb-reindex spec --spec my.toml > /dev/null";

pub const COMPLETIONS: &str = "\
Examples:
  # For this shell
  eval \"$(rdb-reindex completions bash)\"
  # For good: fish looks in ~/.config/fish/completions, zsh in $fpath
  rdb-reindex completions fish > rdb-reindex.fish
  rdb-reindex completions zsh > _rdb-reindex";

pub const MAN: &str = "\
Examples:
  # Read it
  rdb-reindex man | man -l -
  # One page per command, to install
  rdb-reindex man --out man1";

pub const PROGRAM: &str = "\
Begin with `rdb-reindex inventory DUMP`. Each command has examples: --help.

Exit status:
  0  done
  1  error
  2  the command line is wrong
  3  with --exit-code only: there is something to repair, or the dumps differ
  4  refused: drift, a brake, or the wrong database; nothing was written
  5  verification or rehearsal failed
  6  interrupted, can be resumed
  7  done, with edits left out because their record had moved
  130  Ctrl-C before anything was sent";

/// The same for the manual. A test holds the two together.
pub const EXIT_STATUS: [(&str, &str); 9] = [
    ("0", "done"),
    ("1", "error"),
    ("2", "the command line is wrong"),
    ("3", "with --exit-code only: there is something to repair, or the dumps differ"),
    ("4", "refused: drift, a brake, or the wrong database; nothing was written"),
    ("5", "verification or rehearsal failed"),
    ("6", "interrupted, can be resumed"),
    ("7", "done, with edits left out because their record had moved"),
    ("130", "Ctrl-C before anything was sent"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_and_the_help_have_the_same_statuses() {
        let of_help: Vec<(&str, &str)> = PROGRAM
            .split_once("Exit status:\n")
            .map(|(_, lines)| lines.lines().filter_map(|line| line.trim().split_once("  ")).collect())
            .unwrap_or_default();
        assert_eq!(of_help, EXIT_STATUS);
    }
}
