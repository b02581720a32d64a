//! Damaged dumps end in an error or in rows, in every table and form: never in a panic, and never in a wait.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rdb_reindex::dump::scan::Observer;
use rdb_reindex::export::{self, Error, Format, Options, Table};
use rdb_reindex::model::spec::{DEFAULT_PRESET, Spec};
use rdb_reindex::model::view::Expiry;

use crate::support::dump_writer::DumpBuilder;

const TABLES: [Table; 3] = [Table::Keys, Table::Elements, Table::Memberships];

/// A record of each kind, index keys right and wrong, and a compressed string.
fn dump() -> Vec<u8> {
    let mut dump = DumpBuilder::new(12);
    dump.server_aux(1_736_185_500).json("project:discord:1", "{}").string("long", "x".repeat(200));
    dump.json("message:discord:1", r#"{"projectId":"project:discord:1"}"#).string("message:discord:2", "{");
    dump.set("discord:messages:project:project:discord:1", &["message:discord:1", "message:discord:2", "gone"]);
    dump.set("discord:messages:user:3", &["1", "2"]).list("list", &["a", "1"]).zset("zset", &[("m", 0.5)]);
    dump.expire_ms(4_102_444_800_000).hash("hash", &[("f", "v")]).finish()
}

fn run(bytes: &[u8], table: Table, format: Format, spec: &Spec) -> Result<u64, Error> {
    let options = Options { table, format, spec, expiry: Expiry::Careful };
    export::run(bytes, options, &mut std::io::sink(), &Observer::default()).map(|summary| summary.rows)
}

#[test]
fn cuts_and_flips() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let spec = Spec::preset(DEFAULT_PRESET).unwrap();
    let whole = dump();
    let format = if cfg!(feature = "parquet") { Format::Parquet } else { Format::Csv };
    pool.install(|| {
        let rows = TABLES.map(|table| run(&whole, table, format, &spec).unwrap());
        // A row each but for three, two and two in the collections; of the memberships three in the right key, two in the
        // retired one, and that the registry of projects lacks the one there is.
        assert_eq!(rows, [9, 6 + 3 + 2 + 2, 3 + 2 + 1]);
        (0..whole.len()).into_par_iter().for_each(|at| {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            for table in TABLES {
                let cut = run(&whole[..at], table, format, &spec);
                assert!(matches!(cut, Err(Error::Dump(_))), "{table:?} cut at {at}: {cut:?}");
                for format in [format, Format::Ndjson] {
                    let flipped = run(&flipped, table, format, &spec);
                    let expected = matches!(
                        flipped,
                        Ok(_) | Err(Error::Dump(_) | Error::TooLarge { column: "db" | "elements" | "idle_s", .. })
                    );
                    assert!(expected, "{table:?}, byte {at} flipped: {flipped:?}");
                }
            }
        });
    });
}

/// Whoever takes the rows may stop at any time.
#[test]
fn an_output_that_fails_ends_it() {
    struct Short(usize);
    impl std::io::Write for Short {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let room = self.0.min(bytes.len());
            self.0 -= room;
            if room == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(room) }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let spec = Spec::preset(DEFAULT_PRESET).unwrap();
    let whole = dump();
    for table in TABLES {
        for (format, room) in [(Format::Csv, 0), (Format::Csv, 100), (Format::Ndjson, 100), (Format::Parquet, 100)] {
            if !format.is_built() {
                continue;
            }
            let options = Options { table, format, spec: &spec, expiry: Expiry::Careful };
            let error = export::run(&whole, options, &mut Short(room), &Observer::default()).unwrap_err();
            let kind = match &error {
                Error::Output(error) => error.kind(),
                other => panic!("{other}"),
            };
            assert_eq!(kind, std::io::ErrorKind::StorageFull, "{table:?} {format:?}");
        }
    }
}
