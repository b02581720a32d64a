//! Why edits are made, in words.

use super::super::escape::{Html, Room, code, name, text};
use crate::bundle::manifest::Counts;
use crate::model::spec::{Exists, Index, Spec, Test};
use crate::plan::summary::{Class, Edit, Sample};
use crate::plan::why::{Field, FieldValue};
use crate::text::{Truncated, counted, number};

/// What words about an index need to know of it.
#[derive(Clone, Debug)]
pub struct About {
    /// The record class it is made from.
    pub class: Html,
    /// The classes that must have a record.
    pub required: Html,
    /// `set` or `zset`, in words.
    pub kind: &'static str,
    /// The fields that decide.
    pub fields: Html,
    /// What entries must name, as the rule writes it.
    pub exists: Html,
}

impl About {
    pub fn new(spec: &Spec, index: &Index, fields: &[String]) -> Self {
        let class = |at: usize| spec.records.get(at).map_or("", |class| class.name.as_str());
        let required = index.require.iter().map(|require| code(class(require.record), Room::LABEL));
        let fields = fields.iter().map(|field| code(field, Room::LABEL));
        Self {
            class: code(index.from.map_or("", class), Room::LABEL),
            required: join(required, " or "),
            kind: index.kind.noun(),
            fields: join(fields, " or "),
            exists: join(index.exists.iter().map(named), " or "),
        }
    }
}

/// What an entry must name, with what is asked of it.
fn named(exists: &Exists) -> Html {
    let key = code(&exists.key.text, Room::NAME);
    let mut out = match &exists.field {
        Some(field) => Html::fill("the field {} of {}", &[&code(&field.text, Room::NAME), &key]),
        None => key,
    };
    let asked = exists.conditions.iter().map(|condition| {
        let path = exists.paths.get(condition.path).map(ToString::to_string).unwrap_or_default();
        match &condition.test {
            Test::There => Html::fill("with {}", &[&code(&path, Room::LABEL)]),
            Test::Absent => Html::fill("without {}", &[&code(&path, Room::LABEL)]),
            Test::OneOf(texts) => {
                let texts = join(texts.iter().map(|text| code(&text.text, Room::LABEL)), " or ");
                Html::fill("with {} = {}", &[&code(&path, Room::LABEL), &texts])
            }
        }
    });
    let asked = join(asked, " and ");
    if !asked.is_empty() {
        out.push(&Html::words(" "));
        out.push(&asked);
    }
    out
}

/// Parts with words between them.
pub fn join(parts: impl IntoIterator<Item = Html>, between: &'static str) -> Html {
    let mut out = Html::default();
    for part in parts {
        if !out.is_empty() {
            out.push(&Html::words(between));
        }
        out.push(&part);
    }
    out
}

/// A word for filtering by kind, the same for all classes of an edit.
pub fn kind(edit: Edit) -> &'static str {
    match edit {
        Edit::Delete => "delete",
        Edit::Add => "add",
        Edit::Remove => "remove",
        Edit::Rescore => "score",
    }
}

/// A sign beside the words, so that the kind of edit is seen at a glance.
///
/// What a spec retires is not marked like what is wrong.
pub fn mark(edit: Edit, is_retired: bool) -> Html {
    Html::own(match edit {
        Edit::Delete if is_retired => "<span class=\"mark m-ret\" aria-hidden=\"true\">×</span>",
        Edit::Delete => "<span class=\"mark m-del\" aria-hidden=\"true\">×</span>",
        Edit::Add => "<span class=\"mark m-add\" aria-hidden=\"true\">+</span>",
        Edit::Remove => "<span class=\"mark m-rem\" aria-hidden=\"true\">−</span>",
        Edit::Rescore => "<span class=\"mark m-sco\" aria-hidden=\"true\">≠</span>",
    })
}

