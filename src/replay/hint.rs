//! What to do about an answer that was not expected.

use super::link::Reply;

/// Advice for a person, by the class of the server's answer.
///
/// Codes as servers send them; the texts of quotas are those of Upstash, all `ERR` and told apart by their wording.
pub fn for_reply(got: &Reply) -> &'static str {
    if *got == Reply::Nil {
        return "somebody made a key of that name since; it is left as it is";
    }
    let Reply::Error(text) = got else {
        return "the database is not as it was in the dump; look at the difference with --dry-run, then plan again from a new dump";
    };
    match text.split(' ').next().unwrap_or_default() {
        "WRONGTYPE" => "this key has another type than in the dump; look at it, then plan again from a new dump",
        "BUSYKEY" => "this key is there already; look at it before anything else writes to it",
        "READONLY" => "this is a replica; connect to the primary",
        "MOVED" | "ASK" | "CROSSSLOT" => "this is a node of a cluster; a plan is replayed to a single server",
        "OOM" => "the server is out of memory; make room, then go on with --resume",
        "MISCONF" => "the server cannot save to its disk and refuses writes; repair that first",
        "NOREPLICAS" => "the server wants replicas that are not there; repair that first",
        "LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" => {
            "the server is busy with itself; wait and try again"
        }
        "NOAUTH" | "WRONGPASS" => "give the password (RDB_REINDEX_PASSWORD or --password-file)",
        "NOPERM" => "this user may not run the command; use one that may",
        _ if text.contains("can't run this command") => "this user may not run the command; use one that may",
        _ if text.contains("capacity") => "the service's data limit is reached; make room, then go on with --resume",
        _ if text.contains("max") && text.contains("request") && text.contains("size") => {
            "the service limits a request's size; use a smaller --batch-bytes, or plan with a smaller --max-command-bytes"
        }
        _ if text.contains("max") && text.contains("limit exceeded") => {
            "the service's quota is used up; raise it or wait"
        }
        _ if text.contains("unknown command") => {
            "the server does not know this command; is it the kind of server that the dump came from?"
        }
        _ => "look at the key on the server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_known_by_its_code_or_wording() {
        for (text, part) in [
            ("WRONGTYPE Operation against a key holding the wrong kind of value", "another type"),
            ("READONLY You can't write against a read only replica.", "replica"),
            ("ERR max daily request limit exceeded", "quota"),
            ("ERR max request size exceeded. Limit: 10 bytes, Actual: 20 bytes", "--batch-bytes"),
            ("ERR DB capacity quota exceeded", "make room"),
            ("ERR The user executing the script can't run this command or subcommand", "may not run"),
            ("ERR unknown command 'JSON.SET'", "does not know"),
            ("", "look at the key"),
        ] {
            let hint = for_reply(&Reply::Error(text.into()));
            assert!(hint.contains(part), "{text:?}: {hint}");
        }
        assert!(for_reply(&Reply::Integer(1)).contains("--dry-run"));
    }
}
