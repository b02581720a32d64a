//! Glob patterns with the meaning that `MATCH` and `KEYS` give them in Redis.
//!
//! The rules are those of `stringmatchlen` in Redis' `util.c`, its corners included: an unclosed class ends with the
//! pattern, a range may be written backwards, `[]` matches nothing and `[^]` any byte, a `\` at the end is itself.
//! Matching takes each stretch between two `*` at its first possible place, so it needs no backtracking beyond one
//! stretch: at worst the product of both lengths, and a `memcmp` or a `memmem` for the patterns people write.

use std::fmt;

use memchr::memmem::Finder;

mod set;

pub use set::ByteSet;

/// A compiled pattern over bytes, case-sensitive.
#[derive(Clone, Debug)]
pub struct Glob {
    pattern: Vec<u8>,
    /// The literal bytes that every match begins with.
    prefix: Vec<u8>,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    /// The prefix is the whole pattern.
    Exact,
    /// The prefix and then one `*`.
    Prefix,
    /// What is left after the prefix: the first stretch begins there, each later one after a `*`.
    Stretches { head: Stretch, middle: Vec<Stretch>, tail: Option<Stretch> },
}

/// The tokens between two `*`.
#[derive(Clone, Debug)]
struct Stretch {
    tokens: Vec<Token>,
    /// Set if all tokens are bytes.
    literal: Option<Box<Finder<'static>>>,
}

#[derive(Clone, Debug)]
enum Token {
    Star,
    Any,
    Byte(u8),
    Class(Box<ByteSet>),
}

impl PartialEq for Glob {
    fn eq(&self, other: &Glob) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Glob {}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.pattern))
    }
}

impl Glob {
    /// Compiles a pattern. Every byte string is one, as for a server.
    pub fn new(pattern: &[u8]) -> Glob {
        let tokens = compile(pattern);
        let mut prefix = Vec::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(Token::Byte(byte)) = tokens.next_if(|token| matches!(token, Token::Byte(_))) {
            prefix.push(byte);
        }
        let tokens: Vec<Token> = tokens.collect();
        let shape = match tokens.as_slice() {
            [] => Shape::Exact,
            // With nothing before it, a single star is the one pattern that also matches the empty key (see `matches`).
            [Token::Star] => Shape::Prefix,
            _ => {
                let mut stretches = tokens.split(|token| matches!(token, Token::Star)).map(Stretch::new);
                let head = stretches.next().unwrap_or_else(|| Stretch::new(&[]));
                let mut middle: Vec<Stretch> = stretches.collect();
                let tail = middle.pop();
                middle.retain(|stretch| !stretch.tokens.is_empty());
                Shape::Stretches { head, middle, tail }
            }
        };
        Glob { pattern: pattern.to_vec(), prefix, shape }
    }

    /// The pattern as it was given.
    pub fn as_bytes(&self) -> &[u8] {
        &self.pattern
    }

    /// The bytes that every match begins with, as far as the pattern says.
    pub fn literal_prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// How many bytes of a match are given by the pattern.
    pub fn literals(&self) -> usize {
        compile(&self.pattern).iter().filter(|token| matches!(token, Token::Byte(_))).count()
    }

    /// Whether a server would call the key a match.
    pub fn matches(&self, key: &[u8]) -> bool {
        let Some(rest) = key.strip_prefix(self.prefix.as_slice()) else { return false };
        match &self.shape {
            Shape::Exact => rest.is_empty(),
            // A server's matcher gives up on an empty key before it looks at a star, and `SCAN` and `KEYS` leave it out
            // for the pattern `*` alone. With a prefix the key is not empty.
            Shape::Prefix => !key.is_empty() || self.pattern == b"*",
            Shape::Stretches { head, middle, tail } => {
                let Some(mut rest) = head.strip(rest) else { return false };
                let Some(tail) = tail else { return rest.is_empty() };
                if key.is_empty() {
                    return false;
                }
                for stretch in middle {
                    let Some(after) = stretch.find(rest) else { return false };
                    rest = after;
                }
                let Some(start) = rest.len().checked_sub(tail.tokens.len()) else { return false };
                rest.get(start..).and_then(|end| tail.strip(end)).is_some()
            }
        }
    }

    /// Appends the bytes so that they stand for themselves in a pattern.
    pub fn escape(bytes: &[u8], pattern: &mut Vec<u8>) {
        for &byte in bytes {
            if matches!(byte, b'*' | b'?' | b'[' | b'\\') {
                pattern.push(b'\\');
            }
            pattern.push(byte);
        }
    }
}

impl Stretch {
    fn new(tokens: &[Token]) -> Stretch {
        let bytes = tokens.iter().map(|token| if let Token::Byte(byte) = token { Some(*byte) } else { None });
        let literal = bytes.collect::<Option<Vec<u8>>>().map(|bytes| Box::new(Finder::new(&bytes).into_owned()));
        Stretch { tokens: tokens.to_vec(), literal }
    }

    /// What follows the stretch, if the text begins with it.
    fn strip<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(literal) = &self.literal {
            return text.strip_prefix(literal.needle());
        }
        let (here, after) = text.split_at_checked(self.tokens.len())?;
        self.tokens.iter().zip(here).all(|(token, byte)| token.matches(*byte)).then_some(after)
    }

    /// What follows the first place where the stretch stands.
    fn find<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        text.get(self.position(text)?.checked_add(self.tokens.len())?..)
    }

    /// The first place where the stretch stands.
    fn position(&self, text: &[u8]) -> Option<usize> {
        match &self.literal {
            Some(literal) => literal.find(text),
            None => (0..text.len()).find(|start| text.get(*start..).and_then(|text| self.strip(text)).is_some()),
        }
    }
}

impl Token {
    fn matches(&self, byte: u8) -> bool {
        match self {
            Token::Star => false,
            Token::Any => true,
            Token::Byte(own) => *own == byte,
            Token::Class(class) => class.has(byte),
        }
    }
}

/// The tokens of a pattern, runs of `*` made one.
fn compile(pattern: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        tokens.push(match first {
            b'*' => {
                while let Some(after) = rest.strip_prefix(b"*") {
                    rest = after;
                }
                Token::Star
            }
            b'?' => Token::Any,
            b'[' => {
                let (class, after) = class(rest);
                rest = after;
                Token::Class(Box::new(class))
            }
            b'\\' => match rest.split_first() {
                Some((&next, after)) => {
                    rest = after;
                    Token::Byte(next)
                }
                None => Token::Byte(b'\\'),
            },
            byte => Token::Byte(byte),
        });
    }
    tokens
}

/// Reads what follows a `[`: the class, and what follows it.
fn class(text: &[u8]) -> (ByteSet, &[u8]) {
    let (negated, mut rest) = match text.strip_prefix(b"^") {
        Some(after) => (true, after),
        None => (false, text),
    };
    let mut set = ByteSet::default();
    loop {
        rest = match rest {
            [] => return (set.negated_if(negated), rest),
            [b'\\', byte, after @ ..] => {
                set.add(*byte);
                after
            }
            [b']', after @ ..] => return (set.negated_if(negated), after),
            [start, b'-', end, after @ ..] => {
                set.add_range(*start, *end);
                after
            }
            [byte, after @ ..] => {
                set.add(*byte);
                after
            }
        }
    }
}

#[cfg(test)]
mod tests;