/// What is done to how many, and why, in a line.
pub fn title(class: Class, count: u64, about: &About) -> Html {
    let (n, one) = (number(count), count == 1);
    let keys = |rest: &str| format!("{n} key{} deleted: {rest}", if one { "" } else { "s" });
    let members = |done: &str, rest: &str| format!("{n} member{} {done}: {rest}", if one { "" } else { "s" });
    let (words, parts): (String, Vec<&Html>) = match class {
        Class::Retired => (keys("the spec retires the index"), vec![]),
        Class::NotImplied => (keys("no {} record belongs to them"), vec![&about.class]),
        Class::Orphaned => (keys("there is no such {} record"), vec![&about.required]),
        Class::WrongType => (keys(&format!("they are not {}", plural(about.kind))), vec![]),
        Class::Disputed => (keys("records disagree on every score"), vec![]),
        Class::NamedKeysGone => (keys("what they name is gone"), vec![]),
        Class::NotIndexed => (members("added", "the record is there, its entry is not"), vec![]),
        Class::ScoreDiffers => {
            (format!("{n} score{} changed: records say otherwise", if one { "" } else { "s" }), vec![])
        }
        Class::Moved => (members("removed", "the record belongs to another key"), vec![]),
        Class::RecordMissing => (members("removed", "the record does not exist"), vec![]),
        Class::ImpliesNothing => (members("removed", "the record has no entry in this index"), vec![]),
        Class::Orphan => (members("removed", "there is no such {} record"), vec![&about.required]),
        Class::NoRecordImplies => (members("removed", "no record leads to them"), vec![]),
        Class::NamedKeyGone => (members("removed", "the key that they name is gone"), vec![]),
    };
    Html::fill(&words, &parts)
}

fn plural(kind: &str) -> String {
    format!("{kind}s")
}

/// The reason at length.
pub fn reason(class: Class, about: &About) -> Html {
    let About { class: of, required, kind, fields, exists } = about;
    match class {
        Class::Retired => Html::words(
            "The spec says `policy = \"retire\"`: nothing needs this family of keys any more, so all of it goes. What the \
             keys hold is in `rollback.resp`.",
        ),
        Class::NotImplied if fields.is_empty() => {
            Html::fill("A key of this index may exist only if there is a record of class {}.", &[of])
        }
        Class::NotImplied => Html::fill(
            "A key of this index may exist only if some record of class {} leads to it by its {}. No record in the dump \
             leads to these.",
            &[of, fields],
        ),
        Class::Orphaned => Html::fill(
            "Records of class {} lead to these keys, but the index also requires a record of class {}, and the dump has \
             none of that name: it was deleted, or never was.",
            &[of, required],
        ),
        Class::WrongType => Html::words(&format!(
            "This index consists of {}. A command of the application that reads one would fail with `WRONGTYPE` on these. \
             Where a key of that name should exist, it is built again.",
            plural(kind)
        )),
        Class::Disputed => Html::words(
            "The records that belong there give each of their members several scores, so that none of them is right, and \
             nothing else in these keys is.",
        ),
        Class::NotIndexed if fields.is_empty() => Html::fill(
            "These records of class {} exist, and the index does not name them: a reader does not find them.",
            &[of],
        ),
        Class::NotIndexed => Html::fill(
            "These records of class {} exist, and what they have in {} says which key they belong to. That key does not \
             name them: a reader of the index does not find them.",
            &[of, fields],
        ),
        Class::ScoreDiffers => Html::words("The member is there, with another score than its record gives it."),
        Class::Moved => Html::fill(
            "The record exists, and what it has in {} leads to another key of this index. It is removed from this one; \
             where the other one lacks it, it is added there.",
            &[fields],
        ),
        Class::RecordMissing => Html::fill(
            "The dump has no record of class {} by that name: it was deleted or has expired, and its entry was left behind.",
            &[of],
        ),
        Class::ImpliesNothing => Html::fill(
            "The record exists, but its {} is null or missing, so that it belongs to no key of this index.",
            &[fields],
        ),
        Class::Orphan => Html::fill(
            "The record exists, but the record of class {} that the index requires for it does not.",
            &[required],
        ),
        Class::NoRecordImplies => Html::fill("No record of class {} leads to this member of this key.", &[of]),
        Class::NamedKeysGone => Html::fill(
            "All that these keys hold, or their own names, name keys ({}) that are not in the dump, or are not what the \
             rule asks for.",
            &[exists],
        ),
        Class::NamedKeyGone => Html::fill(
            "They name a key ({}) that is not in the dump, or is not what the rule asks for: it was deleted or has \
             expired, and its entry was left behind.",
            &[exists],
        ),
    }
}

