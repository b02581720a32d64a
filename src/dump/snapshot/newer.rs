//! What stands beside the base of an append-only file: since Redis 7.0 that is a folder of several files, of which only the
//! first one is a dump.

use std::fs;
use std::path::Path;

use crate::text;

/// Entries of a folder that are looked at, and bytes of a manifest: a server has a handful of files there.
const MOST_ENTRIES: usize = 10_000;
const MOST_BYTES: u64 = 1 << 20;

/// Names of the files with newer writes that belong to this dump: `NAME.1.incr.aof` beside `NAME.1.base.rdb`, if there is
/// anything in them. Where a manifest lists the files, only those that it counts in.
pub fn beside(path: &Path) -> Vec<String> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let base = name.strip_suffix(".base.rdb").and_then(|name| name.rsplit_once('.'));
    let Some((base, _)) = base.filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit())) else {
        return Vec::new();
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let manifest = folder.join(format!("{base}.manifest"));
    let small = fs::metadata(&manifest).is_ok_and(|file| file.is_file() && file.len() <= MOST_BYTES);
    let manifest = small.then(|| fs::read_to_string(&manifest).ok()).flatten();
    let counts = |name: &str| match &manifest {
        Some(manifest) => manifest.lines().any(|line| line.contains(name) && line.trim_end().ends_with("type i")),
        None => true,
    };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .take(MOST_ENTRIES)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let number = name.strip_prefix(base)?.strip_prefix('.')?.strip_suffix(".incr.aof")?.to_owned();
            let is_one = number.bytes().all(|byte| byte.is_ascii_digit()) && counts(&name);
            (is_one && entry.metadata().is_ok_and(|file| file.len() > 0)).then_some((number.len(), number, name))
        })
        .map(|(_, _, name)| text::path(name))
        .collect();
    // By number: 9 before 10.
    names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_newer_writes() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let beside = |name: &str| beside(&folder.path().join(name));
        for n in [2, 9, 10] {
            put(&format!("a.b.aof.{n}.incr.aof"), "*1");
        }
        put("a.b.aof.11.incr.aof", "");
        put("other.aof.2.incr.aof", "*1");
        put("a.b.aof.2.base.rdb", "");
        let incr = |n: u32| format!("a.b.aof.{n}.incr.aof");
        assert_eq!(beside("a.b.aof.2.base.rdb"), [incr(2), incr(9), incr(10)]);
        for none in ["dump.rdb", "a.b.aof.x.base.rdb", ".base.rdb", "third.aof.1.base.rdb"] {
            assert!(beside(none).is_empty(), "{none}");
        }
        // What a rewrite has done away with is history.
        put(
            "a.b.aof.manifest",
            "file a.b.aof.2.base.rdb seq 2 type b\nfile a.b.aof.9.incr.aof seq 9 type h\nfile a.b.aof.10.incr.aof seq 10 type i\n",
        );
        assert_eq!(beside("a.b.aof.2.base.rdb"), [incr(10)]);
    }
}
