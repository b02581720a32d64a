//! From the rules to a script.

use std::fmt::Write as _;

use crate::bundle::sha256;
use crate::facts::{Alternative, EVERY_INDEX, FORMAT_VERSION, Table, spec_id};
use crate::model::spec::{Brake, Index, IndexType, Part, Policy, Spec};

const RULES: &str = include_str!("rules.sql");
const PRUNE: &str = include_str!("prune.sql");
const ROUND: &str = include_str!("round.sql");
const PRUNE_LAST: &str = include_str!("prune_last.sql");
const COUNTS: &str = include_str!("counts.sql");
const PRUNE_COUNTS: &str = include_str!("prune_counts.sql");
const EDITS: &str = include_str!("edits.sql");
const PRUNE_EDITS: &str = include_str!("prune_edits.sql");
const OUT: &str = include_str!("out.sql");

/// The database that Spark's own SQL works in.
const SPARK_WORK: &str = "rdb_reindex_work";

/// More rounds than these are not written out: what the last one leaves open is an error.
const MOST_ROUNDS: usize = 8;

/// The engine that is to understand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    DuckDb,
    Spark,
}

/// Where the facts are, and where the edits go: folders, or what the engine understands (`s3://…`).
#[derive(Clone, Copy, Debug)]
pub struct Folders<'f> {
    pub facts: &'f str,
    pub edits: &'f str,
}

/// What becomes of the answer of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// It is kept: several others ask it.
    Table(String),
    /// It is worked out where it is asked.
    View(String),
    /// It must be empty; else this is what is wrong.
    Check(String),
}

/// A statement of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    kind: Kind,
    /// Why, if that is not to be seen.
    note: Vec<String>,
    query: String,
}

/// A script for the engine's own shell.
pub fn script(spec: &Spec, dialect: Dialect, folders: Folders<'_>) -> String {
    let mut out = format!(
        "-- The edits of a database of several shards, by the spec {} (SHA-256 {}).\n\
         -- Written by rdb-reindex {}; it reads the facts in {} and writes to {},\n\
         -- which must not be there. A line that fails ends it before anything is written.\n\n",
        quoted(&spec.name),
        sha256(spec.text.as_bytes()),
        env!("CARGO_PKG_VERSION"),
        quoted(folders.facts),
        quoted(folders.edits),
    );
    let mut checks = Vec::new();
    if dialect == Dialect::Spark {
        // Tables of a database of their own, which is taken away at the end: temporary views would be planned anew, with all
        // that they come from, in each statement.
        let _ = write!(
            out,
            "DROP DATABASE IF EXISTS {SPARK_WORK} CASCADE;\nCREATE DATABASE {SPARK_WORK};\nUSE {SPARK_WORK};\n\n"
        );
    }
    for table in Table::ALL {
        let path = format!("{}/{}", folders.facts.trim_end_matches('/'), table.name());
        let _ = match dialect {
            Dialect::DuckDb => writeln!(
                out,
                "CREATE OR REPLACE TEMP VIEW f_{} AS SELECT * FROM read_parquet({});",
                table.name(),
                text(&format!("{path}/*.parquet"))
            ),
            Dialect::Spark => writeln!(
                out,
                "CREATE OR REPLACE TEMPORARY VIEW f_{} USING parquet OPTIONS (path {});",
                table.name(),
                text(&path)
            ),
        };
    }
    for statement in statements(spec, dialect) {
        out.push('\n');
        for line in &statement.note {
            let _ = writeln!(out, "-- {line}");
        }
        let _ = match (&statement.kind, dialect) {
            (Kind::Table(name), Dialect::DuckDb) => {
                writeln!(out, "CREATE OR REPLACE TEMP TABLE {name} AS\n{};", statement.query)
            }
            (Kind::View(name), Dialect::DuckDb) => {
                writeln!(out, "CREATE OR REPLACE TEMP VIEW {name} AS\n{};", statement.query)
            }
            (Kind::Table(name), Dialect::Spark) => {
                writeln!(out, "CREATE TABLE {name} USING parquet AS\n{};", statement.query)
            }
            (Kind::View(name), Dialect::Spark) => {
                writeln!(out, "CREATE OR REPLACE TEMPORARY VIEW {name} AS\n{};", statement.query)
            }
            (Kind::Check(message), _) => {
                let name = format!("check_{}", checks.len());
                let (keep, using, error) = match dialect {
                    Dialect::DuckDb => ("CREATE OR REPLACE TEMP TABLE", "", "error"),
                    Dialect::Spark => ("CREATE TABLE", " USING parquet", "raise_error"),
                };
                let check = writeln!(
                    out,
                    "{keep} {name}{using} AS SELECT CASE WHEN count(*) > 0 THEN {error}(concat({}, ': ', min(what))) ELSE '' END \
                     AS ok FROM (\n{}\n) wrong;",
                    text(message),
                    statement.query
                );
                checks.push(name);
                check
            }
        };
    }
    // A shell that goes on after an error finds no table of the check that failed.
    let all =
        checks.iter().fold("SELECT e.* FROM edits e".to_owned(), |all, check| format!("{all} CROSS JOIN {check}"));
    let all = format!("SELECT x.* FROM ({all}) x ORDER BY x.shard");
    let _ = match dialect {
        Dialect::DuckDb => writeln!(
            out,
            "\nCOPY ({all}) TO {} (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (shard));",
            text(folders.edits)
        ),
        Dialect::Spark => writeln!(
            out,
            "\nCREATE TABLE written USING parquet PARTITIONED BY (shard) LOCATION {}\nAS {all};\n\nUSE default;\nDROP \
             DATABASE {SPARK_WORK} CASCADE;",
            text(folders.edits)
        ),
    };
    out
}

