//! Words of a command that a person types or pastes.

use std::fmt::Write as _;
use std::path::Path;

use super::visible::is_unprintable;

/// An argument as a POSIX shell takes it. Where it has characters that would not be seen, as `$'…'`, which is of POSIX
/// 2024 and known to bash, zsh, ksh and others.
pub fn shell(argument: &str) -> String {
    word(argument.as_bytes())
}

/// A file as an argument, whatever bytes its name has.
pub fn shell_path(path: &Path) -> String {
    word(path.as_os_str().as_encoded_bytes())
}

fn word(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:=@%+,-~".contains(byte);
    // At the beginning these are expanded.
    let expanded = matches!(bytes.first(), None | Some(b'~' | b'='));
    match std::str::from_utf8(bytes) {
        Ok(text) if !expanded && bytes.iter().all(plain) => text.to_owned(),
        Ok(text) if !text.chars().any(is_unprintable) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let mut out = String::from("$'");
            for byte in bytes {
                match byte {
                    b'\'' | b'\\' => out.extend(['\\', char::from(*byte)]),
                    b' '..=b'~' => out.push(char::from(*byte)),
                    // Three digits end it, whatever follows. Writing to a string cannot fail.
                    byte => drop(write!(out, "\\{byte:03o}")),
                }
            }
            out.push('\'');
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted() {
        assert_eq!(shell("a/b-c.rdb"), "a/b-c.rdb");
        assert_eq!(shell("a b"), "'a b'");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell(""), "''");
        assert_eq!(shell("$(x)"), "'$(x)'");
        assert_eq!(shell("~root"), "'~root'");
        assert_eq!(shell("a~"), "a~");
        assert_eq!(shell("é"), "'é'");
        assert_eq!(shell("a\x1b[2J'\\\u{202e}1"), r"$'a\033[2J\'\\\342\200\2561'");
    }

    /// What a shell makes of them.
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        use std::os::unix::ffi::OsStrExt as _;
        let names: [&[u8]; 6] =
            [b"a b", b"~x", b"it's \"$HOME\"", b"a\n\x1b[2J\t'\\", b"\xff\xfe9", "\u{202e}\u{200b}\u{e9}".as_bytes()];
        for name in names {
            let word = shell_path(Path::new(std::ffi::OsStr::from_bytes(name)));
            let told = std::process::Command::new("bash").arg("-c").arg(format!("printf %s {word}")).output();
            assert_eq!(told.expect("bash").stdout, name, "{word}");
        }
    }
}
