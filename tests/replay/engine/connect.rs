//! Passwords, users, TLS: who gets in, who does not, and what is said then.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rdb_reindex::replay::{Connection, LinkError, Proven, Source, Target, TargetError};

use super::{apply, file, integers, refusal, run, scene, target, verify};
use crate::support::server::Server;

#[test]
fn a_password_is_used_and_never_shown() {
    let Some(server) = Server::builder().password("hunter2").start() else { return };
    run(&server, &["ACL SETUSER reader on >swordfish ~* -@all +ping +auth"]);
    let bare = format!("127.0.0.1:{}/", server.port());
    for good in ["redis://:hunter2@", "redis://default:hunter2@", "redis://reader:swordfish@"] {
        assert!(Connection::open(&target(&format!("{good}{bare}"), None)).is_ok(), "{good}");
    }
    for (bad, part) in [
        ("redis://", "needs a password"),
        ("redis://reader@", "needs a password"),
        ("redis://:wrongfish@", "wrong user name or password"),
        ("redis://reader:wrongfish@", "wrong user name or password"),
    ] {
        let error = refusal(&target(&format!("{bad}{bare}"), None));
        let text = format!("{error} {error:?}");
        assert!(error.to_string().contains(part), "{bad}: {error}");
        assert!(!text.contains("wrongfish") && text.contains(&server.port().to_string()), "{text}");
    }
    // This user may log in and nothing else.
    let link = Connection::open(&target(&format!("redis://reader:swordfish@{bare}"), None)).expect("it may log in");
    let replayed = apply(link, &file(&["SADD k m"]), &integers(&[1]));
    let reason = replayed.reason();
    assert!(reason.contains("NOPERM") && reason.contains("may not run the command"), "{reason}");
}

#[test]
fn a_password_for_a_server_without_one_is_refused() {
    let Some(server) = Server::builder().start() else { return };
    let error = refusal(&target(&format!("redis://:hunter2@127.0.0.1:{}", server.port()), None)).to_string();
    assert!(error.contains("it has no password, but one was given") && !error.contains("hunter2"), "{error}");
}

#[test]
fn tls_with_a_private_authority() {
    let Some(server) = Server::builder().tls().password("hunter2").start() else { return };
    let known = || Connection::open(&target(&server.tls_url(), Some(server.tls_ca()))).expect("the authority is known");
    let scene = scene();
    run(&server, &scene.state);
    apply(known(), &scene.apply, &scene.applied).assert_done();
    let mut link = known();
    let verified = verify(&mut link, &scene, Proven::Target);
    assert!(verified.holds(), "{verified:?}");
    let by_address = server.tls_url().replace("localhost", "127.0.0.1");
    assert!(Connection::open(&target(&by_address, Some(server.tls_ca()))).is_ok(), "the certificate names it too");
}

#[test]
fn tls_that_cannot_be_trusted_is_refused_clearly() {
    let Some(server) = Server::builder().tls().password("hunter2").start() else { return };
    let Some(other) = Server::builder().tls().start() else { return };
    for ca in [None, Some(other.tls_ca())] {
        let error = refusal(&target(&server.tls_url(), ca));
        assert!(matches!(error, LinkError::Tls { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("--tls-ca FILE") && !text.contains("hunter2"), "{text}");
    }
    let two_addresses = Server::builder().tls().args(&["--bind", "127.0.0.1", "127.0.0.2"]).start();
    let two_addresses = two_addresses.expect("it starts like the first");
    let other_name = two_addresses.tls_url().replace("localhost", "127.0.0.2");
    let error = refusal(&target(&other_name, Some(two_addresses.tls_ca()))).to_string();
    assert!(error.contains("its certificate is for another name"), "{error}");

    let mut to_plain = target(&format!("rediss://:hunter2@127.0.0.1:{}", server.port()), None);
    to_plain.timeouts.connect = Duration::from_millis(500);
    let to_plain = refusal(&to_plain);
    assert!(to_plain.to_string().contains("a server without TLS wants redis://"), "{to_plain}");
    let to_tls = refusal(&target(&server.tls_url().replace("rediss://", "redis://"), None));
    assert!(!to_tls.to_string().contains("hunter2"), "{to_tls}");

    let empty = tempfile::NamedTempFile::new().expect("a temporary file");
    for (ca, part) in
        [(empty.path(), "no certificate in it"), (Path::new("/nonexistent/ca.pem"), "--tls-ca takes a PEM")]
    {
        let error = refusal(&target(&server.tls_url(), Some(ca)));
        assert!(matches!(error, LinkError::Pem { .. }) && error.to_string().contains(part), "{error}");
    }
    let to_plain_with_ca = Target::resolve(&Source {
        to: Some(&server.url()),
        password_file: None,
        tls_ca: Some(server.tls_ca().to_owned()),
        tls_client: None,
        node_map: &[],
        environment: &|_| None,
    });
    assert!(matches!(to_plain_with_ca, Err(TargetError::CaWithoutTls)));
}

/// A certificate as `openssl req -x509` makes one: signed by itself, marked as an authority; with a name or without.
fn self_signed(folder: &Path, names: &[&str], expired: bool) -> (PathBuf, PathBuf) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).expect("names");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    if expired {
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1));
    }
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let (cert, key_file) = (folder.join("self.crt"), folder.join("self.key"));
    std::fs::write(&cert, certificate.pem()).expect("writable");
    std::fs::write(&key_file, key.serialize_pem()).expect("writable");
    (cert, key_file)
}

