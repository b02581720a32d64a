//! What classes and indexes of a proposal are called.

use std::collections::BTreeMap;

/// A class or an index needs a name: the part of its text that the fewest others have.
pub struct Labels {
    among_some: BTreeMap<String, usize>,
    among_all: BTreeMap<String, usize>,
    taken: Vec<String>,
}

fn words(text: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let literal = text.chars().map(|c| {
        match c {
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (c.is_alphanumeric() || matches!(c, '-' | '_' | '.')) { c } else { ' ' }
    });
    literal.collect::<String>().split_whitespace().map(str::to_owned).collect()
}

impl Labels {
    /// Names for some of the texts; a word that is rare among these is preferred, then one that is rare among all.
    pub fn new(some: &[String], all: &[String]) -> Self {
        Self { among_some: uses(some), among_all: uses(all), taken: Vec::new() }
    }

    /// Names that are taken already.
    pub fn reserve(&mut self, names: impl Iterator<Item = String>) {
        self.taken.extend(names);
    }

    /// Of equals the last word is taken, which is next to what varies, or where nothing does, the first.
    pub fn of(&mut self, text: &str, varies: bool) -> String {
        let words = words(text);
        let count = |uses: &BTreeMap<String, usize>, word: &String| uses.get(word).copied().unwrap_or(0);
        let rarity = |word: &&String| (count(&self.among_some, word), count(&self.among_all, word));
        let rarest = if varies { words.iter().rev().min_by_key(rarity) } else { words.iter().min_by_key(rarity) };
        let base = rarest.cloned().unwrap_or_else(|| "records".to_owned());
        let numbered = (2..).map(|n: u32| format!("{base}-{n}"));
        let free = std::iter::once(base.clone()).chain(numbered).find(|name| !self.taken.contains(name));
        let name = free.unwrap_or(base);
        self.taken.push(name.clone());
        name
    }
}

/// How many of the texts have each word.
fn uses(texts: &[String]) -> BTreeMap<String, usize> {
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for text in texts {
        let mut words = words(text);
        words.sort();
        words.dedup();
        for word in words {
            let count = uses.entry(word).or_default();
            *count = count.saturating_add(1);
        }
    }
    uses
}