/// A script for `spark-submit`: the folder of the facts and that of the edits are its arguments.
pub fn driver(spec: &Spec) -> String {
    let mut out = format!(
        "# The edits of a database of several shards, by the spec {name}\n\
         # (SHA-256 {sha}). Written by rdb-reindex {version}.\n\
         #\n\
         #   spark-submit plan.py FACTS EDITS\n\
         #\n\
         # FACTS is what `rdb-reindex scan` wrote; EDITS must not be there. Both may be object-store URLs.\n\
         # What is worked out on the way stands in EDITS.work, which is taken away at the end.\n\
         import sys\n\n\
         from pyspark.sql import SparkSession\n\n\
         if len(sys.argv) != 3:\n    sys.exit(\"usage: spark-submit plan.py FACTS EDITS\")\n\
         facts, edits = sys.argv[1].rstrip(\"/\"), sys.argv[2].rstrip(\"/\")\n\
         work = edits + \".work\"\n\
         spark = SparkSession.builder.appName(\"rdb-reindex\").getOrCreate()\n\
         spark.conf.set(\"spark.sql.parquet.compression.codec\", \"zstd\")\n\
         spark.conf.set(\"spark.sql.parquet.binaryAsString\", \"false\")\n\n\
         def folder(path):\n    \
             path = spark._jvm.org.apache.hadoop.fs.Path(path)\n    \
             return path, path.getFileSystem(spark._jsc.hadoopConfiguration())\n\n\n\
         path, files = folder(edits)\n\
         if files.exists(path):\n    sys.exit(\"rdb-reindex: \" + edits + \" is there already; take it away, or name another one\")\n\n\
         for name in {tables}:\n    \
             spark.read.parquet(facts + \"/\" + name).createOrReplaceTempView(\"f_\" + name)\n\n\n\
         # Written and read again: without that, every statement would be planned anew with all that it comes from.\n\
         def keep(name, query):\n    \
             spark.sql(query).write.mode(\"overwrite\").parquet(work + \"/\" + name)\n    \
             spark.read.parquet(work + \"/\" + name).createOrReplaceTempView(name)\n\n\n\
         def view(name, query):\n    spark.sql(query).createOrReplaceTempView(name)\n\n\n\
         def check(message, query):\n    \
             wrong = spark.sql(query).limit(1).collect()\n    \
             if wrong:\n        sys.exit(\"rdb-reindex: \" + message + \": \" + str(wrong[0][0]))\n\n",
        name = quoted(&spec.name),
        sha = sha256(spec.text.as_bytes()),
        version = env!("CARGO_PKG_VERSION"),
        tables = python_list(Table::ALL.iter().map(|table| table.name())),
    );
    for statement in statements(spec, Dialect::Spark) {
        out.push('\n');
        for line in &statement.note {
            let _ = writeln!(out, "# {line}");
        }
        let (call, name) = match &statement.kind {
            Kind::Table(name) => ("keep", name),
            Kind::View(name) => ("view", name),
            Kind::Check(message) => ("check", message),
        };
        let _ = writeln!(out, "{call}({}, r\"\"\"\n{}\n\"\"\")", python(name), statement.query);
    }
    out.push_str("\nspark.table(\"edits\").repartition(\"shard\").write.partitionBy(\"shard\").parquet(edits)\n");
    out.push_str("path, files = folder(work)\nfiles.delete(path, True)\nspark.stop()\n");
    out
}

