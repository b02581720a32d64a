// Prints the members of one set: `cargo run --example read-key dump.rdb KEY`.

use std::error::Error;
use std::ops::ControlFlow;

use rdb_reindex::dump::rdb::{Element, Flow, Scratch, Visitor};
use rdb_reindex::{Options, Snapshot, Walker};

/// Takes the members of a set as they are decoded; a `Visitor` has a method for each kind of element.
#[derive(Default)]
struct Members(Vec<String>);

impl Visitor for Members {
    fn set_member(&mut self, member: Element<'_>) -> Flow {
        self.0.push(String::from_utf8_lossy(member.bytes).into_owned());
        ControlFlow::Continue(())
    }
}

/// The members of a set of database 0, in the order of the dump; none if it is not there, or no set.
pub fn members(dump: &[u8], key: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut members = Members::default();
    if let Some(record) = Walker::new(dump)?.find(0, key.as_bytes())? {
        record.value.visit(&mut Scratch::default(), &mut members)?;
    }
    Ok(members.0)
}

pub fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap_or("fixtures/discord-analytics.rdb".into());
    let key = args.next().unwrap_or("discord:projects:all".into());
    let dump = Snapshot::open(path.as_ref(), Options::default())?;
    println!("{}", members(&dump, &key)?.join("\n"));
    Ok(())
}
