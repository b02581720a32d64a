//! TLS: whom to trust, and what its failures are called. The library's own words never reach a person.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use super::LinkError;
use crate::text;

/// A larger file is not a list of certificates.
const MAX_CA_FILE: u64 = 16 * 1024 * 1024;

/// Trusts the public authorities, or what is in this file instead of them. A server that asks who this is is shown the
/// certificates of the first file of `client`, proven by the key in the second.
pub fn config(ca: Option<&Path>, client: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, LinkError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    // Versions and ciphers of one library fit together.
    let builder = builder.map_err(|_| failed("this program"))?;
    let Some(path) = ca else {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        return with_client(builder.with_root_certificates(roots), client);
    };
    let given = certificates(path)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(given.iter().cloned());
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().ok();
    let verifier = Arc::new(Given { given, authorities, provider });
    with_client(builder.dangerous().with_custom_certificate_verifier(verifier), client)
}

fn with_client(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    client: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, LinkError> {
    let Some((certificates, key)) = client else { return Ok(Arc::new(builder.with_no_client_auth())) };
    let chain = pem(certificates, "--tls-cert")?;
    let failed =
        |cause: &str| LinkError::Pem { path: text::path(key), option: "--tls-key", what: "key", cause: cause.into() };
    let bytes = read(key).map_err(|error| failed(&error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| failed("there is no private key in it, or it is locked by a passphrase"))?;
    let config = builder.with_client_auth_cert(chain, key);
    Ok(Arc::new(config.map_err(|_| failed("it is not the key of that certificate"))?))
}

fn failed(what: &str) -> LinkError {
    LinkError::Tls {
        target: what.to_owned(),
        cause: "its settings do not fit together".into(),
        hint: "report this as a bug",
    }
}

/// The certificates of a file, which must have at least one: without, every server would be refused for a reason
/// that names the server.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, LinkError> {
    pem(path, "--tls-ca")
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut pem = Vec::new();
    std::fs::File::open(path)?.take(MAX_CA_FILE).read_to_end(&mut pem)?;
    Ok(pem)
}

fn pem(path: &Path, option: &'static str) -> Result<Vec<CertificateDer<'static>>, LinkError> {
    let failed = |cause: String| LinkError::Pem { path: text::path(path), option, what: "certificates", cause };
    let pem = read(path).map_err(|error| failed(error.to_string()))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let read = read.map_err(|_| failed("it is damaged".into()))?;
    if read.is_empty() { Err(failed("there is no certificate in it".into())) } else { Ok(read) }
}

/// Trusts the certificates of a file as authorities; and a server that shows one of them itself, whatever it says of
/// itself: a certificate that somebody signed for himself is mostly marked as an authority, and often has no name.
#[derive(Debug)]
struct Given {
    given: Vec<CertificateDer<'static>>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Given {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_given = self.given.iter().any(|given| given.as_ref() == end_entity.as_ref());
        let verified = match &self.authorities {
            Some(inner) => inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        };
        match verified {
            // Who holds its key is proven by the handshake; that its time is over still counts.
            Err(Error::InvalidCertificate(cause)) if is_given && !is_of_time(&cause) => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_of_time(cause: &CertificateError) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(cause, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
}

/// The failure of TLS behind an error of a stream.
pub fn error_of(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

/// What went wrong, and what to do.
pub fn words(error: &Error) -> (&'static str, &'static str) {
    const CHECK: &str = "check the server's TLS settings and its certificate";
    match error {
        Error::InvalidCertificate(cause) => of_certificate(cause),
        Error::NoCertificatesPresented => ("it shows no certificate", CHECK),
        Error::InvalidMessage(_) => (
            "it answered with something that is not TLS",
            "a server without TLS wants redis:// (or, for REST, another address)",
        ),
        Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate => (
                "it ended the handshake",
                "it may ask for a certificate of this side: give it with --tls-cert and --tls-key, or another one",
            ),
            AlertDescription::ProtocolVersion => ("it ended the handshake: no version of TLS in common", CHECK),
            AlertDescription::UnrecognisedName => ("it does not know that host name", "connect by the name it has"),
            _ => (
                "it ended the handshake",
                "it may ask for a certificate of this side: give it with --tls-cert and --tls-key, or another one",
            ),
        },
        Error::PeerIncompatible(_) => ("it has no version or cipher of TLS in common with this program", CHECK),
        _ => ("the handshake failed", CHECK),
    }
}

fn of_certificate(cause: &CertificateError) -> (&'static str, &'static str) {
    use CertificateError as C;
    match cause {
        // Two authorities of one name: the issuer is found, its signature does not fit.
        C::UnknownIssuer | C::BadSignature => (
            "its certificate comes from no authority that is trusted here",
            "if that authority is a private one, give it with --tls-ca FILE",
        ),
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            ("its certificate is for another name", "connect by the name it was made for")
        }
        C::Expired | C::ExpiredContext { .. } => {
            ("its certificate has expired", "renew it there, or set the clock of this machine right")
        }
        C::NotValidYet | C::NotValidYetContext { .. } => {
            ("its certificate is not valid yet", "set the clock of this machine, or of that which made it, right")
        }
        C::Revoked => ("its certificate was revoked", "renew it there"),
        C::BadEncoding => ("its certificate cannot be read", "make a new one there"),
        // A certificate that is marked as an authority is a server's own, and was not given itself.
        _ => (
            "its certificate is not fit for a server, or marked as that of an authority",
            "give that very certificate with --tls-ca FILE, or make one for the server",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_the_library_reaches_a_person() {
        use rustls::{InvalidMessage, OtherError, PeerIncompatible};
        let other = CertificateError::Other(OtherError(Arc::new(io::Error::other("CaUsedAsEndEntity"))));
        let errors = [
            Error::InvalidCertificate(other),
            Error::InvalidCertificate(CertificateError::UnknownIssuer),
            Error::InvalidCertificate(CertificateError::InvalidPurpose),
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            Error::AlertReceived(AlertDescription::HandshakeFailure),
            Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
            Error::General("x".into()),
        ];
        for error in errors {
            let (cause, hint) = words(&error);
            let is_word = |word: &str| word.chars().skip(1).any(char::is_lowercase) && !word.contains("::");
            for word in [cause, hint].iter().flat_map(|text| text.split([' ', ',', '(', ')'])) {
                let humps =
                    word.chars().zip(word.chars().skip(1)).filter(|(a, b)| a.is_lowercase() && b.is_uppercase());
                assert!(
                    humps.count() == 0 && (word.len() < 4 || is_word(word) || word.chars().all(|c| !c.is_lowercase())),
                    "{word}"
                );
            }
        }
    }
}