fn python(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn python_list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    format!("[{}]", names.map(python).collect::<Vec<_>>().join(", "))
}

/// A text of SQL.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A name within a comment.
fn quoted(name: &str) -> String {
    crate::text::safe(name).replace(['\n', '\r'], " ")
}

/// The rules, in the order in which they are worked out.
fn statements(spec: &Spec, dialect: Dialect) -> Vec<Statement> {
    let prunes = spec.indexes.iter().any(Index::prunes);
    let rounds = rounds(spec);
    let mut rules = format!("{}\n{}\n{RULES}", indexes(spec), alternatives(spec));
    if prunes {
        rules.push_str(PRUNE);
        for round in 0..=rounds {
            rules.push_str(&ROUND.replace("@n@", &round.to_string()).replace("@next@", &(round + 1).to_string()));
        }
        rules.push_str(&PRUNE_LAST.replace("@next@", &(rounds + 1).to_string()));
    }
    rules.push_str(COUNTS);
    rules.push_str(if prunes { PRUNE_COUNTS } else { "" });
    rules.push_str(";\n");
    rules.push_str(EDITS);
    rules.push_str(if prunes { PRUNE_EDITS } else { "" });
    rules.push_str(";\n");
    rules.push_str(OUT);
    rules.push_str(";\n");
    let [binary, double, words] = match dialect {
        Dialect::DuckDb => ["BLOB", "DOUBLE", "VARCHAR"],
        Dialect::Spark => ["BINARY", "DOUBLE", "STRING"],
    };
    let needs = spec.records.iter().any(|class| class.exists.is_some());
    let sha = spec_id(spec);
    let (format, every) = (FORMAT_VERSION.to_string(), EVERY_INDEX.to_string());
    let (last, given) = (rounds.to_string(), given(spec).replace('\'', "''"));
    let fill = |query: &str| {
        let mut query = query.to_owned();
        for (name, value) in [
            ("@binary@", binary),
            ("@double@", double),
            ("@text@", words),
            ("@format@", &format),
            ("@spec@", &sha),
            ("@every@", &every),
            ("@last@", &last),
            ("@given@", &given),
        ] {
            query = query.replace(name, value);
        }
        alive(&query, needs)
    };
    let mut out = Vec::new();
    for part in rules.split(";\n") {
        let mut lines = part.trim().lines();
        let Some(head) = lines.next() else { continue };
        let (note, query): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with("-- "));
        let head = head.trim_start_matches("-- ");
        let Some((what, name)) = head.split_once(' ') else { continue };
        let name = fill(name);
        let kind = match what {
            "table" => Kind::Table(name),
            "view" => Kind::View(name),
            _ => Kind::Check(name),
        };
        let note = note.iter().map(|line| line.trim_start_matches("-- ").to_owned()).collect();
        out.push(Statement { kind, note, query: fill(&query.join("\n")).trim().to_owned() });
    }
    out
}

/// `@alive TABLE@`: from the rows of the table that hold at the time of the clock, and whose records count.
fn alive(query: &str, needs: bool) -> String {
    let Some((before, rest)) = query.split_once("@alive ") else { return query.to_owned() };
    let Some((table, after)) = rest.split_once('@') else { return query.to_owned() };
    let (join, count) = if needs {
        ("\nLEFT JOIN named_now n ON n.db = f.db AND n.key = f.need", " AND (f.has_need = 0 OR n.key IS NOT NULL)")
    } else {
        ("", "")
    };
    format!("{before}FROM {table} f CROSS JOIN clock{join} WHERE f.from_ms <= c AND c < f.to_ms{count}{after}")
}

