//! Writers of compact forms, spelled from the description of the format and from nothing in the program.

/// An entry of a compact form.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    S(Vec<u8>),
    I(i64),
}

impl Entry {
    /// The string that it stands for.
    pub fn text(&self) -> Vec<u8> {
        match self {
            Entry::S(bytes) => bytes.clone(),
            Entry::I(n) => n.to_string().into_bytes(),
        }
    }
}

/// A text as an entry.
pub fn s(text: &str) -> Entry {
    Entry::S(text.as_bytes().to_vec())
}

/// An integer as an entry.
pub fn i(n: i64) -> Entry {
    Entry::I(n)
}

/// A length in its shortest form.
pub fn length(n: u64) -> Vec<u8> {
    match n {
        0..=63 => vec![n as u8],
        64..=16383 => vec![0x40 | (n >> 8) as u8, n as u8],
        16384..=0xffff_ffff => [&[0x80][..], &(n as u32).to_be_bytes()].concat(),
        _ => [&[0x81][..], &n.to_be_bytes()].concat(),
    }
}

/// A plain string.
pub fn string(bytes: &[u8]) -> Vec<u8> {
    [length(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A listpack, every entry in its shortest form.
pub fn listpack(entries: &[Entry]) -> Vec<u8> {
    let mut body = Vec::new();
    for entry in entries {
        let mut one = Vec::new();
        match entry {
            Entry::S(bytes) => {
                let n = bytes.len();
                match n {
                    0..=63 => one.push(0x80 | n as u8),
                    64..=4095 => one.extend([0xe0 | (n >> 8) as u8, n as u8]),
                    _ => {
                        one.push(0xf0);
                        one.extend((n as u32).to_le_bytes());
                    }
                }
                one.extend(bytes);
            }
            Entry::I(n @ 0..=127) => one.push(*n as u8),
            Entry::I(n @ -4096..=4095) => {
                let bits = (*n & 0x1fff) as u16;
                one.extend([0xc0 | (bits >> 8) as u8, bits as u8]);
            }
            Entry::I(n @ -32768..=32767) => {
                one.push(0xf1);
                one.extend((*n as i16).to_le_bytes());
            }
            Entry::I(n @ -8388608..=8388607) => {
                one.push(0xf2);
                one.extend(&(*n as i32).to_le_bytes()[..3]);
            }
            Entry::I(n) if i32::try_from(*n).is_ok() => {
                one.push(0xf3);
                one.extend((*n as i32).to_le_bytes());
            }
            Entry::I(n) => {
                one.push(0xf4);
                one.extend(n.to_le_bytes());
            }
        }
        let size = one.len();
        let width = match size {
            0..=127 => 1,
            128..=16382 => 2,
            16383..=2097150 => 3,
            2097151..=268435454 => 4,
            _ => 5,
        };
        body.extend(one);
        for place in 0..width {
            let seven = (size >> (7 * (width - 1 - place))) as u8 & 0x7f;
            body.push(if place == 0 { seven } else { seven | 0x80 });
        }
    }
    let total = (body.len() + 7) as u32;
    let count = u16::try_from(entries.len()).unwrap_or(u16::MAX);
    [&total.to_le_bytes()[..], &count.to_le_bytes(), &body, &[0xff]].concat()
}

/// A ziplist, every entry in its shortest form.
pub fn ziplist(entries: &[Entry]) -> Vec<u8> {
    let mut body: Vec<u8> = Vec::new();
    let mut last = 0;
    let mut previous = 0_usize;
    for entry in entries {
        last = body.len();
        if previous < 254 {
            body.push(previous as u8);
        } else {
            body.push(0xfe);
            body.extend((previous as u32).to_le_bytes());
        }
        match entry {
            Entry::S(bytes) => {
                let n = bytes.len();
                match n {
                    0..=63 => body.push(n as u8),
                    64..=16383 => body.extend([0x40 | (n >> 8) as u8, n as u8]),
                    _ => {
                        body.push(0x80);
                        body.extend((n as u32).to_be_bytes());
                    }
                }
                body.extend(bytes);
            }
            Entry::I(n @ 0..=12) => body.push(0xf1 + *n as u8),
            Entry::I(n @ -128..=127) => body.extend([0xfe, *n as i8 as u8]),
            Entry::I(n @ -32768..=32767) => {
                body.push(0xc0);
                body.extend((*n as i16).to_le_bytes());
            }
            Entry::I(n @ -8388608..=8388607) => {
                body.push(0xf0);
                body.extend(&(*n as i32).to_le_bytes()[..3]);
            }
            Entry::I(n) if i32::try_from(*n).is_ok() => {
                body.push(0xd0);
                body.extend((*n as i32).to_le_bytes());
            }
            Entry::I(n) => {
                body.push(0xe0);
                body.extend(n.to_le_bytes());
            }
        }
        previous = body.len() - last;
    }
    let total = (body.len() + 11) as u32;
    let count = u16::try_from(entries.len()).unwrap_or(u16::MAX);
    [&total.to_le_bytes()[..], &(last as u32 + 10).to_le_bytes(), &count.to_le_bytes(), &body, &[0xff]].concat()
}

/// An intset of ascending integers.
pub fn intset(width: u32, integers: &[i64]) -> Vec<u8> {
    let mut bytes = [width.to_le_bytes(), (integers.len() as u32).to_le_bytes()].concat();
    for n in integers {
        bytes.extend(&n.to_le_bytes()[..width as usize]);
    }
    bytes
}

/// A zipmap, with `free` bytes of padding after every value.
pub fn zipmap(pairs: &[(Vec<u8>, Vec<u8>)], free: u8) -> Vec<u8> {
    let len = |n: usize| match n {
        0..=253 => vec![n as u8],
        _ => [&[0xfe][..], &(n as u32).to_le_bytes()].concat(),
    };
    let mut bytes = vec![u8::try_from(pairs.len()).unwrap_or(254).min(254)];
    for (field, value) in pairs {
        bytes.extend(len(field.len()));
        bytes.extend(field);
        bytes.extend(len(value.len()));
        bytes.push(free);
        bytes.extend(value);
        bytes.extend(vec![b'#'; usize::from(free)]);
    }
    bytes.push(0xff);
    bytes
}
