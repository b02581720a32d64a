//! Judging records that a server has now, by the spec of a plan.

use super::asked::{document, fields_of, path_of};
use super::pruned::PruneRules;
use crate::bundle::manifest::Touched;
use crate::model::derive::Deriver;
use crate::model::document::Extractor;
use crate::model::spec::{Policy, RecordClass, Spec};
use crate::model::view::Names;
use crate::replay::{Entry, Judge, Membership, Named, Pruned, Rule, Value};

/// The spec, ready to judge by: which indexes decide about a key, and what a record implies in them.
pub struct SpecJudge {
    spec: Spec,
    /// By index; `None` where no record decides: it is retired, or its members are not the keys of records.
    records: Vec<Option<Records>>,
    /// Several indexes may decide about one key: the rules of each such set of them, made when its first key was met.
    rules: Vec<(Vec<usize>, Rule)>,
    prune: PruneRules,
}

struct Records {
    class: RecordClass,
    extractor: Extractor,
    deriver: Deriver,
    /// The first names of all paths: what is asked of a document.
    names: Vec<Vec<u8>>,
    /// The names of all paths in a hash.
    fields: Vec<Vec<u8>>,
}

impl SpecJudge {
    /// For a plan that touches these keys: prune rules alone, no records.
    pub fn of_prune_rules(spec: Spec, touched: &[Touched]) -> Self {
        let prune = PruneRules::new(&spec, touched);
        Self { spec, records: Vec::new(), rules: Vec::new(), prune }
    }

    /// For a plan that edits the indexes of which `edited` says so, and these keys.
    ///
    /// Where members are not the keys of their records, nothing says which record a member is about, and that none
    /// implies a member that is to be removed could be known only from all of them.
    pub fn new(spec: Spec, edited: impl Fn(&str) -> bool, touched: &[Touched]) -> Result<Self, String> {
        let mut records = Vec::with_capacity(spec.indexes.len());
        for index in &spec.indexes {
            let class = index.from.and_then(|class| spec.records.get(class));
            let is_record_key = index.member.is_record_key();
            records.push(match (index.policy, class) {
                (Policy::Maintain, Some(_)) if !is_record_key && edited(&index.name) => {
                    return Err(format!(
                        "the members of the index {} are not the keys of its records ({{@key}}), so it is not known \
                         which record a member is about, and only all records together could tell whether one still \
                         implies it",
                        index.name
                    ));
                }
                (Policy::Maintain | Policy::Report, Some(class)) if is_record_key => {
                    Some(Records::new(class, Deriver::new(class, index)))
                }
                _ => None,
            });
        }
        let prune = PruneRules::new(&spec, touched);
        let mut judge = Self { spec, records, rules: Vec::new(), prune };
        for (db, key) in touched.iter().map(|touched| (touched.db, &touched.key.0[..])) {
            let indexes = judge.deciding(db, key);
            if !indexes.is_empty() && !judge.rules.iter().any(|(known, _)| *known == indexes) {
                let rule = judge.rule_of(&indexes);
                judge.rules.push((indexes, rule));
            }
        }
        Ok(judge)
    }

    /// The indexes that decide about a key, and whose records can be looked at.
    fn deciding(&self, db: u64, key: &[u8]) -> Vec<usize> {
        let can_be_asked = |at: &usize| self.records.get(*at).is_some_and(Option::is_some);
        Names::new(&self.spec).deciding(db, key).filter(can_be_asked).collect()
    }

    /// What is asked of a record to judge it in all of these indexes.
    fn rule_of(&self, indexes: &[usize]) -> Rule {
        let records: Vec<&Records> = indexes.iter().filter_map(|at| self.records.get(*at)?.as_ref()).collect();
        let union = |of: fn(&Records) -> &Vec<Vec<u8>>| {
            let mut all: Vec<Vec<u8>> = records.iter().flat_map(|records| of(records).iter().cloned()).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        // Whole top-level fields: less would hide that there is an array where none should be.
        let paths = union(|records| &records.names).iter().map(|name| path_of(name)).collect();
        Rule { index: self.rules.len(), paths, fields: union(|records| &records.fields) }
    }
}

impl Records {
    fn new(class: &RecordClass, deriver: Deriver) -> Self {
        let (names, fields) = fields_of(&class.paths);
        Self { class: class.clone(), extractor: Extractor::of(class), deriver, names, fields }
    }

    /// What a record implies in this index; `None` if that cannot be said.
    fn implied(&mut self, rule: &Rule, names: &[Vec<u8>], record: &[u8], value: &Value) -> Option<Vec<Membership>> {
        if !self.class.takes(record) {
            // No record of this class: nothing implies the member.
            return Some(Vec::new());
        }
        let text;
        let slots = match value {
            Value::Absent => return Some(Vec::new()),
            Value::Other => return None,
            Value::Document(answer) => {
                text = match answer {
                    Some(answer) => document(answer, names)?,
                    None => b"{}".to_vec(),
                };
                self.extractor.json(&text).ok()?
            }
            Value::Text(text) => self.extractor.json(text).ok()?,
            Value::Hash(values) => {
                let fields = rule.fields.iter().zip(values);
                let there = fields.filter_map(|(field, value)| Some((&field[..], value.as_deref()?)));
                self.extractor.hash(there)
            }
        };
        let mut implied = Vec::new();
        let derived = self.deriver.derive(record, &slots, |_, membership| {
            implied.push(Membership {
                key: membership.key.to_vec(),
                score: membership.score,
                require: membership.require().map(<[u8]>::to_vec).collect(),
            });
        });
        derived.ok().map(|_| implied)
    }
}

impl Judge for SpecJudge {
    fn rule(&self, db: u32, key: &[u8]) -> Option<&Rule> {
        let indexes = self.deciding(u64::from(db), key);
        self.rules.iter().find(|(known, _)| *known == indexes).map(|(_, rule)| rule)
    }

