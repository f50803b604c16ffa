//! Whom an encrypted connection is believed to be with, and what is said when it is not believed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use framebus_tools::file;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// Whom to believe; what is read for it is kept.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// Certificates that are believed instead of this machine's.
    ca: Option<PathBuf>,
    config: Option<Arc<ClientConfig>>,
}

impl Trust {
    pub(super) fn new(ca: Option<PathBuf>) -> Trust {
        Trust { ca, config: None }
    }

    /// How connections are made. Shared by all of them, so that a server that is asked again remembers the last time.
    ///
    /// # Errors
    /// One sentence: there is nobody to believe.
    pub(super) fn config(&mut self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = &self.config {
            return Ok(Arc::clone(config));
        }
        let certificates = match &self.ca {
            Some(path) => of_file(path)?,
            None => of_machine()?,
        };
        let config = config(certificates, self.ca.is_some())?;
        Ok(Arc::clone(self.config.insert(config)))
    }

    /// What is wrong with a server's certificate, or with what it sends.
    pub(super) fn words(&self, host: &str, port: u16, error: &Error) -> String {
        match error {
            Error::InvalidCertificate(why) => self.of_certificate(host, port, why),
            Error::InvalidMessage(_) => {
                "the server does not speak TLS there; try http:// or another port".into()
            }
            Error::PeerIncompatible(_) | Error::AlertReceived(_) => format!(
                "the server refuses TLS 1.2 and 1.3 ({error}); for one that only has older ones, try --backend opencv, which \
                 checks no certificate"
            ),
            _ => format!("no encrypted connection comes about: {error}"),
        }
    }

    fn of_certificate(&self, host: &str, port: u16, why: &CertificateError) -> String {
        let fetch = format!(
            "`openssl s_client -connect {host}:{port} </dev/null | openssl x509 >cam.pem` fetches it, and --ca cam.pem \
             believes exactly it"
        );
        match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
                "its certificate has expired; renew it, set this machine's clock, or if you know it: {fetch}"
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
                "its certificate is not valid yet; set the clocks of the server and of this machine, or if you know it: {fetch}"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!(
                    "its certificate is for {}, not for {host}; use that name, or if you know it: {fetch}",
                    names(why)
                )
            }
            CertificateError::Revoked => "its certificate was revoked".into(),
            // One that is its own authority is none that is known, whatever it says of itself; and cameras of one kind often have
            // one name, and keys of their own.
            CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::Other(_) => {
                // Who has signed it may be there, and the certificate of a kind that nobody can vouch for.
                let counts = match why {
                    CertificateError::Other(other) => format!(" in a way that counts ({other})"),
                    _ => String::new(),
                };
                let by = match &self.ca {
                    Some(path) => format!(
                        "{} does not have its certificate, nor who has signed it{counts}",
                        path.display()
                    ),
                    None => "its certificate is signed by nobody whom this machine knows".into(),
                };
                format!("{by}; if you know it: {fetch}")
            }
            _ => format!("its certificate is not right: {why}"),
        }
    }
}

/// For whom a certificate is.
fn names(why: &CertificateError) -> String {
    match why {
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            let names = presented.iter().map(|name| plain(name));
            names.collect::<Vec<_>>().join(", ")
        }
        _ => "another name".into(),
    }
}

/// A name as a person writes it: rustls says `DnsName("x")` and `IpAddress(1.2.3.4)`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').map_or(name, |(_, rest)| rest);
    let inner = inner.trim_end_matches(')').trim_matches('"');
    inner
        .chars()
        .filter(|letter| !letter.is_control())
        .collect()
}

/// How many bytes a file of certificates may have: a machine's authorities take some hundred thousand.
const LARGEST: u64 = 16 << 20;

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |why: String| {
        format!(
            "the certificates in {} cannot be read: {why}",
            path.display()
        )
    };
    let bytes = file::read(path, LARGEST).map_err(|error| wrong(error.to_string()))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.map_err(|error| wrong(error.to_string()))?;
    if all.is_empty() {
        return Err(wrong(
            "there is none in it; it has to be PEM (-----BEGIN CERTIFICATE-----)".into(),
        ));
    }
    Ok(all)
}

/// Those of SSL_CERT_FILE and SSL_CERT_DIR, else this machine's.
fn of_machine() -> Result<Vec<CertificateDer<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    if !found.certs.is_empty() {
        return Ok(found.certs);
    }
    let why = found
        .errors
        .first()
        .map_or(String::new(), |error| format!(" ({error})"));
    Err(format!(
        "this machine has no certificates to check the server's by{why}; install ca-certificates, or give the camera's own with --ca"
    ))
}

fn config(
    certificates: Vec<CertificateDer<'static>>,
    exact: bool,
) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    let roots = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let usual = roots.build();
    let usual = usual.map_err(|error| format!("the certificates cannot be used: {error}"))?;
    let verifier = Verifier {
        usual,
        // What a person has named may be anything; what a machine has is who signs.
        exact: if exact { certificates } else { Vec::new() },
        provider: Arc::clone(&provider),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Believes who is signed by somebody who is known, for the name that was asked for; and, whatever name and dates they have,
/// the very certificates that a person has given: a camera's certificate is seldom signed by anybody, or for its address.
/// That the server has the key of its certificate is checked for both.
#[derive(Debug)]
struct Verifier {
    usual: Arc<WebPkiServerVerifier>,
    exact: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.exact.iter().any(|known| known == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.usual
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
