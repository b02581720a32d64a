//! What a person reads of a check.

use std::fmt::Write;

use crate::check::{Finding, Oddity, Report};
use crate::dump::rdb::{Checksum, Suspicion};
use crate::text::display;

/// The whole of it. Writing to a string cannot fail.
pub fn render(file: &str, report: &Report, cause: Option<Suspicion>) -> String {
    let mut text = String::new();
    let unreadable = report.unreadable();
    let verdict = match unreadable {
        _ if report.is_whole() => "whole",
        Some(_) => "not readable",
        None => "damaged",
    };
    let _ = writeln!(text, "{verdict}: {file}");
    let _ = writeln!(text, "  format: {} {}", report.header.flavor, report.header.version);
    let _ = match report.footer {
        Some(_) => writeln!(text, "  keys: {}", report.keys),
        None => {
            let what = if unreadable.is_some() { "it" } else { "the damage" };
            writeln!(text, "  keys: {} were read before {what}", report.whole_keys)
        }
    };
    if report.functions > 0 {
        let _ = writeln!(text, "  function libraries: {}", report.functions);
    }
    if !report.module_aux.is_empty() {
        let _ = writeln!(text, "  data of modules beside the keys: {}", report.module_aux.join(", "));
    }
    if report.member_expiries > 0 {
        let _ = writeln!(text, "  expiries of members (KeyDB): {}", report.member_expiries);
    }
    let _ = writeln!(text, "  checksum: {}", checksum(report));
    for (oddity, (count, first)) in &report.oddities {
        let _ = writeln!(text, "  note: {count} {}, the first at offset {first}", words(*oddity));
    }
    for finding in &report.findings {
        let label = if unreadable.is_some() { "stopped by" } else { "damage" };
        let _ = writeln!(text, "  {label}: {}", finding.problem);
        let _ = writeln!(text, "    in {}", place(finding));
    }
    let more = report.damaged.saturating_sub(report.findings.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
    if let Some(cause) = cause {
        let _ = writeln!(text, "  cause: {cause}");
    }
    if let Some(error) = unreadable {
        let _ = writeln!(text, "  hint: {}", error.hint());
    } else if !report.findings.is_empty() {
        let _ = writeln!(text, "  whole keys before the first damage: {}", report.whole_keys);
    } else if report.checksum_is_wrong() {
        text.push_str("  every value is well formed: what was changed cannot be told from the bytes\n");
    }
    text
}

fn checksum(report: &Report) -> String {
    match report.checksum() {
        Some(Checksum::Absent) if report.footer.is_some_and(|footer| footer.crc.is_none()) => {
            format!("absent (version {} has none)", report.header.version)
        }
        Some(Checksum::Absent) => "absent (the server did not compute it)".to_owned(),
        Some(Checksum::Right) => "verified".to_owned(),
        Some(Checksum::Wrong { stored, computed }) => {
            format!("wrong: the file says {stored:016x}, its bytes give {computed:016x}")
        }
        None => "not reached".to_owned(),
    }
}

fn place(finding: &Finding) -> String {
    let start = finding.start;
    let Some(db) = finding.place.db else {
        return format!("what stands at offset {start} ({start:#x}), which is not a key");
    };
    let key = match &finding.place.key {
        Some(key) => format!("the key {}", display(key)),
        None => "a key whose name cannot be read".to_owned(),
    };
    let value = match &finding.place.value {
        Some((name, encoding)) => format!(" ({name}, {encoding})"),
        None => String::new(),
    };
    format!("{key}{value} of database {db}, whose record starts at offset {start} ({start:#x})")
}

/// What an oddity is.
pub fn words(oddity: Oddity) -> &'static str {
    match oddity {
        Oddity::Empty => "collections without elements, which a server leaves out",
        Oddity::StreamLength => "streams that tell another length than they have, as early servers wrote them",
        Oddity::StreamFirstId => "streams that tell another first id than they have",
        Oddity::JsonVersion => "RedisJSON documents of an unknown version, which were not read",
        Oddity::Module => "values of other modules, whose meaning was not looked at",
    }
}