/// What was said beside the spec, as far as it changes edits.
pub fn given(spec: &Spec) -> String {
    let kept = spec.given.accept.iter().filter(|acceptance| acceptance.brake.keeps()).map(ToString::to_string);
    let mut accept: Vec<String> = kept.collect();
    let mut only = spec.given.only.clone();
    accept.sort_unstable();
    accept.dedup();
    only.sort_unstable();
    only.dedup();
    serde_json::json!({ "accept": accept, "only": only }).to_string()
}

fn indexes(spec: &Spec) -> String {
    let (first, by_key) = (spec.first_of_keys(), spec.by_record_key());
    let flag = |yes: bool| u8::from(yes);
    let row = |(at, index): (usize, &Index)| {
        let kind = match index.kind {
            IndexType::Any => "any",
            kind => kind.as_str(),
        };
        format!(
            "({at}, {}, '{}', '{kind}', {}, {}, {}, {}, {}, {}, {}, {}, {})",
            first.get(at).copied().unwrap_or(at),
            index.policy.as_str(),
            index.db,
            index.from.map_or_else(|| "-1".to_owned(), |class| class.to_string()),
            flag(by_key[at]),
            flag(index.names_its_record()),
            flag(by_key[at]),
            flag(index.accepted.has(Brake::OtherType)),
            flag(index.accepted.has(Brake::Nested)),
            flag(index.accepted.has(Brake::ForeignMembers)),
            flag(index.prunes() && index.family.literals() == 0),
        )
    };
    let rows: Vec<String> = spec.indexes.iter().enumerate().map(row).collect();
    let none = "(-1, -1, '', '', 0, -1, 0, 0, 0, 0, 0, 0, 0)".to_owned();
    format!(
        "-- table ix\n-- The indexes of the spec.\nSELECT * FROM (VALUES\n    {}\n) AS t (idx, joint, policy, type, db, from_class, \
         by_key, names_record, member_key, acc_other, acc_nested, acc_foreign, vague) WHERE idx >= 0;\n",
        rows.into_iter().chain([none]).collect::<Vec<_>>().join(",\n    ")
    )
}

fn alternatives(spec: &Spec) -> String {
    let all = Alternative::all(spec);
    let row = |(rule, alternative): &(usize, Alternative<'_>)| {
        format!(
            "({}, {rule}, {}, {})",
            alternative.number,
            u8::from(alternative.exists.is_plain()),
            alternative.compared()
        )
    };
    let rows = all.iter().map(row).chain(["(-1, -1, 0, 0)".to_owned()]);
    format!(
        "-- table alts\n-- What `exists` of the prune rules asks for.\nSELECT * FROM (VALUES\n    {}\n) AS t (alt, idx, plain, \
         compared) WHERE alt >= 0;\n",
        rows.collect::<Vec<_>>().join(",\n    ")
    )
}

/// How often is looked again whether what is pruned is named by entries that then go, too.
fn rounds(spec: &Spec) -> usize {
    let rules = || spec.indexes.iter().filter(|index| index.policy == Policy::Prune && index.prunes());
    let may_meet = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
    let named = rules().flat_map(|index| &index.exists).map(|exists| match exists.key.parts.first() {
        Some(Part::Literal(bytes)) => bytes.clone(),
        _ => Vec::new(),
    });
    let named: Vec<Vec<u8>> = named.collect();
    let chained = rules().any(|index| named.iter().any(|name| may_meet(index.family.glob().literal_prefix(), name)));
    if chained { rules().count().clamp(1, MOST_ROUNDS) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::PRESETS;

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        for (name, text) in PRESETS {
            let spec = Spec::parse(text, name).unwrap_or_else(|errors| panic!("{errors}"));
            for dialect in [Dialect::DuckDb, Dialect::Spark] {
                let script = script(&spec, dialect, Folders { facts: "fa'cts/", edits: "edits" });
                let rest: Vec<&str> =
                    script.lines().filter(|line| !line.starts_with("--") && line.contains('@')).collect();
                assert!(rest.is_empty(), "{name}: {rest:?}");
                assert!(script.contains("'fa''cts/shards"), "{name}");
            }
            assert!(driver(&spec).contains("keep(\"edits\""), "{name}");
        }
    }
}
