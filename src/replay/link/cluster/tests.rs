//! A cluster of two nodes that answer what they are told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::*;

type Answer = dyn Fn(&str, &str) -> Reply + Send + Sync;
type Log = Arc<Mutex<Vec<String>>>;

/// A connection to one of them.
struct Fake {
    node: String,
    answer: Arc<Answer>,
    log: Log,
    replies: VecDeque<Reply>,
}

impl Link for Fake {
    fn send(&mut self, commands: &[u8]) -> Result<(), LinkError> {
        let mut reader = CommandReader::new(commands);
        while let Ok(Some(command)) = reader.next_command() {
            let text = String::from_utf8(command.args.join(&b' ')).unwrap();
            self.log.lock().unwrap().push(format!("{} {text}", self.node));
            let reply = match text.as_str() {
                "CLIENT INFO" | "INFO server" => Reply::Error("NOPERM".into()),
                "ASKING" => Reply::Status("OK".into()),
                "CLUSTER SLOTS" => slots(),
                text => (self.answer)(&self.node, text),
            };
            self.replies.push_back(reply);
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Reply, LinkError> {
        self.replies.pop_front().ok_or(LinkError::Closed { target: self.node.clone() })
    }
}

/// The first half is a's, the second b's, but for the last slot, which nobody has.
fn slots() -> Reply {
    let node = |host: &str| Reply::Array(vec![Reply::Bulk(host.as_bytes().to_vec()), Reply::Integer(1)]);
    let range = |first, last, host| Reply::Array(vec![Reply::Integer(first), Reply::Integer(last), node(host)]);
    Reply::Array(vec![range(0, 8191, "a"), range(8192, 16_382, "b")])
}

fn cluster(answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> (ClusterLink, Log) {
    let (answer, log): (Arc<Answer>, Log) = (Arc::new(answer), Arc::default());
    let kept = Arc::clone(&log);
    let dial = move |(host, _): &Address| -> Result<Box<dyn Link + Send>, LinkError> {
        let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
        Ok(Box::new(Fake { node: host.clone(), answer, log, replies: VecDeque::new() }))
    };
    let seeds = vec![("seed".to_owned(), 1)];
    let place = Whereabouts { seeds, maps: Vec::new(), dial: Box::new(dial), memory: Arc::default() };
    (ClusterLink::open(place).unwrap(), kept)
}

fn told(log: &Log) -> Vec<String> {
    log.lock()
        .unwrap()
        .iter()
        .filter(|line| !line.ends_with(" CLIENT INFO") && !line.ends_with(" INFO server") && !line.contains("SLOTS"))
        .cloned()
        .collect()
}

/// hello is in slot 866, foo and {foo}… in 12182, bar in 5061.
fn ask_all(link: &mut ClusterLink, commands: &[&str]) -> Vec<Result<Reply, LinkError>> {
    let mut bytes = Vec::new();
    commands.iter().for_each(|command| encode(&command.split(' ').collect::<Vec<_>>(), &mut bytes));
    link.send(&bytes).unwrap();
    commands.iter().map(|_| link.receive()).collect()
}

#[test]
fn answers_come_in_the_order_of_the_commands() {
    let (mut link, log) = cluster(|node, text| Reply::Bulk(format!("{node}:{text}").into_bytes()));
    let found = ask_all(&mut link, &["GET hello", "GET foo", "GET bar", "SELECT 0"]);
    let text = |reply: &Result<Reply, LinkError>| reply.as_ref().unwrap().as_bytes().unwrap().to_vec();
    let found: Vec<Vec<u8>> = found.iter().map(text).collect();
    assert_eq!(found, [&b"a:GET hello"[..], b"b:GET foo", b"a:GET bar", b"OK"]);
    assert_eq!(told(&log), ["a GET hello", "a GET bar", "b GET foo"]);
}

#[test]
fn a_slot_that_nobody_has_is_told_to_wait_for() {
    let (mut link, _) = cluster(|_, _| Reply::Integer(1));
    // CLUSTER KEYSLOT key7487 of a server: 16383.
    let key = (0..).map(|n| format!("key{n}")).find(|key| slot_of(key.as_bytes()) == 16_383).unwrap();
    let found = ask_all(&mut link, &[&format!("GET {key}"), "GET foo"]);
    assert!(matches!(&found[0], Ok(Reply::Error(error)) if error.text().starts_with("CLUSTERDOWN")), "{found:?}");
    assert_eq!(found[1], Ok(Reply::Integer(1)));
    let several = ask_all(&mut link, &["EVAL script 2 foo bar"]);
    assert!(matches!(&several[0], Ok(Reply::Error(error)) if error.text().starts_with("CROSSSLOT")), "{several:?}");
}

#[test]
fn no_redirection_is_followed_for_ever() {
    for text in
        ["MOVED 12182 a:1", "MOVED 12182 b:1", "MOVED 12182 evil:1", "ASK 12182 a:1", "ASK 12182 evil:1", "TRYAGAIN"]
    {
        let (mut link, log) = cluster(move |_, command| match command {
            "GET foo" => Reply::Error(text.into()),
            "CLUSTER NODES" => Reply::Bulk(b"id a:1@2 master - 0 0 1 connected 0-8191".to_vec()),
            _ => Reply::Integer(7),
        });
        let found = ask_all(&mut link, &["GET foo", "GET hello"]);
        assert!(
            matches!(&found[0], Ok(Reply::Error(error)) if error.text().starts_with("TRYAGAIN")),
            "{text}: {found:?}"
        );
        assert_eq!(found[1], Ok(Reply::Integer(7)));
        let told = told(&log);
        assert!(told.len() < 40 && !told.iter().any(|line| line.starts_with("evil")), "{told:?}");
    }
}

#[test]
fn the_other_node_is_asked_with_asking() {
    let (mut link, log) = cluster(|node, command| match (node, command) {
        ("b", "UNLINK foo") => Reply::Error("ASK 12182 a:1".into()),
        _ => Reply::Integer(1),
    });
    assert_eq!(ask_all(&mut link, &["UNLINK foo"]), [Ok(Reply::Integer(1))]);
    let told = told(&log);
    assert_eq!(told, ["b UNLINK foo", "a ASKING", "a UNLINK foo"]);
}

#[test]
fn several_keys_go_one_by_one_while_they_move() {
    let (mut link, log) = cluster(|node, command| match (node, command) {
        (_, "UNLINK {foo}1 {foo}2 {foo}3") => Reply::Error("TRYAGAIN Multiple keys request".into()),
        ("b", "UNLINK {foo}2") => Reply::Error("ASK 12182 a:1".into()),
        _ => Reply::Integer(1),
    });
    assert_eq!(ask_all(&mut link, &["UNLINK {foo}1 {foo}2 {foo}3"]), [Ok(Reply::Integer(3))]);
    assert_eq!(told(&log).last().map(String::as_str), Some("a UNLINK {foo}2"));
    // Keys of all slots at once, as a look asks for them.
    assert_eq!(ask_all(&mut link, &["EXISTS foo bar hello {foo}1"]), [Ok(Reply::Integer(3))]);
    assert_eq!(told(&log)[told(&log).len() - 3..], ["a EXISTS hello", "a EXISTS bar", "b EXISTS foo {foo}1"]);
}

/// What was carried out in part has no answer: whoever sent it must look.
#[test]
fn a_part_that_is_refused_is_not_known_as_a_whole() {
    let (mut link, _) = cluster(|_, command| match command {
        "UNLINK {foo}1 {foo}2" => Reply::Error("TRYAGAIN Multiple keys request".into()),
        "UNLINK {foo}2" => Reply::Error("OOM command not allowed".into()),
        _ => Reply::Integer(1),
    });
    let found = ask_all(&mut link, &["GET hello", "UNLINK {foo}1 {foo}2", "GET foo"]);
    assert_eq!(found[0], Ok(Reply::Integer(1)));
    assert!(found[1].as_ref().is_err_and(LinkError::is_transient) && found[2].is_err(), "{found:?}");
    assert!(link.send(b"*1\r\n$4\r\nPING\r\n").is_err(), "it is at its end");
}

#[test]
fn a_node_that_was_no_primary_ends_the_link() {
    let (mut link, _) = cluster(|node, command| match (node, command) {
        ("a", "GET hello") => Reply::Error("MOVED 866 b:1".into()),
        (_, "GET hello") => Reply::Integer(5),
        _ => Reply::Integer(1),
    });
    // To a primary that is known.
    assert_eq!(ask_all(&mut link, &["GET hello"]), [Ok(Reply::Integer(5))]);
    link.map.all.push(("c".into(), 1));
    link.map.moved(866, &("c".into(), 1));
    let primaries: Vec<&str> = link.map.primaries.iter().map(|node| node.address.0.as_str()).collect();
    assert_eq!(primaries, ["a", "b", "c"]);
    assert!(!link.nodes.was_primary(&("c".into(), 1)));
}
