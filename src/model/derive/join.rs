//! Which values of several array paths belong together.
//!
//! Each distinct array prefix (`items[]`, `items[].subs[]`, `tags[]`) is a loop variable. Paths that share a prefix share
//! its element, so `{items[].id}` and `{items[].at}` go in step; arrays that share nothing are combined each with each.

use crate::model::document::{Slot, Slots};
use crate::model::spec::{Path, Step};

use super::{MAX_MEMBERSHIPS, Undecidable};

/// More looking around than this for one record and index is given up: combinations that lead nowhere cost time too.
const MAX_STEPS: u32 = 1 << 22;

#[derive(Clone, Debug)]
pub(super) struct Join {
    /// In the order in which the index uses them.
    fields: Vec<Field>,
    /// The positions in `fields` of those with `[]`, those of one outermost array next to each other.
    order: Vec<usize>,
    /// The current element of each loop variable.
    variables: Vec<u32>,
    /// For each field which of its values is taken.
    chosen: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Field {
    path: usize,
    /// The variables of its `[]`, outermost first.
    chain: Vec<usize>,
    /// How many of them an earlier field in `order` has set.
    bound: usize,
}

/// How many memberships there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entries {
    None,
    /// One: no field is in an array.
    One,
    /// Any number, none included.
    Many,
}

/// Is given the number of a combination, and for each field which of its values is taken.
type Each<'f> = dyn FnMut(u32, &[usize]) -> Result<(), Undecidable> + 'f;

/// What a run has done so far.
struct Progress<'f> {
    count: u32,
    steps: u32,
    each: &'f mut Each<'f>,
}

impl Join {
    /// A join of these paths of the class: their positions in it, and the paths.
    pub fn new(paths: &[(usize, &Path)]) -> Join {
        let mut prefixes: Vec<&[Step]> = Vec::new();
        let mut fields: Vec<Field> = Vec::new();
        for (position, path) in paths {
            let mut chain = Vec::new();
            for (at, _) in path.steps.iter().enumerate().filter(|(_, step)| **step == Step::Each) {
                let prefix = path.steps.get(..=at).unwrap_or(&[]);
                let variable = prefixes.iter().position(|known| *known == prefix).unwrap_or_else(|| {
                    prefixes.push(prefix);
                    prefixes.len().saturating_sub(1)
                });
                chain.push(variable);
            }
            fields.push(Field { path: *position, chain, bound: 0 });
        }
        let chain = |field: &usize| fields.get(*field).map_or(&[][..], |field| field.chain.as_slice());
        let mut order: Vec<usize> = (0..fields.len()).filter(|field| !chain(field).is_empty()).collect();
        order.sort_by_key(|field| chain(field).first().copied());
        let mut set = vec![false; prefixes.len()];
        for field in &order {
            let Some(field) = fields.get_mut(*field) else { continue };
            field.bound = field.chain.iter().take_while(|variable| set.get(**variable) == Some(&true)).count();
            for variable in &field.chain {
                if let Some(set) = set.get_mut(*variable) {
                    *set = true;
                }
            }
        }
        Join { chosen: vec![0; fields.len()], variables: vec![0; prefixes.len()], fields, order }
    }

    /// For each field the number of the value that is taken.
    pub fn chosen(&self) -> &[usize] {
        &self.chosen
    }

    /// Looks at all fields of a record.
    #[inline]
    pub fn start(&mut self, slots: &Slots<'_>) -> Result<Entries, Undecidable> {
        self.chosen.fill(0);
        let mut entries = if self.order.is_empty() { Entries::One } else { Entries::Many };
        for field in &self.fields {
            let mut usable = false;
            for (_, slot) in slots.elements(field.path) {
                match slot {
                    Slot::Composite => return Err(Undecidable::Composite(field.path)),
                    Slot::Text(_) | Slot::Literal(_) => usable = true,
                    Slot::Null | Slot::Absent => {}
                }
            }
            if !usable {
                entries = Entries::None;
            }
        }
        Ok(entries)
    }

    /// Calls `each` with every combination, in the order of the elements, the first field's slowest.
    pub fn run(&mut self, slots: &Slots<'_>, each: &mut Each<'_>) -> Result<u32, Undecidable> {
        let mut progress = Progress { count: 0, steps: 0, each };
        self.level(0, slots, &mut progress)?;
        Ok(progress.count)
    }

    /// Recursive as deep as the index has fields in arrays, which the spec limits.
    fn level(&mut self, level: usize, slots: &Slots<'_>, progress: &mut Progress<'_>) -> Result<(), Undecidable> {
        let Some(position) = self.order.get(level).copied() else {
            if progress.count >= MAX_MEMBERSHIPS {
                return Err(Undecidable::TooMany);
            }
            (progress.each)(progress.count, &self.chosen)?;
            progress.count = progress.count.saturating_add(1);
            return Ok(());
        };
        let Some(path) = self.fields.get(position).map(|field| field.path) else { return Ok(()) };
        for number in self.first(position, slots)..slots.len(path) {
            progress.steps = progress.steps.saturating_add(1);
            if progress.steps > MAX_STEPS {
                return Err(Undecidable::TooMany);
            }
            let (Some((positions, slot)), Some(field)) = (slots.element(path, number), self.fields.get(position))
            else {
                return Ok(());
            };
            if self.bound(field).ne(positions.iter().take(field.bound).copied()) {
                return Ok(());
            }
            if !matches!(slot, Slot::Text(_) | Slot::Literal(_)) {
                continue;
            }
            for (variable, at) in field.chain.iter().zip(positions) {
                if let Some(variable) = self.variables.get_mut(*variable) {
                    *variable = *at;
                }
            }
            if let Some(chosen) = self.chosen.get_mut(position) {
                *chosen = number;
            }
            self.level(level.saturating_add(1), slots, progress)?;
        }
        Ok(())
    }

    /// The elements that a field's outer variables stand at.
    fn bound(&self, field: &Field) -> impl Iterator<Item = u32> {
        let set = field.chain.iter().take(field.bound);
        set.map(|variable| self.variables.get(*variable).copied().unwrap_or(0))
    }

    /// The number of a field's first value inside the elements its outer variables stand at, or of the one after.
    fn first(&self, position: usize, slots: &Slots<'_>) -> usize {
        let Some(field) = self.fields.get(position).filter(|field| field.bound > 0) else { return 0 };
        let (mut low, mut high) = (0, slots.len(field.path));
        while low < high {
            let middle = low.midpoint(high);
            let before = slots
                .element(field.path, middle)
                .is_some_and(|(positions, _)| positions.iter().take(field.bound).copied().lt(self.bound(field)));
            if before {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low
    }
}
