//! A dump in a folder of its own: what is proposed for it, and the plan of that.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::commands::{self, Words};
use crate::support::output;

/// Which of the proposed rules are followed.
#[derive(Clone, Copy, PartialEq)]
pub enum Take {
    /// Those that are recommended, as they are.
    Recommended,
    /// Every one, whatever is said of it: what a judge must cry out at.
    Everything,
}

pub struct Desk {
    folder: tempfile::TempDir,
}

/// A proposal.
pub struct Proposal {
    text: String,
    rules: Vec<Rule>,
}

/// One rule of a proposal.
struct Rule {
    /// The line that says `policy = "report"`.
    line: usize,
    /// What stands after `# recommended:` there.
    recommended: Option<String>,
    /// What could be recommended: `maintain`, or `prune` for a rule that says what must be there.
    possible: &'static str,
}

/// What came of a spec.
pub enum Planned {
    /// No rule was followed, so nothing can happen.
    Nothing,
    /// A brake stopped it.
    Refused(String),
    /// The spec is not one.
    Error(String),
    Plan(Vec<Words>),
}

impl Desk {
    pub fn new(dump: &[u8]) -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::write(desk.path("dump.rdb"), dump).expect("written");
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Status, standard output and standard error.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let out = output::program(args).current_dir(self.folder.path()).output().expect("it ran");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        (out.status.code().expect("a status"), text(&out.stdout), text(&out.stderr))
    }

    pub fn infer(&self) -> Proposal {
        let (status, text, told) = self.run(&["infer", "dump.rdb", "--threads", "1"]);
        assert!(status == 0 || status == 1 && told.contains("no index was found"), "status {status}: {told}");
        Proposal::new(text)
    }

    /// The plan of a spec. The bundle is in `plan`.
    pub fn plan(&self, spec: &str) -> Planned {
        let _ = std::fs::remove_dir_all(self.path("plan"));
        std::fs::write(self.path("spec.toml"), spec).expect("written");
        let (status, _, told) =
            self.run(&["plan", "dump.rdb", "--spec", "spec.toml", "--out", "plan", "--threads", "1"]);
        match status {
            0 => Planned::Plan(commands::read(&std::fs::read(self.path("plan/apply.resp")).expect("commands"))),
            4 => Planned::Refused(told),
            _ => Planned::Error(format!("status {status}: {told}\n{spec}")),
        }
    }

    /// The plan of a proposal, as far as it is followed. Of everything, where a brake stops it as a whole, that of the first
    /// rule which changes something alone: what one of them would do is not to be hidden by another.
    pub fn take(&self, proposal: &Proposal, take: Take) -> Planned {
        let followed = proposal.followed(take);
        if followed.is_empty() {
            return Planned::Nothing;
        }
        let whole = self.plan(&proposal.spec(&followed));
        if take == Take::Recommended || matches!(whole, Planned::Plan(_)) {
            return whole;
        }
        let mut alone = followed.iter().filter_map(|rule| match self.plan(&proposal.spec(&[*rule])) {
            Planned::Plan(commands) if !commands.is_empty() => Some(Planned::Plan(commands)),
            _ => None,
        });
        alone.next().unwrap_or(whole)
    }
}

