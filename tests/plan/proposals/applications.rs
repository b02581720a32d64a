//! Databases of real applications, broken as their users report it, where they are at hand (`../shared`): what is
//! recommended for them harms none of them, and repairs some as a whole. A real server runs the plan.

use std::path::Path;

use serde_json::Value;

use super::commands;
use super::desk::{Desk, Planned, Take};
use super::state::{self, Outcome};
use crate::support::judges::APPS;
use crate::support::server::Server;

/// How many are repaired as a whole at least.
const REPAIRED: usize = 12;

/// What a plan does to the database on a real server; none where there is no server.
fn replayed(app: &Path, desk: &Desk, planned: &Planned) -> Option<Outcome> {
    let server = Server::builder().dump_file(app.join("dump.rdb")).start()?;
    let before = state::of_server(&server);
    if !planned.commands().is_empty() {
        let manifest = std::fs::read(desk.path("plan/plan.json")).expect("a manifest");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        let id = manifest["plan_id"].as_str().expect("an id");
        let (status, _, told) = desk.run(&["apply", "plan", "--to", &server.url(), "--confirm", id, "--quiet"]);
        assert_eq!(status, 0, "{}: {told}", app.display());
    }
    let expected = std::fs::read(app.join("expected.json")).expect("the right state");
    let right = state::of_json(&serde_json::from_slice(&expected).expect("JSON"));
    let after = state::of_server(&server);
    // The model that judges databases without a server does what a server does.
    let modelled = state::compare(&before, &after, &commands::run(&before, planned.commands()), &planned.touched());
    assert!(modelled.whole, "{}: {modelled:?}", app.display());
    Some(state::compare(&before, &after, &right, &planned.touched()))
}

/// The judge itself: a spec that says what is right repairs all, and one with a slip does harm.
#[test]
fn what_is_right_for_an_application_is_known() {
    let Some(apps) = APPS.find() else { return };
    let text = |path: &str| std::fs::read_to_string(apps.join(path)).expect("a spec");
    let outcome = |app: &str, spec: &str| {
        let app = apps.join(app);
        let desk = Desk::new(&std::fs::read(app.join("dump.rdb")).expect("a dump"));
        let planned = desk.plan(spec);
        assert_eq!(planned.word(), "plan", "{}", planned.told());
        replayed(&app, &desk, &planned)
    };
    for app in ["rq", "bullmq", "walrus", "symfony-cache"] {
        let Some(outcome) = outcome(app, &text(&format!("{app}/spec.toml"))) else { return };
        assert!(outcome.whole && outcome.fixed == outcome.wrong, "{app}: {outcome:?}");
        assert!(outcome.harm.is_empty(), "{app}: {outcome:?}");
    }
    let slip = "version = 1\n[[index]]\nname = \"tags\"\npolicy = \"retire\"\nkey = 'app:\\x00tags\\x00{tag}'\n";
    let Some(outcome) = outcome("symfony-cache", slip) else { return };
    assert!(!outcome.harm.is_empty() && !outcome.whole, "{outcome:?}");
}

/// What came of each of them: name and outcome. A table is printed.
fn outcomes(take: Take) -> Vec<(String, Outcome)> {
    let Some(apps) = APPS.find() else { return Vec::new() };
    let entries = std::fs::read_dir(apps).expect("a folder");
    let mut folders: Vec<_> = entries.map(|entry| entry.expect("read").path()).collect();
    folders.retain(|path| path.join("expected.json").exists());
    folders.sort();
    assert!(folders.len() >= 20, "{}", folders.len());
    println!(
        "\n{:26} {:>8} {:>11} {:8} {:>6} {:>6} {:>6}  whole",
        "application", "proposed", "recommended", "plan", "wrong", "fixed", "harm"
    );
    let mut outcomes = Vec::new();
    for app in folders {
        let name = app.file_name().expect("a name").to_string_lossy().into_owned();
        let desk = Desk::new(&std::fs::read(app.join("dump.rdb")).expect("a dump"));
        let proposal = desk.infer();
        let planned = desk.take(&proposal, take);
        assert_ne!(planned.word(), "error", "{name}: {}", planned.told());
        let Some(outcome) = replayed(&app, &desk, &planned) else { return Vec::new() };
        println!(
            "{name:26} {:8} {:11} {:8} {:6} {:6} {:6}  {}",
            proposal.proposed(),
            proposal.recommended(),
            planned.word(),
            outcome.wrong,
            outcome.fixed,
            outcome.harm.len(),
            if outcome.whole { "yes" } else { "" }
        );
        outcomes.push((name, outcome));
    }
    let repaired = outcomes.iter().filter(|(_, outcome)| outcome.whole).count();
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(|(_, outcome)| of(outcome)).sum::<usize>();
    println!(
        "{} of {} are repaired as a whole; {} of {} wrong elements are; harm {}\n",
        repaired,
        outcomes.len(),
        sum(|outcome| outcome.fixed),
        sum(|outcome| outcome.wrong),
        sum(|outcome| outcome.harm.len())
    );
    outcomes
}

#[test]
fn what_is_recommended_harms_no_application() {
    let outcomes = outcomes(Take::Recommended);
    for (name, outcome) in &outcomes {
        assert!(outcome.harm.is_empty(), "{name}: {:#?}", &outcome.harm[..outcome.harm.len().min(20)]);
        assert!(outcome.wrong > 0, "{name}: nothing was wrong");
    }
    let repaired = outcomes.iter().filter(|(_, outcome)| outcome.whole).count();
    assert!(outcomes.is_empty() || (REPAIRED..).contains(&repaired), "{repaired}");
}

/// What is not recommended is not recommended for a reason; prints what it would do.
#[test]
#[ignore = "shows what a proposal that is followed against advice would do"]
fn everything_that_is_proposed_for_applications() {
    outcomes(Take::Everything);
}
