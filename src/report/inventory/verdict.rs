//! What the numbers of an index come to, in a sentence.

use super::Index;
use crate::index::Frozen;
use crate::text::{counted, number};

/// The verdict, as short as it can be.
pub fn verdict(index: &Index) -> String {
    if index.policy == "retire" {
        let keys = counted(index.keys, "key");
        return match (index.keys, index.deleted_keys) {
            (0, _) => "no key of such a name in the dump: nothing to delete".to_owned(),
            (1, 1) => "1 key, to be deleted".to_owned(),
            (_, 0) => format!("{keys}, none to be deleted"),
            (all, some) if all == some => format!("{keys}, all to be deleted"),
            (_, some) => format!("{keys}, {} to be deleted", number(some)),
        };
    }
    if index.prunes {
        return of_entries(index);
    }
    if index.keys == 0 && index.absent_keys == 0 && index.frozen.is_some() {
        return "no keys, and no records for any".to_owned();
    }
    if index.keys == 0 && index.absent_keys == 0 {
        return "no key of such a name in the dump, and no record implies one".to_owned();
    }
    let (keys, members) = (counted(index.keys, "key"), counted(index.members, "member"));
    if index.is_right() && index.held_keys == 0 && index.held_members == 0 {
        return format!("{keys} with {members}: all right");
    }
    format!(
        "{keys}: {} right in name, {} wrong, {} absent; {} missing, {} stale",
        number(index.correct_keys),
        number(index.wrong_keys),
        number(index.absent_keys),
        counted(index.missing_members, "member"),
        number(index.stale_members),
    )
}

/// The same of an index about entries that name keys.
fn of_entries(index: &Index) -> String {
    if index.keys == 0 {
        return "no key of such a name and type in the dump".to_owned();
    }
    let held = format!("{} with {}", counted(index.keys, "key"), counted(index.members, "element"));
    let gone = match index.wrong_keys {
        0 => None,
        1 => Some("1 key names nothing that is there".to_owned()),
        keys => Some(format!("{} keys name nothing that is there", number(keys))),
    };
    let stale = match index.stale_members {
        0 => None,
        1 => Some(format!("1 entry {}names a key that is gone", if gone.is_some() { "of the others " } else { "" })),
        entries => Some(format!(
            "{} entries {}name keys that are gone",
            number(entries),
            if gone.is_some() { "of the others " } else { "" }
        )),
    };
    let all: Vec<String> = [gone, stale].into_iter().flatten().collect();
    if all.is_empty() {
        return format!("{held}: none names a key that is gone");
    }
    format!("{held}: {}", all.join(", "))
}

/// Why less is done than the verdict lets one expect.
pub fn limits(index: &Index) -> Vec<String> {
    let mut notes = Vec::new();
    match index.frozen {
        _ if index.keys == 0 => {}
        Some(Frozen::NoRecords) => notes.push(
            "nothing is deleted or removed, because no record of its class could be decoded: is the class's key \
             pattern right, and the dump whole?"
                .to_owned(),
        ),
        Some(Frozen::Undecidable) => notes.push(format!(
            "nothing is deleted or removed, because {} could name any member",
            counted(index.undecidable_records, "undecidable record")
        )),
        None => {}
    }
    if index.unnamed_keys > 0 {
        let (keys, stay) = (counted(index.unnamed_keys, "key"), if index.unnamed_keys == 1 { "stays" } else { "stay" });
        notes.push(format!("{keys} {stay}: no entry names a key of the dump, so it may be something else"));
    }
    if index.expiring_members > 0 {
        let fields = counted(index.expiring_members, "field");
        let stay = if index.expiring_members == 1 { "stays" } else { "stay" };
        notes.push(format!("{fields} with another value {stay}: HSET would take away an expiry of its own"));
    }
    if index.policy == "report" && !index.is_right() {
        notes.push("findings only: the policy is report".to_owned());
    }
    if index.held_keys > 0 || index.held_members > 0 {
        let keys = (index.held_keys > 0).then(|| counted(index.held_keys, "wrong key"));
        let members = (index.held_members > 0).then(|| counted(index.held_members, "member"));
        let both: Vec<String> = [keys, members].into_iter().flatten().collect();
        let one = both.len() == 1 && index.held_keys.max(index.held_members) == 1;
        let (stay, name) = if one { ("stays", "it names") } else { ("stay", "they name") };
        notes.push(format!("{} {stay}, because {name} undecidable records", both.join(" and ")));
    }
    if index.braked_keys > 0 || index.braked_members > 0 {
        let keys = (index.braked_keys > 0).then(|| counted(index.braked_keys, "wrong key"));
        let members = (index.braked_members > 0).then(|| counted(index.braked_members, "member"));
        let both: Vec<String> = [keys, members].into_iter().flatten().collect();
        let stay = if index.braked_keys + index.braked_members == 1 { "stays" } else { "stay" };
        notes.push(format!("{} {stay}, because a brake keeps what may be a mistake of the spec", both.join(" and ")));
    }
    if index.conflict_members > 0 {
        let members = counted(index.conflict_members, "member");
        let stay = if index.conflict_members == 1 { "stays" } else { "stay" };
        notes.push(format!("{members} {stay} as found, because records disagree on the score or the value"));
    }
    if index.overlapped_keys > 0 {
        let keys = counted(index.overlapped_keys, "key");
        notes.push(format!(
            "{keys} only added to: the name also fits an index of which too little is known to delete or remove anything"
        ));
    }
    if index.contested_keys > 0 {
        notes.push(format!(
            "{} left alone, because another index claims the name or a record has it",
            counted(index.contested_keys, "key")
        ));
    }
    notes
}

