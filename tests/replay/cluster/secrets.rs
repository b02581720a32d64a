//! TLS, passwords, and nodes that nobody named.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use rdb_reindex::dump::slots::slot_of;

use super::Stage;
use super::stage::{SPEC, broken};
use crate::operate::{program, ran};
use crate::proxy::{Fault, Proxy};
use crate::support::server::Cluster;

#[test]
fn there_and_back_with_tls_and_a_password() {
    let Some(cluster) = Cluster::start(Some("hunter2"), true, &[]) else { return };
    let stage = Stage::on(cluster, broken(300), SPEC);
    let (bundle, before) = (stage.plan(), stage.state());
    let ca = stage.cluster.certificates.as_ref().expect("it speaks TLS").path().join("ca.pem");
    let url = stage.cluster.tls_url();
    let run = |name: &str, to: &str| {
        let mut command = program();
        command.arg(name).arg(bundle.dir()).args(["--to", to, "--tls-ca"]).arg(&ca);
        if name != "verify" {
            command.args(["--confirm", &bundle.plan_id]);
        }
        ran(&mut command)
    };
    let without = run("apply", &url.replace(":hunter2@", ""));
    assert!(without.status == Some(1) && without.err.contains("needs a password"), "{without:?}");
    for name in ["apply", "verify", "rollback"] {
        let ran = run(name, &url);
        assert_eq!(ran.status, Some(0), "{name}: {ran:?}");
        assert!(!ran.err.contains("hunter2") && !ran.out.contains("hunter2"), "{ran:?}");
    }
    assert!(!bundle.journal().contains("hunter2"));
    stage.is_as(&before);
}

/// What answers `MOVED` or `ASK` with an address that the cluster does not have gets nobody to go there.
#[test]
fn nothing_goes_to_a_node_that_the_cluster_did_not_name() {
    let Some(cluster) = Cluster::start(Some("hunter2"), false, &[]) else { return };
    let stage = Stage::on(cluster, broken(300), SPEC);
    let before = stage.state();
    let evil = TcpListener::bind(("127.0.0.1", 0)).expect("a free loopback port");
    let address = evil.local_addr().expect("it is bound");
    let visits = std::sync::Arc::new(AtomicU32::new(0));
    let counted = std::sync::Arc::clone(&visits);
    std::thread::spawn(move || {
        for _ in evil.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let key = "idx:project:1";
    let owner = stage.cluster.owners()[usize::from(slot_of(key.as_bytes()))];
    for word in ["MOVED", "ASK"] {
        let bundle = stage.plan();
        let text = format!("{word} {} {address}", slot_of(key.as_bytes()));
        let proxy = Proxy::start(stage.cluster.nodes[owner].port(), Fault::Refuse { write: 1, text, times: 3 });
        let map = format!("127.0.0.1:{}=127.0.0.1:{}", stage.cluster.nodes[owner].port(), proxy.port);
        for name in ["apply", "rollback"] {
            stage.well(name, &bundle, &["--guard", "replies", "--node-map", &map]);
        }
        assert!(proxy.fired());
        stage.is_as(&before);
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}