#[test]
fn a_self_signed_certificate_is_trusted_as_that_one_certificate() {
    for (names, expired) in [(&["localhost"][..], false), (&[], false), (&["localhost"], true)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (cert, key) = self_signed(folder.path(), names, expired);
        let (cert_text, key_text) = (cert.display().to_string(), key.display().to_string());
        let args = ["--tls-cert-file", &cert_text, "--tls-key-file", &key_text, "--tls-ca-cert-file", &cert_text];
        let Some(server) = Server::builder().tls().args(&args).start() else { return };
        let opened = Connection::open(&target(&server.tls_url(), Some(&cert)));
        match (opened, expired) {
            (Ok(_), false) => {}
            (Err(error), true) => assert!(error.to_string().contains("its certificate has expired"), "{error}"),
            (opened, _) => panic!("{names:?}, expired {expired}: {:?}", opened.err()),
        }
        // Not without it, nor with another that looks the same.
        let other = tempfile::tempdir().expect("a temporary folder");
        let (other, _) = self_signed(other.path(), names, expired);
        for ca in [None, Some(&*other)] {
            let error = refusal(&target(&server.tls_url(), ca)).to_string();
            assert!(error.contains("no TLS with") && !error.contains("CaUsed") && !error.contains("Other"), "{error}");
        }
    }
}

/// A port that speaks the other kind is known at once, and named.
#[test]
fn tls_and_plain_taken_for_each_other() {
    let Some(server) = Server::builder().tls().password("hunter2").start() else { return };
    let quick = |url: &str| {
        let began = std::time::Instant::now();
        let error = refusal(&target(url, None));
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}: {error}", began.elapsed());
        assert!(!error.is_transient() && !format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        error.to_string()
    };
    let tls_port = server.tls_url().rsplit_once(':').expect("a port").1.trim_end_matches('/').to_owned();
    for credentials in ["", ":hunter2@"] {
        let error = quick(&format!("redis://{credentials}localhost:{tls_port}"));
        assert!(error.contains(&format!("does it want TLS? try rediss://localhost:{tls_port}")), "{error}");
        let error = quick(&format!("rediss://{credentials}localhost:{}", server.port()));
        assert!(error.contains("it answers in the clear; a server without TLS wants redis://"), "{error}");
    }
    // A port that says nothing at all is given up in time.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("it is bound").port();
    for scheme in ["redis", "rediss"] {
        let mut target = target(&format!("{scheme}://127.0.0.1:{port}"), None);
        target.timeouts.connect = Duration::from_secs(1);
        let began = std::time::Instant::now();
        let error = refusal(&target).to_string();
        assert!(began.elapsed() < Duration::from_secs(4), "{scheme}: {:?}: {error}", began.elapsed());
        assert!(error.contains("within 1 s"), "{scheme}: {error}");
    }
}

#[test]
fn a_missing_token_is_named() {
    let target = target("http://127.0.0.1:1", None);
    let error = match rdb_reindex::replay::RestLink::open(&target) {
        Ok(_) => panic!("there is no token"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains("UPSTASH_REDIS_REST_TOKEN") && !error.contains("RDB_REINDEX_PASSWORD"), "{error}");
}
