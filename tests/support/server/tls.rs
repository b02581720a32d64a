//! A certificate authority of one test, and the certificate of its server.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::path::{Path, PathBuf};

/// Files in PEM form: the authority's certificate, the server's and its key.
pub struct Files {
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Those that were made in a folder.
pub fn made(folder: &Path) -> Files {
    Files { ca: folder.join("ca.pem"), cert: folder.join("cert.pem"), key: folder.join("key.pem") }
}

/// Makes them in `folder`, for `localhost` and `127.0.0.1`.
pub fn make(folder: &Path) -> Files {
    let ca_key = KeyPair::generate().expect("a key pair");
    let mut ca = CertificateParams::new(Vec::new()).expect("no names, none wrong");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "rdb-reindex test authority");
    let ca_cert = ca.self_signed(&ca_key).expect("the authority signs itself");

    let key = KeyPair::generate().expect("a key pair");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let server = CertificateParams::new(names).expect("both names are valid");
    let cert = server.signed_by(&key, &Issuer::new(ca, ca_key)).expect("the authority signs the server");

    let files = made(folder);
    fs::write(&files.ca, ca_cert.pem()).expect("the test's folder is writable");
    fs::write(&files.cert, cert.pem()).expect("the test's folder is writable");
    fs::write(&files.key, key.serialize_pem()).expect("the test's folder is writable");
    files
}
