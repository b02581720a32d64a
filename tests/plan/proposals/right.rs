//! Databases that are right by rules of their own: what is recommended for them, taken as it is, changes nothing.

use std::collections::BTreeMap;

use super::commands::{self, edits};
use super::desk::{Desk, Planned, Take};
use super::made::{self, Made};
use super::state::Content;

/// Of one shape.
#[derive(Default)]
struct Row {
    databases: usize,
    proposed: usize,
    recommended: usize,
    /// Plans that a brake stopped.
    refused: usize,
    /// Databases that would be changed.
    changed: usize,
    edits: usize,
}

/// Tries each; prints a table by shape; gives what would be changed.
fn changed(all: &[Made], take: Take) -> Vec<String> {
    let mut rows: BTreeMap<(usize, &str), Row> = BTreeMap::new();
    let (mut number, mut last, mut changed) = (0, "", Vec::new());
    for made in all {
        if last != made.shape {
            (number, last) = (number + 1, made.shape);
        }
        let desk = Desk::new(&made.dump());
        let proposal = desk.infer();
        let planned = desk.take(&proposal, take);
        assert!(
            take == Take::Everything || !matches!(planned, Planned::Error(_)),
            "{}: {}",
            made.name(),
            planned.told()
        );
        let edits = edits(planned.commands());
        let row = rows.entry((number, made.shape)).or_default();
        row.databases += 1;
        row.proposed += proposal.proposed();
        row.recommended += proposal.recommended();
        row.refused += usize::from(planned.word() == "refused");
        row.changed += usize::from(edits > 0);
        row.edits += edits;
        if edits > 0 {
            let first: Vec<String> = planned.commands().iter().take(3).map(commands::show).collect();
            changed.push(format!("{}: {edits} edits: {}\n{}", made.name(), first.join("; "), proposal.text()));
        }
    }
    print(&rows);
    changed
}

fn print(rows: &BTreeMap<(usize, &str), Row>) {
    println!(
        "\n{:66} {:>9} {:>8} {:>11} {:>7} {:>7} {:>6}",
        "shape", "databases", "proposed", "recommended", "refused", "changed", "edits"
    );
    let mut total = Row::default();
    let line = |name: &str, row: &Row| {
        println!(
            "{name:66} {:9} {:8} {:11} {:7} {:7} {:6}",
            row.databases, row.proposed, row.recommended, row.refused, row.changed, row.edits
        );
    };
    for ((_, name), row) in rows {
        line(name, row);
        total.databases += row.databases;
        total.proposed += row.proposed;
        total.recommended += row.recommended;
        total.refused += row.refused;
        total.changed += row.changed;
        total.edits += row.edits;
    }
    line("all", &total);
}

fn none(changed: &[String]) {
    assert!(changed.is_empty(), "{} databases that are right would be changed; {}", changed.len(), changed.join("\n"));
}

#[test]
fn no_database_that_is_right_by_its_own_rule_is_changed() {
    let all = made::right(3);
    assert!(all.len() >= 120, "{}", all.len());
    none(&changed(&all, Take::Recommended));
}

/// Shapes that nothing tells from an index of which records are gone: no field, no key beside them, no word in a name.
const LIKE_DAMAGE: [&str; 3] = [
    "set by a field, with those who left",
    "the group of each at its beginning, also of deleted ones",
    "a queue of which some is kept elsewhere",
];

/// Nothing in the data but the meaning of names tells these from damage.
#[test]
fn nor_is_one_that_is_right_and_looks_like_damage() {
    let mut changed = changed(&made::alike(3), Take::Recommended);
    changed.retain(|text| !LIKE_DAMAGE.iter().any(|shape| text.starts_with(shape)));
    none(&changed);
}

/// The judges see harm: where every rule is followed against advice, there is a lot of it.
#[test]
#[ignore = "shows what a proposal that is followed against advice would do"]
fn everything_that_is_proposed_for_what_is_right() {
    let right = changed(&made::right(3), Take::Everything);
    let alike = changed(&made::alike(3), Take::Everything);
    println!("{} and {} databases would be changed", right.len(), alike.len());
    assert!(!right.is_empty());
}
/// The judge itself: a prune rule that fits all that it reads takes away what shall stay.
#[test]
fn a_rule_that_takes_what_shall_stay_is_seen() {
    let all = made::alike(1);
    let made = all.iter().find(|made| made.shape == "ids that were seen").expect("a shape");
    let names = || made.database.state.keys().map(|(_, name)| name);
    let seen = names().find(|name| name.contains("seen")).expect("a set");
    let Content::Set(members) = &made.database.state[&(0, seen.clone())].content else { panic!("a set") };
    let named = |member: &String| names().find_map(|name| name.strip_suffix(member.as_str()));
    let prefix = members.iter().find_map(named).expect("a record that is there");
    let planned = Desk::new(&made.dump()).plan(&format!(
        "version = 1\n[[index]]\nname = \"seen\"\npolicy = \"prune\"\ntype = \"set\"\nkey = \"{seen}\"\n\
         member = \"{{@id*}}\"\nexists = \"{prefix}{{@id}}\"\n"
    ));
    let is_gone = |member: &&String| !made.database.state.contains_key(&(0, format!("{prefix}{member}")));
    let gone = members.iter().filter(is_gone).count();
    assert!(gone > 5, "{gone}");
    assert_eq!(edits(planned.commands()), gone, "{}", planned.told());
}