/// One edit, with its record and the fields that decided.
pub fn example(class: Class, sample: &Sample, about: &About) -> Html {
    let key = name(&sample.key, Room::NAME);
    let member = sample.member.as_ref().map(|member| name(member, Room::NAME)).unwrap_or_default();
    let other = sample.other.as_ref().map(|other| name(other, Room::NAME)).unwrap_or_default();
    let has = fields(&sample.fields);
    let known = !sample.fields.is_empty();
    let holds = Html::words(&holds(&sample.type_name, sample.elements));
    let words = match class {
        Class::Retired => Html::fill("{} — {}.", &[&key, &holds]),
        Class::NotImplied if known => {
            Html::fill("{} — {}. It would be right for records with {}; there is none.", &[&key, &holds, &has])
        }
        Class::NotImplied => Html::fill("{} — {}. No record leads to it.", &[&key, &holds]),
        Class::Orphaned if known => Html::fill(
            "{} — {}. Records have {}, but there is no {} record of that name.",
            &[&key, &holds, &has, &about.required],
        ),
        Class::Orphaned => Html::fill("{} — {}. There is no {} record for it.", &[&key, &holds, &about.required]),
        Class::WrongType => Html::fill("{} — {}.", &[&key, &holds]),
        Class::Disputed => Html::fill("{} — {}, each with several scores in the records.", &[&key, &holds]),
        Class::NotIndexed if known => {
            Html::fill("{} has {}, so it belongs in {}, which does not name it.", &[&member, &has, &key])
        }
        Class::NotIndexed => Html::fill("{} belongs in {}, which does not name it.", &[&member, &key]),
        Class::ScoreDiffers => {
            let (old, new) = sample.scores.clone().unwrap_or_default();
            let (old, new) = (code(&old, Room::LABEL), code(&new, Room::LABEL));
            let words = "{} in {} has the score {}; its record says {} ({}).";
            Html::fill(words, &[&member, &key, &old, &new, &has])
        }
        Class::Moved if known => {
            Html::fill("{} has {}, so it belongs in {}, not in {}.", &[&member, &has, &other, &key])
        }
        Class::Moved => Html::fill("{} belongs in {}, not in {}.", &[&member, &other, &key]),
        Class::RecordMissing => Html::fill("There is no record {}; {} still names it.", &[&member, &key]),
        Class::ImpliesNothing => {
            Html::fill("{} exists, and its {} is null or missing; {} still names it.", &[&member, &about.fields, &key])
        }
        Class::Orphan => {
            Html::fill("{} exists, its {} record does not; {} still names it.", &[&member, &about.required, &key])
        }
        Class::NoRecordImplies => Html::fill("No record leads to {} in {}.", &[&member, &key]),
        Class::NamedKeysGone => Html::fill("{} — {}.", &[&key, &holds]),
        Class::NamedKeyGone => Html::fill("{} in {}.", &[&member, &key]),
    };
    let mut out = mark(class.edit(), class == Class::Retired);
    out.push(&words);
    out
}

/// What a key holds: `a set of 3 members`.
pub fn holds(type_name: &str, elements: u64) -> String {
    let some = |what: &str, thing: &str| format!("{what} of {}", counted(elements, thing));
    match type_name {
        "set" => some("a set", "member"),
        "zset" => some("a sorted set", "member"),
        "list" => some("a list", "element"),
        "hash" => some("a hash", "field"),
        "stream" => some("a stream", "entry").replace("entrys", "entries"),
        "string" => "a string".to_owned(),
        "ReJSON-RL" => "a JSON document".to_owned(),
        _ => "a value of a module".to_owned(),
    }
}

fn fields(fields: &[Field]) -> Html {
    join(fields.iter().map(field), " and ")
}