impl Proposal {
    fn new(text: String) -> Self {
        let rules = Rule::all(&text);
        let proposal = Self { text, rules };
        let said =
            proposal.text.lines().filter(|line| !line.starts_with('#') && line.contains("# recommended:")).count();
        assert_eq!(said, proposal.recommended(), "a recommendation is not beside a policy:\n{}", proposal.text);
        proposal
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn proposed(&self) -> usize {
        self.rules.len()
    }

    pub fn recommended(&self) -> usize {
        self.rules.iter().filter(|rule| rule.recommended.is_some()).count()
    }

    /// The number of a line, and the policy to write there.
    fn followed(&self, take: Take) -> Vec<(usize, &str)> {
        let policy = |rule: &Rule| match take {
            Take::Recommended => rule.recommended.clone().map(|_| rule.possible),
            Take::Everything => Some(rule.possible),
        };
        for rule in &self.rules {
            let said = rule.recommended.as_deref();
            assert!(said.is_none_or(|said| said == rule.possible), "{said:?} is recommended:\n{}", self.text);
        }
        self.rules.iter().filter_map(|rule| Some((rule.line, policy(rule)?))).collect()
    }

    /// The proposal with these policies, and nothing else changed.
    fn spec(&self, followed: &[(usize, &str)]) -> String {
        let lines = self.text.lines().enumerate().map(|(number, line)| {
            let policy = followed.iter().find(|(at, _)| *at == number).map(|(_, policy)| format!("\"{policy}\""));
            policy.map_or(line.to_owned(), |policy| line.replacen("\"report\"", &policy, 1)) + "\n"
        });
        lines.collect()
    }
}

impl Rule {
    fn all(text: &str) -> Vec<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let starts: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].trim() == "[[index]]").collect();
        let one = |start: &usize| {
            let end = (start + 1..lines.len()).find(|at| lines[*at].starts_with("[[")).unwrap_or(lines.len());
            let named = |at: &usize, name: &str| {
                lines[*at].strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
            };
            let line = (*start..end).find(|at| named(at, "policy")).expect("a policy");
            assert!(lines[line].contains("= \"report\""), "a proposal never changes anything:\n{text}");
            let recommended = lines[line].split_once("# recommended:").map(|(_, rest)| rest.trim_start());
            let word = |rest: &str| rest.chars().take_while(char::is_ascii_alphabetic).collect();
            let prunes = (*start..end).any(|at| named(&at, "exists"));
            Self { line, recommended: recommended.map(word), possible: if prunes { "prune" } else { "maintain" } }
        };
        starts.iter().map(one).collect()
    }
}

impl Planned {
    /// Its commands, if it has any.
    pub fn commands(&self) -> &[Words] {
        match self {
            Self::Plan(commands) => commands,
            _ => &[],
        }
    }

    /// A word for a table.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Nothing => "-",
            Self::Refused(_) => "refused",
            Self::Error(_) => "error",
            Self::Plan(commands) if commands.is_empty() => "empty",
            Self::Plan(_) => "plan",
        }
    }

    /// Why there is no plan.
    pub fn told(&self) -> &str {
        match self {
            Self::Refused(told) | Self::Error(told) => told,
            _ => "",
        }
    }

    /// The keys that its commands name.
    pub fn touched(&self) -> BTreeSet<String> {
        self.commands().iter().flat_map(commands::keys).cloned().collect()
    }
}

#[test]
fn a_proposal_is_taken_as_it_is() {
    let rule = |name: &str, more: &str, policy: &str| {
        format!(
            "[[index]]\nname    = \"{name}\"\npolicy  = {policy}\ntype    = \"set\"\n{more}key     = \"{name}:{{@a}}\"\n\n"
        )
    };
    let text = |one: &str, two: &str, three: &str| {
        "# `# recommended: maintain` says what is safe\nversion = 1\n".to_owned()
            + &rule("a", "from    = \"r\"\n", one)
            + &rule("b", "member  = \"{@id}\"\nexists  = \"r:{@id}\"\n", two)
            + &rule("c", "from    = \"r\"\n", three)
    };
    let report = "\"report\"   # not recommended: 3 would go";
    let (maintain, prune) =
        ("\"report\"   # recommended: maintain", "\"report\" # recommended: prune, for 12 are gone");
    let proposal = Proposal::new(text(maintain, prune, report));
    assert_eq!((proposal.proposed(), proposal.recommended()), (3, 2));
    let taken = |take| proposal.spec(&proposal.followed(take));
    let (maintained, pruned) = (maintain.replace("report", "maintain"), prune.replace("report", "prune"));
    assert_eq!(taken(Take::Recommended), text(&maintained, &pruned, report));
    assert_eq!(taken(Take::Everything), text(&maintained, &pruned, &report.replace("report", "maintain")));
}
