//! The check of a dump: what it finds whole can be exported, row by row.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rdb_reindex::export::{self, Format, Options, Table};
use rdb_reindex::model::view::Expiry;
use rdb_reindex::dump::scan::Observer;
use rdb_reindex::model::spec::{DEFAULT_PRESET, Spec};

fuzz_target!(|data: &[u8]| {
    let observer = Observer::default();
    let Ok(report) = rdb_reindex::check::run(data, &observer) else { return };
    assert!(report.whole_keys <= report.keys);
    assert_eq!(report.damaged == 0, report.findings.is_empty());
    if report.footer.is_none() || !report.findings.is_empty() {
        return;
    }
    let spec = Spec::preset(DEFAULT_PRESET).unwrap();
    for (table, format) in [(Table::Keys, Format::Csv), (Table::Elements, Format::Ndjson)] {
        let options = Options { table, format, spec: &spec, expiry: Expiry::Careful };
        let mut out = Vec::new();
        let summary = export::run(data, options, &mut out, &observer).unwrap();
        if table == Table::Keys {
            assert_eq!(summary.rows, report.keys);
        } else {
            assert_eq!(
                summary.undecodable.count,
                report.oddities.get(&rdb_reindex::check::Oddity::JsonVersion).map_or(0, |odd| odd.0)
            );
        }
        assert_eq!(Some(summary.crc64), report.crc64);
    }
});
