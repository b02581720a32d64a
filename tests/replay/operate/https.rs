//! Upstash REST over HTTPS, with an authority of our own: npm's server behind a small TLS proxy.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::operate::bundle::small;
use crate::operate::rest::{TOKEN, served};
use crate::operate::{Ran, Stage, program, ran};
use crate::support::server::tls;

/// Takes TLS off and hands on what is in it, to and fro. Its port; it ends with the process.
fn behind_tls(files: &tls::Files, address: Ipv4Addr, port: u16) -> u16 {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cert = CertificateDer::from_pem_file(&files.cert).expect("the certificate was written");
    let key = PrivateKeyDer::from_pem_file(&files.key).expect("the key was written");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert], key);
    let config = Arc::new(config.expect("they belong together"));
    let listener = TcpListener::bind((address, 0)).expect("a free loopback port");
    let own = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let config = Arc::clone(&config);
            std::thread::spawn(move || hand_on(client, config, port));
        }
    });
    own
}

fn hand_on(client: TcpStream, config: Arc<ServerConfig>, port: u16) -> Option<()> {
    let mut inner = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    for stream in [&client, &inner] {
        stream.set_read_timeout(Some(Duration::from_millis(2))).ok()?;
    }
    let mut outer = StreamOwned::new(ServerConnection::new(config).ok()?, client);
    let mut chunk = [0; 16 * 1024];
    loop {
        match outer.read(&mut chunk) {
            Ok(0) => return None,
            Ok(read) => inner.write_all(&chunk[..read]).ok()?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return None,
        }
        match inner.read(&mut chunk) {
            Ok(0) => return None,
            Ok(read) => outer.write_all(&chunk[..read]).and_then(|()| outer.flush()).ok()?,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return None,
        }
    }
}

fn over_https(stage: &Stage, host: &str, port: u16, ca: Option<&Path>, name: &str) -> Ran {
    let mut command = program();
    command.arg(name).arg(stage.dir()).args(["--to", &format!("https://{host}:{port}"), "--timeout", "20"]);
    if let Some(ca) = ca {
        command.arg("--tls-ca").arg(ca);
    }
    if name != "verify" {
        command.args(["--confirm", &stage.plan_id]);
    }
    let ran = ran(command.env("UPSTASH_REDIS_REST_TOKEN", TOKEN));
    assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "{ran:?}");
    ran
}

#[test]
fn a_private_authority() {
    let Some(stage) = Stage::new(&small()) else { return };
    let Some((_server, http)) = served(&stage) else { return };
    let (ours, other) = (stage.folder.path().join("ours"), stage.folder.path().join("other"));
    for folder in [&ours, &other] {
        std::fs::create_dir(folder).expect("the test's folder is writable");
    }
    let (files, foreign) = (tls::make(&ours), tls::make(&other));
    let port = behind_tls(&files, Ipv4Addr::LOCALHOST, http);
    let nameless = behind_tls(&files, Ipv4Addr::new(127, 0, 0, 2), http);
    // Without it, with another, and by a name that the certificate does not have.
    for (host, port, ca) in
        [("localhost", port, None), ("localhost", port, Some(&*foreign.ca)), ("127.0.0.2", nameless, Some(&*files.ca))]
    {
        let refused = over_https(&stage, host, port, ca, "apply");
        assert_eq!(refused.status, Some(1), "{host}: {refused:?}");
        let hint = if host == "localhost" { "--tls-ca FILE" } else { "for another name" };
        assert!(refused.err.contains("no TLS with") && refused.err.contains(hint), "{refused:?}");
        assert_eq!(stage.server.digest(), stage.before);
    }
    let empty = stage.folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("writable");
    let refused = over_https(&stage, "localhost", port, Some(&empty), "apply");
    assert!(refused.err.contains("there is no certificate in it"), "{refused:?}");
    let applied = over_https(&stage, "localhost", port, Some(&files.ca), "apply");
    assert_eq!(applied.status, Some(0), "{applied:?}");
    assert!(applied.out.contains(&format!("on https://localhost:{port}: ")), "{applied:?}");
    assert_eq!(over_https(&stage, "localhost", port, Some(&files.ca), "verify").status, Some(0));
    let back = over_https(&stage, "localhost", port, Some(&files.ca), "rollback");
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

#[test]
fn a_port_without_tls_is_named() {
    let Some(stage) = Stage::new(&small()) else { return };
    let Some((_server, http)) = served(&stage) else { return };
    let refused = over_https(&stage, "localhost", http, None, "apply");
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(refused.err.contains("no TLS with"), "{refused:?}");
    assert_eq!(stage.server.digest(), stage.before);
}

/// As `openssl req -x509` makes one: marked as an authority, and without a name that anything is checked by.
#[test]
fn a_self_signed_certificate_is_trusted_as_that_one_certificate() {
    let Some(stage) = Stage::new(&small()) else { return };
    let Some((_server, http)) = served(&stage) else { return };
    let mut made = Vec::new();
    for name in ["ours", "other"] {
        let folder = stage.folder.path().join(name);
        std::fs::create_dir(&folder).expect("the test's folder is writable");
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names, none wrong");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key pair");
        let cert = params.self_signed(&key).expect("it signs itself");
        let files =
            tls::Files { ca: folder.join("cert.pem"), cert: folder.join("cert.pem"), key: folder.join("key.pem") };
        std::fs::write(&files.cert, cert.pem()).expect("the test's folder is writable");
        std::fs::write(&files.key, key.serialize_pem()).expect("the test's folder is writable");
        made.push(files);
    }
    let port = behind_tls(&made[0], Ipv4Addr::LOCALHOST, http);
    for ca in [None, Some(&*made[1].ca)] {
        let refused = over_https(&stage, "localhost", port, ca, "apply");
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(refused.err.contains("no TLS with") && !refused.err.contains("CaUsed"), "{refused:?}");
    }
    let applied = over_https(&stage, "localhost", port, Some(&made[0].ca), "apply");
    assert_eq!(applied.status, Some(0), "{applied:?}");
    assert_eq!(over_https(&stage, "localhost", port, Some(&made[0].ca), "verify").status, Some(0));
}
