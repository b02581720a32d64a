//! `rdb-reindex sql`.

use clap::ValueEnum;

use super::args::SpecChoice;
use super::spec;
use crate::model::spec::{Acceptance, Given};
use crate::sql::{Dialect, Folders, driver, script};
use crate::ui::exit::{Exit, Failure, Outcome};
use crate::ui::terminal::Terminal;

/// Print the rules of a spec as SQL over the facts that `scan` wrote, for an engine that joins all shards.
#[derive(Debug, clap::Args)]
pub struct SqlArgs {
    #[command(flatten)]
    pub spec: SpecChoice,
    /// The engine.
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub dialect: EngineDialect,
    /// Where the facts are.
    #[arg(long, value_name = "DIR", required_unless_present = "driver")]
    pub facts: Option<String>,
    /// Where the edits go; it must not be there.
    #[arg(long, value_name = "EDITS", required_unless_present = "driver")]
    pub out: Option<String>,
    /// A script for `spark-submit`, which takes both folders as its arguments.
    #[arg(long, conflicts_with_all = ["facts", "out"])]
    pub driver: bool,
    /// Lift a brake that somebody has looked at: BRAKE, or INDEX:BRAKE for one index; may be given several times.
    #[arg(long, value_name = "BRAKE", value_delimiter = ',')]
    pub accept: Vec<Acceptance>,
    /// Repair only this index of the spec; may be given several times.
    #[arg(long, value_name = "INDEX", value_delimiter = ',')]
    pub only: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineDialect {
    /// Apache Spark, on one machine or many.
    Spark,
    /// DuckDB, on one machine.
    Duckdb,
}

pub fn run(args: &SqlArgs, terminal: &Terminal) -> Outcome {
    if !args.spec.is_given() {
        return Err(Failure::new(Exit::Usage, "--spec FILE or --preset NAME is missing: the rules come from it"));
    }
    if args.driver && args.dialect != EngineDialect::Spark {
        return Err(Failure::new(Exit::Usage, "--driver is for Spark; DuckDB runs the SQL as it is"));
    }
    let given = Given { accept: args.accept.clone(), only: args.only.clone() };
    let spec = spec::load_given(&args.spec, &given, terminal)?;
    let dialect = match args.dialect {
        EngineDialect::Spark => Dialect::Spark,
        EngineDialect::Duckdb => Dialect::DuckDb,
    };
    let text = match (&args.facts, &args.out) {
        (Some(facts), Some(edits)) => script(&spec, dialect, Folders { facts, edits }),
        _ => driver(&spec),
    };
    terminal.data(text.as_bytes())?;
    Ok(Exit::Done)
}
