//! What entries look like, and which part of them may name a key.

use crate::infer::patterns::{Piece, Shape};

/// What entries may look like.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    pub pieces: Vec<Piece>,
    /// The number of the variable part that names a key.
    pub own: usize,
}

impl Variant {
    /// Takes only what looks like this.
    pub fn narrow(&mut self, shape: Shape) {
        let mut vars = self.pieces.iter_mut().filter(|piece| matches!(piece, Piece::Var(_)));
        if let Some(Piece::Var(own)) = vars.nth(self.own) {
            *own = shape;
        }
    }

    /// What the part looks like that names a key.
    pub fn shape(&self) -> Option<Shape> {
        let mut vars =
            self.pieces.iter().filter_map(|piece| if let Piece::Var(shape) = piece { Some(*shape) } else { None });
        vars.nth(self.own)
    }

    pub fn vars(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Var(_))).count()
    }
}

pub fn variants<'t>(texts: impl Iterator<Item = &'t [u8]> + Clone) -> Vec<Variant> {
    let shape = |range: &dyn Fn(&'t [u8]) -> Option<&'t [u8]>| Shape::of_all(texts.clone().filter_map(range));
    let mut out = vec![Variant { pieces: vec![Piece::Var(shape(&|text| Some(text)))], own: 0 }];
    let (before, behind) = common(texts.clone());
    if !before.is_empty() || !behind.is_empty() {
        let inner = |text: &'t [u8]| text.get(before.len()..text.len().checked_sub(behind.len())?);
        let mut pieces = Vec::new();
        if !before.is_empty() {
            pieces.push(Piece::Text(before.clone()));
        }
        pieces.push(Piece::Var(shape(&inner)));
        if !behind.is_empty() {
            pieces.push(Piece::Text(behind.clone()));
        }
        out.push(Variant { pieces, own: 0 });
    }
    let colons = |text: &[u8]| text.iter().filter(|byte| **byte == b':').count();
    if texts.clone().all(|text| colons(text) == 1) {
        let split = |text: &'t [u8]| text.split_once_at(b':');
        let pieces = vec![
            Piece::Var(shape(&|text| Some(split(text)?.0)).or(Shape::Plain)),
            Piece::Text(b":".to_vec()),
            Piece::Var(shape(&|text| Some(split(text)?.1))),
        ];
        out.push(Variant { pieces: pieces.clone(), own: 1 });
        out.push(Variant { pieces, own: 0 });
    }
    out
}

trait SplitAt {
    fn split_once_at(&self, byte: u8) -> Option<(&[u8], &[u8])>;
}

impl SplitAt for [u8] {
    fn split_once_at(&self, byte: u8) -> Option<(&[u8], &[u8])> {
        let at = self.iter().position(|own| *own == byte)?;
        Some((self.get(..at)?, self.get(at.saturating_add(1)..)?))
    }
}

/// What all texts begin with, and what they end with, up to a byte that is no letter and no digit.
fn common<'t>(mut texts: impl Iterator<Item = &'t [u8]>) -> (Vec<u8>, Vec<u8>) {
    let Some(first) = texts.next() else { return (Vec::new(), Vec::new()) };
    let (mut before, mut behind, mut several) = (first.len(), first.len(), false);
    let mut shortest = first.len();
    for text in texts {
        several |= text != first;
        shortest = shortest.min(text.len());
        before = before.min(first.iter().zip(text).take_while(|(a, b)| a == b).count());
        behind = behind.min(first.iter().rev().zip(text.iter().rev()).take_while(|(a, b)| a == b).count());
    }
    if !several {
        return (Vec::new(), Vec::new());
    }
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let head = first.get(..before).unwrap_or_default();
    let head = head
        .get(..head.iter().rposition(|byte| !is_word(byte)).map_or(0, |at| at.saturating_add(1)))
        .unwrap_or_default();
    let room = shortest.saturating_sub(head.len()).saturating_sub(1);
    let tail = first.get(first.len().saturating_sub(behind.min(room))..).unwrap_or_default();
    let tail = tail.get(tail.iter().position(|byte| !is_word(byte)).unwrap_or(tail.len())..).unwrap_or_default();
    (head.to_vec(), tail.to_vec())
}

/// What a text looks like: runs of letters, of digits, and other bytes.
pub fn look(text: &[u8]) -> Vec<u8> {
    // Identifiers have runs of all lengths in them.
    let shape = Shape::of(text);
    if matches!(shape, Shape::Digits | Shape::Hex | Shape::Uuid) {
        return vec![shape as u8];
    }
    let mut out: Vec<u8> = Vec::new();
    for byte in text {
        let class = match byte {
            b'0'..=b'9' => b'0',
            byte if byte.is_ascii_alphabetic() || !byte.is_ascii() => b'a',
            byte => *byte,
        };
        // In a mixture letters and digits are one.
        let is_same = out
            .last()
            .is_some_and(|last| *last == class || last.is_ascii_alphanumeric() && class.is_ascii_alphanumeric());
        if !is_same {
            out.push(class);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_entries_share_is_text() {
        let texts: [&[u8]; 3] = [b"\xac$a1-x:end", b"\xac$a2-x:end", b"\xac$b-x:end"];
        assert_eq!(common(texts.into_iter()), (b"\xac$".to_vec(), b"-x:end".to_vec()));
        let numbers: [&[u8]; 2] = [b"1001", b"1002"];
        assert_eq!(common(numbers.into_iter()), (Vec::new(), Vec::new()));
    }
}