    /// In all the indexes that decide: what any of them implies is right, and if one cannot say, nothing can be said.
    fn implied(&mut self, rule: &Rule, record: &[u8], value: &Value) -> Option<Vec<Membership>> {
        let (indexes, _) = self.rules.get(rule.index)?;
        let mut names: Vec<Vec<u8>> = Vec::new();
        for records in indexes.iter().filter_map(|at| self.records.get(*at)?.as_ref()) {
            names.extend(records.names.iter().cloned());
        }
        names.sort_unstable();
        names.dedup();
        let mut all = Vec::new();
        for &at in indexes {
            if let Some(records) = self.records.get_mut(at)?.as_mut() {
                all.extend(records.implied(rule, &names, record, value)?);
            }
        }
        Some(all)
    }

    fn prunes_any(&self) -> bool {
        !self.prune.is_empty()
    }

    fn prunes(&self, db: u32, key: &[u8]) -> Option<Pruned> {
        self.prune.of(db, key)
    }

    fn named(&self, db: u32, key: &[u8], entries: &[Entry<'_>]) -> Vec<Option<Vec<Named>>> {
        self.prune.named(&self.spec, db, key, entries)
    }

    fn named_by_name(&self, db: u32, key: &[u8]) -> Option<Vec<Named>> {
        self.prune.named_by_name(&self.spec, db, key)
    }

    fn asked(&self, condition: (usize, usize)) -> Option<&Rule> {
        self.prune.asked(condition)
    }

    fn holds(&self, (_, key): (u32, &[u8]), entry: Entry<'_>, condition: (usize, usize), value: &Value) -> bool {
        self.prune.holds(&self.spec, key, entry, condition, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::manifest::Bytes;

    const SPEC: &str = r#"version = 1
[[record]]
name = "message"
key = "m:*"
[[record]]
name = "project"
key = "p:*"
[[index]]
name = "project"
policy = "maintain"
from = "message"
key = "i:{a.b}:{c}"
member = "{@key}"
require = [{ record = "project", key = "p:{c}" }]
[[index]]
name = "old"
policy = "retire"
from = "message"
key = "old:{c}"
member = "{@key}"
"#;

    #[test]
    fn a_record_is_judged_in_each_of_its_forms() {
        let spec = Spec::parse(SPEC, "test").unwrap_or_else(|errors| panic!("{}", errors.render(false)));
        let touched = |db, key: &[u8]| Touched {
            db,
            key: Bytes(key.to_vec()),
            kind: "set".into(),
            elements: 1,
            expire_at_ms: None,
            others: None,
        };
        let touched = [touched(0, b"i:1:2"), touched(0, b"old:x"), touched(1, b"i:1:2")];
        let mut judge = SpecJudge::new(spec, |_| true, &touched).expect("its members are keys");
        let rule = judge.rule(0, b"i:1:2").expect("a record decides").clone();
        assert_eq!(rule.paths, [r#"$["a"]"#, r#"$["c"]"#]);
        assert_eq!(rule.fields, [b"a.b".to_vec(), b"c".to_vec()]);
        assert!(judge.rule(0, b"old:x").is_none() && judge.rule(1, b"i:1:2").is_none());
        let expected = [Membership { key: b"i:4.50:x".to_vec(), score: 0.0, require: vec![b"p:x".to_vec()] }];
        let answer = br#"{"$[\"a\"]":[{"b":4.50}],"$[\"c\"]":["x"]}"#;
        for value in [
            Value::Document(Some(answer.to_vec())),
            Value::Text(br#"{"c":"x","a":{"b":4.50}}"#.to_vec()),
            Value::Hash(vec![Some(b"4.50".to_vec()), Some(b"x".to_vec())]),
        ] {
            assert_eq!(judge.implied(&rule, b"m:1", &value).as_deref(), Some(&expected[..]), "{value:?}");
        }
        let nothing = br#"{"$[\"a\"]":[],"$[\"c\"]":["x"]}"#;
        for value in [Value::Absent, Value::Document(Some(nothing.to_vec())), Value::Hash(vec![None, None])] {
            assert_eq!(judge.implied(&rule, b"m:1", &value), Some(Vec::new()), "{value:?}");
        }
        for value in [Value::Other, Value::Text(b"{".to_vec()), Value::Text(br#"{"c":[1],"a":{"b":1}}"#.to_vec())] {
            assert_eq!(judge.implied(&rule, b"m:1", &value), None, "{value:?}");
        }
        assert_eq!(judge.implied(&rule, b"other", &Value::Other), Some(Vec::new()), "no message");
    }
}
