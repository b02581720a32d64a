//! Pages in Chromium: `browser.mjs` opens them and says what it finds.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::Command;

use super::{Work, fixture, hostile, hostile_names};
use crate::support::judges::{BROWSER, CHROMIUM};
use serde::Deserialize;

/// What `browser.mjs` prints.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Every request but the one for the page itself.
    requests: Vec<String>,
    console: Vec<String>,
    dialogs: u64,
    /// By width of the window, that of the content.
    overflow: BTreeMap<String, u64>,
    /// Tables that are wider than their place, in windows of any of these widths.
    pub cut: Vec<String>,
    /// By width of the window, how many of the links to approve, apply and undo are seen at once.
    pub reach: BTreeMap<String, u64>,
    pub maps: Vec<Map>,
    /// By colour scheme.
    contrast: BTreeMap<String, Contrast>,
    axe: Vec<String>,
    csp: String,
    pwned: bool,
    scripts: u64,
    /// Elements with a handler or a style in an attribute.
    handlers: u64,
    pub text: String,
    pub age: Option<String>,
    keyboard: bool,
    focus_ring: bool,
    pub searches: BTreeMap<String, Search>,
    #[serde(default)]
    pub kinds: BTreeMap<String, Kind>,
    #[serde(default)]
    pub told: String,
    pub without_script: WithoutScript,
    pub phone: Phone,
    pub print: Print,
}

/// A window of 360 by 800 pixels.
#[derive(Deserialize)]
pub struct Phone {
    /// Of the whole page, before anything is opened.
    pub height: u64,
    /// Parts that are closed then, and those that are in a wide window.
    closed: u64,
    wide: u64,
    /// Links to approve, apply and undo, and those that open their part and lead to it.
    leads: u64,
    reached: u64,
}

/// The heaviest part of a map, entered and left.
#[derive(Deserialize)]
pub struct Map {
    pub words: String,
    /// Its width in per cent: of the whole, entered, and afterwards.
    pub before: f64,
    pub inside: String,
    pub after: f64,
    /// What the page says of where one is.
    pub told: String,
    /// It said the same afterwards as before.
    pub back: bool,
    /// The width of the line round what has the focus.
    pub ring: String,
}

#[derive(Deserialize)]
struct Contrast {
    ratio: f64,
    text: String,
    texts: u64,
}

#[derive(Deserialize)]
pub struct Search {
    pub shown: u64,
    pub fits: bool,
    pub told: String,
}

#[derive(Deserialize)]
pub struct Kind {
    pub boxes: u64,
    pub shown: u64,
    pub fits: bool,
}

#[derive(Deserialize)]
pub struct WithoutScript {
    heading: bool,
    form: bool,
    example: bool,
    /// The tree of prefixes as lists, as a picture, and what only a script can tell.
    pub outline: bool,
    pub map: bool,
    told: bool,
    /// Parts of the page that cannot be read before they are opened.
    closed: u64,
}

#[derive(Deserialize)]
pub struct Print {
    closed: u64,
    nav: String,
    /// Places to write who approves.
    pub sign: u64,
    /// Maps that are on the paper.
    pub maps: u64,
}

/// Opens a page and checks what holds for every page.
pub fn open(page: &Path, words: &[&str]) -> Option<Found> {
    let (chromium, folder) = (CHROMIUM.find()?, BROWSER.find()?);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/people/review/browser.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(folder).arg(page).args(words).env("RDB_REINDEX_CHROMIUM", chromium);
    let output = command.output().expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Found = serde_json::from_slice(&output.stdout).expect("what the script prints");
    let none: [&str; 0] = [];
    assert_eq!(found.requests, none, "the page asks the network");
    assert_eq!(found.console, none, "the console has messages");
    assert_eq!((found.dialogs, found.pwned, found.scripts, found.handlers), (0, false, 1, 0), "something ran");
    assert!(found.csp.starts_with("default-src 'none'; ") && !found.csp.contains("unsafe"), "{}", found.csp);
    for (width, content) in &found.overflow {
        assert_eq!(width, &content.to_string(), "the page is wider than the window");
    }
    assert_eq!(found.overflow.len(), 4);
    for (scheme, worst) in &found.contrast {
        // WCAG 2.1, success criterion 1.4.3.
        assert!(worst.ratio >= 4.5, "{scheme}: {} for {:?}", worst.ratio, worst.text);
        assert!(worst.texts > 100, "{scheme}: only {} texts were measured", worst.texts);
    }
    assert_eq!(found.contrast.len(), 2);
    assert_eq!(found.axe, none, "axe-core finds");
    assert!(found.keyboard && found.focus_ring, "a box cannot be folded out by keyboard");
    assert!(found.without_script.heading && !found.without_script.form, "without a script");
    assert_eq!(found.without_script.closed, 0, "without a script nothing is closed");
    assert!(found.phone.closed > 3 && found.phone.wide == 0, "parts are closed on a phone, and nowhere else");
    assert_eq!(found.phone.reached, found.phone.leads, "a link opens what it leads to");
    assert!(!found.without_script.told, "without a script nothing can be entered, and nothing says so");
    assert_eq!((found.print.closed, found.print.nav.as_str()), (0, "none"), "on paper");
    Some(found)
}

#[test]
fn the_review_of_the_fixture() {
    let work = Work::new();
    work.review(&fixture(), &[]);
    let Some(found) = open(&work.path("plan/review.html"), &["[object", "MESSAGE:discord", "no such thing anywhere"])
    else {
        return;
    };
    assert!(found.without_script.example, "an example is seen without a script");
    assert_eq!(found.cut, [""; 0], "a table is cut");
    assert!(found.phone.height < 6_000, "{} pixels to scroll on a phone", found.phone.height);
    // Approve, apply and undo.
    assert!(found.reach.values().all(|seen| *seen == 3), "{:?}", found.reach);
    assert_eq!(found.print.sign, 4);
    assert!(found.age.is_some_and(|age| age.ends_with("before you opened this page)")));
    let all = found.told.strip_suffix(" examples.").expect("a number").parse::<u64>().expect("a number");
    for (word, search) in &found.searches {
        assert!(search.fits, "{word}");
        assert_eq!(search.told, format!("{} of {all} examples.", search.shown), "{word}");
        assert_eq!(search.shown == 0, word.starts_with("no such"), "{word}");
        assert!(search.shown < all, "{word}");
    }
    assert_eq!(found.searches.len(), 3);
    // 3 classes of deletions in project and 1 each in user and channel; 2 of additions; 2 + 1 of removals.
    let boxes: Vec<(&str, u64)> = found.kinds.iter().map(|(kind, found)| (kind.as_str(), found.boxes)).collect();
    assert_eq!(boxes, [("add", 2), ("delete", 5), ("remove", 3)]);
    assert!(found.kinds.values().all(|kind| kind.fits && kind.shown > 0));
    assert_eq!(found.kinds.values().map(|kind| kind.shown).sum::<u64>(), all);
}

#[test]
fn hostile_names_are_seen_and_do_not_run() {
    let work = Work::new();
    hostile(&work);
    let Some(found) = open(&work.path("plan/review.html"), &["<script>", "\\u{202e}"]) else { return };
    for (_, seen) in hostile_names() {
        assert!(found.text.contains(seen), "{seen:?} is not seen");
    }
    assert!(found.searches.values().all(|search| search.fits && search.shown > 0));
}
