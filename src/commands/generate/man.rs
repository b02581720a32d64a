//! What a page of the manual has beside the options: examples, exit status, environment, files, and where to go on.

use super::super::examples::EXIT_STATUS;

/// Commands with a connection to a database, and those with the folder of a plan.
const CONNECTED: [&str; 3] = ["apply", "verify", "rollback"];
const WITH_PLAN: [&str; 7] = ["plan", "join", "show", "rehearse", "apply", "verify", "rollback"];

/// What stands in the folder of a plan.
const FILES: [(&str, &str); 6] = [
    (
        "plan.json",
        "what the plan is: dump, spec, counts, the expected reply of each command, SHA-256 of the other files",
    ),
    ("apply.resp", "the commands that repair the database, fit for redis-cli --pipe"),
    ("rollback.resp", "the commands that undo them"),
    ("changes.csv", "one line per edit, with its reason"),
    ("review.html", "the page for the person who approves the plan"),
    ("journal.ndjson", "what was sent and answered; apply and rollback write it, and --resume goes on from it"),
];

const CONNECTION: [(&str, &str); 7] = [
    ("REDIS_URL", "the address if there is no --to"),
    ("UPSTASH_REDIS_REST_URL", "the address if there is neither --to nor REDIS_URL"),
    ("UPSTASH_REDIS_REST_TOKEN", "the token for an https:// address"),
    ("RDB_REINDEX_PASSWORD", "the password, if there is no --password-file and it should not be asked for"),
    ("REDISCLI_AUTH", "the password, if RDB_REINDEX_PASSWORD is not set"),
    ("USER, LOGNAME, USERNAME", "who works with the plan: the first of them that is set goes into the journal"),
    ("HOSTNAME, COMPUTERNAME", "on which machine, where the system does not say: likewise"),
];

const REHEARSAL: [(&str, &str); 2] = [
    ("PATH", "where rehearse --server looks for the server"),
    ("RDB_REINDEX_REJSON", "the RedisJSON module for a dump that needs it, if there is no --module"),
];

const EVERYWHERE: [(&str, &str); 6] = [
    ("COLUMNS", "how wide tables are where there is no terminal; 80 if it is not set"),
    ("NO_COLOR", "no colours, if it is set and not empty"),
    ("CLICOLOR", "0 for no colours"),
    ("CLICOLOR_FORCE", "colours also where there is no terminal, unless it is empty or 0"),
    ("TERM", "dumb for no colours, and for progress in lines of its own"),
    ("TMPDIR", "where archives are unpacked, and throwaway servers live"),
];

/// The page of a command, from what clap makes of it; the name is empty for the program itself.
pub fn page(text: &str, command: &str) -> String {
    let (page, version) = text.split_once(".SH VERSION").map_or((text, ""), |(page, version)| (page, version));
    let mut out = with_examples(page);
    section("EXIT STATUS", &EXIT_STATUS.map(|(status, meaning)| (status, meaning)), &mut out);
    let is_connected = command.is_empty() || CONNECTED.contains(&command);
    let connection = CONNECTION.iter().filter(|_| is_connected);
    let rehearsal = REHEARSAL.iter().filter(|_| command.is_empty() || command == "rehearse");
    let environment: Vec<(&str, &str)> = connection.chain(rehearsal).chain(&EVERYWHERE).copied().collect();
    section("ENVIRONMENT", &environment, &mut out);
    if command.is_empty() || WITH_PLAN.contains(&command) {
        out.push_str(".SH FILES\nIn the folder of a plan:\n");
        list(&FILES, &mut out);
    }
    let beside: &[&str] = match command {
        "" => &["rdb-reindex-inventory", "rdb-reindex-infer", "rdb-reindex-plan", "redis-cli"],
        "plan" | "infer" | "spec" => &["rdb-reindex", "rdb-reindex-spec", "rdb-reindex-show", "rdb-reindex-rehearse"],
        "apply" | "verify" | "rollback" => {
            &["rdb-reindex", "rdb-reindex-show", "rdb-reindex-apply", "rdb-reindex-verify", "rdb-reindex-rollback"]
        }
        _ => &["rdb-reindex", "rdb-reindex-plan"],
    };
    let own = format!("rdb-reindex-{command}");
    let beside: Vec<String> =
        beside.iter().filter(|name| **name != own).map(|name| format!("\\fB{}\\fR(1)", roff(name))).collect();
    out.push_str(&format!(".SH SEE ALSO\n{}\n", beside.join(", ")));
    if !version.is_empty() {
        out.push_str(&format!(".SH VERSION{version}"));
    }
    out
}

/// Gives what comes after the options its name, and leaves its lines as they are: they are commands.
fn with_examples(page: &str) -> String {
    let Some((before, rest)) = page.split_once(".SH EXTRA\n") else { return page.to_owned() };
    match rest.split_once("Examples:\n") {
        Some((_, lines)) => format!("{before}.SH EXAMPLES\n.nf\n{}\n.fi\n", lines.trim_end()),
        // Of the program itself: how to begin. The statuses have a section of their own.
        None => {
            let words = rest.split("\nExit status:").next().unwrap_or_default();
            format!("{before}.SH HOW TO BEGIN\n{}\n", words.trim_end())
        }
    }
}

fn section(name: &str, rows: &[(&str, &str)], out: &mut String) {
    out.push_str(&format!(".SH {name}\n"));
    list(rows, out);
}

fn list(rows: &[(&str, &str)], out: &mut String) {
    for (term, words) in rows {
        out.push_str(&format!(".TP\n\\fB{}\\fR\n{}\n", roff(term), roff(words)));
    }
}

/// A hyphen that is one, and not a place where a line may end.
fn roff(text: &str) -> String {
    text.replace('-', "\\-")
}