/// Records that have no place in it.
pub fn records(index: &Index) -> Option<String> {
    let orphans = (index.orphan_records > 0).then(|| {
        let records = counted(index.orphan_records, "record");
        let (lack, they) = if index.orphan_records == 1 { ("lacks", "it requires") } else { ("lack", "they require") };
        format!("{records} {lack} a record {they}")
    });
    let undecidable = (index.undecidable_records > 0).then(|| {
        let be = if index.undecidable_records == 1 { "is" } else { "are" };
        format!("{} {be} undecidable", number(index.undecidable_records))
    });
    let both: Vec<String> = [orphans, undecidable].into_iter().flatten().collect();
    (!both.is_empty()).then(|| both.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        Index {
            name: "project".into(),
            policy: "maintain",
            keys: 2001,
            correct_keys: 3,
            wrong_keys: 1998,
            absent_keys: 0,
            members: 2166,
            missing_members: 51,
            stale_members: 51,
            undecidable_records: 0,
            orphan_records: 0,
            held_keys: 0,
            held_members: 0,
            contested_keys: 0,
            conflict_members: 0,
            prunes: false,
            unnamed_keys: 0,
            expiring_members: 0,
            overlapped_keys: 0,
            braked_keys: 0,
            braked_members: 0,
            deleted_keys: 1998,
            frozen: None,
        }
    }

    #[test]
    fn verdicts() {
        let wrong = "2,001 keys: 3 right in name, 1,998 wrong, 0 absent; 51 members missing, 51 stale";
        assert_eq!(verdict(&index()), wrong);
        let right = Index { keys: 1, correct_keys: 1, wrong_keys: 0, missing_members: 0, stale_members: 0, ..index() };
        assert_eq!(verdict(&right), "1 key with 2,166 members: all right");
        let retired = Index { policy: "retire", deleted_keys: 2001, ..index() };
        assert_eq!(verdict(&retired), "2,001 keys, all to be deleted");
        let kept = Index { deleted_keys: 1990, braked_keys: 11, ..retired.clone() };
        assert_eq!(verdict(&kept), "2,001 keys, 1,990 to be deleted");
        let frozen = Index { deleted_keys: 0, frozen: Some(Frozen::NoRecords), ..retired.clone() };
        assert_eq!(verdict(&frozen), "2,001 keys, none to be deleted");
        assert!(!retired.is_right());
        let gone = Index { policy: "retire", keys: 0, wrong_keys: 0, ..index() };
        assert_eq!(verdict(&gone), "no key of such a name in the dump: nothing to delete");
        assert!(gone.is_right());
        let empty = Index { keys: 0, correct_keys: 0, frozen: Some(Frozen::NoRecords), ..right };
        assert_eq!((verdict(&empty).as_str(), limits(&empty)), ("no keys, and no records for any", vec![]));
    }

    #[test]
    fn notes() {
        assert_eq!(limits(&index()), Vec::<String>::new());
        assert_eq!(records(&index()), None);
        let one = Index { held_keys: 1, orphan_records: 1, ..index() };
        assert_eq!(limits(&one), ["1 wrong key stays, because it names undecidable records"]);
        assert_eq!(records(&one).as_deref(), Some("1 record lacks a record it requires"));
        let many = Index { held_keys: 32, held_members: 1, orphan_records: 6026, undecidable_records: 35, ..index() };
        let held = "32 wrong keys and 1 member stay, because they name undecidable records";
        assert_eq!(limits(&many), [held]);
        assert_eq!(records(&many).as_deref(), Some("6,026 records lack a record they require, 35 are undecidable"));
    }
}