fn field(field: &Field) -> Html {
    let path = code(&field.path, Room::LABEL);
    let value = |text: &Truncated| name(text, Room::NAME);
    match &field.value {
        FieldValue::Absent => Html::fill("no {}", &[&path]),
        FieldValue::Null => Html::fill("{} = `null`", &[&path]),
        FieldValue::Composite => Html::fill("an object or array in {}", &[&path]),
        FieldValue::Text(text) if text.len > 0 => Html::fill("{} = \u{201c}{}\u{201d}", &[&path, &value(text)]),
        FieldValue::Text(text) | FieldValue::Literal(text) | FieldValue::Implied(text) => {
            Html::fill("{} = {}", &[&path, &value(text)])
        }
        FieldValue::Several(first, n) => {
            let n = Html::words(&number(*n));
            Html::fill("{} values in {}, the first of them {}", &[&n, &path, &value(first)])
        }
    }
}

/// What a plan, or an index of it, does: `deletes 3 keys, adds 1 member and removes 2 members`.
pub fn done(counts: &Counts) -> String {
    let deletes = (counts.deleted_keys > 0).then(|| format!("deletes {}", counted(counts.deleted_keys, "key")));
    let adds = (counts.added_members > 0).then(|| format!("adds {}", counted(counts.added_members, "member")));
    let removes =
        (counts.removed_members > 0).then(|| format!("removes {}", counted(counts.removed_members, "member")));
    list(&[deletes, adds, removes].into_iter().flatten().collect::<Vec<_>>())
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// A name in a sentence.
pub fn label(words: &str) -> Html {
    text(words, Room::LABEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        let counts = |deleted_keys, added_members, removed_members| Counts {
            deleted_keys,
            added_members,
            removed_members,
            ..Counts::default()
        };
        assert_eq!(done(&counts(6046, 53, 55)), "deletes 6,046 keys, adds 53 members and removes 55 members");
        assert_eq!(done(&counts(0, 1, 0)), "adds 1 member");
        assert_eq!(done(&counts(1, 0, 2)), "deletes 1 key and removes 2 members");
        assert_eq!(holds("stream", 2), "a stream of 2 entries");
        assert_eq!(holds("stream", 1), "a stream of 1 entry");
        assert_eq!(holds("my<module>", 1), "a value of a module");
    }

    #[test]
    fn an_example_names_record_field_and_keys() {
        let about = About {
            exists: Html::default(),
            class: Html::words("`message`"),
            required: Html::words("`project`"),
            kind: "set",
            fields: Html::words("`projectId`"),
        };
        let text = |text: &str| Truncated::new(text.as_bytes());
        let sample = Sample {
            key: text("i:p3"),
            member: Some(text("message:123")),
            other: Some(text("i:p7")),
            fields: vec![Field { path: "projectId".into(), value: FieldValue::Text(text("p7")) }],
            ..Sample::default()
        };
        let plain = |html: Html| {
            let mut text = String::new();
            let mut inside = false;
            for c in html.as_str().chars() {
                match c {
                    '<' => inside = true,
                    '>' => inside = false,
                    c if !inside => text.push(c),
                    _ => {}
                }
            }
            text
        };
        let moved = plain(example(Class::Moved, &sample, &about));
        assert_eq!(moved, "−message:123 has projectId = “p7”, so it belongs in i:p7, not in i:p3.");
        let added = plain(example(Class::NotIndexed, &sample, &about));
        assert_eq!(added, "+message:123 has projectId = “p7”, so it belongs in i:p3, which does not name it.");
        let gone = plain(example(Class::RecordMissing, &sample, &about));
        assert_eq!(gone, "−There is no record message:123; i:p3 still names it.");
        let wrong = Sample {
            key: text("i:undefined"),
            type_name: "set".into(),
            elements: 1,
            fields: vec![Field { path: "projectId".into(), value: FieldValue::Implied(text("undefined")) }],
            ..Sample::default()
        };
        assert_eq!(
            plain(example(Class::NotImplied, &wrong, &about)),
            "×i:undefined — a set of 1 member. It would be right for records with projectId = undefined; there is none."
        );
    }
}
