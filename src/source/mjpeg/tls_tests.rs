//! Encrypted streams, of a server here with certificates that are made here.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use rcgen::{CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::NamedTempFile;

use super::tests::{PART, STREAM, options, picture, seen};
use super::*;

/// A certificate with its key.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    pem: String,
}

fn identity(change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("signed");
    Identity {
        pem: certificate.pem(),
        chain: vec![certificate.into()],
        key,
    }
}

fn file(pem: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(pem.as_bytes()).expect("written");
    file
}

/// Answers each connection with one of these; one that does not come about is none of the answers.
fn server(identity: &Identity, answers: Vec<Vec<u8>>) -> (u16, JoinHandle<Vec<String>>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), key)
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serve = move || {
        let each = answers.into_iter().map(|answer| {
            let (stream, _) = listener.accept().expect("a client");
            let tls = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut tls = StreamOwned::new(tls, stream);
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && tls.read(&mut byte).is_ok_and(|len| len == 1) {
                request.push(byte[0]);
            }
            let _ = tls.write_all(&answer);
            let _ = tls.flush();
            String::from_utf8_lossy(&request).into_owned()
        });
        each.collect()
    };
    (port, std::thread::spawn(serve))
}

fn answer() -> Vec<u8> {
    [
        STREAM.as_bytes(),
        PART.as_bytes(),
        &picture(320, 160),
        PART.as_bytes(),
    ]
    .concat()
}

fn opened(url: &str, ca: Option<&NamedTempFile>) -> Result<(Box<MjpegSource>, Stop), String> {
    let stop = Stop::new().expect("a stop");
    let options = MjpegOptions {
        ca: ca.map(|file| file.path().to_owned()),
        ..options()
    };
    match MjpegSource::open(url, options, &stop) {
        Ok(OpenedUrl::Source(source)) => Ok((source, stop)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn an_encrypted_stream_is_read_of_who_is_signed_by_somebody_who_is_known() {
    let root = identity(|params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = Issuer::new(params, &root.key);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &issuer).expect("signed");
    let camera = Identity {
        pem: certificate.pem(),
        chain: vec![certificate.into()],
        key,
    };
    let wants = b"HTTP/1.1 401 Who\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"\r\n\r\n";
    let (port, server) = server(&camera, vec![wants.to_vec(), answer(), answer()]);
    let url = format!("https://me:s3cret@127.0.0.1:{port}/stream");
    let (mut source, stop) = opened(&url, Some(&file(&root.pem))).expect("opened");
    // The stream is asked for again, without being refused once more.
    assert_eq!(
        seen(&mut source, &stop, 3),
        ["320x160", "stalled", "320x160"]
    );
    drop(source);
    let requests = server.join().expect("served");
    assert!(!requests[0].contains("Authorization"));
    assert!(requests[1].contains("algorithm=SHA-256") && requests[1].contains("nc=00000001"));
    assert!(requests[2].contains("nc=00000002"), "{}", requests[2]);
}

#[test]
fn the_very_certificate_of_a_camera_is_believed_whatever_is_in_it() {
    for of_authority in [false, true] {
        let camera = identity(|params| {
            params.subject_alt_names.clear();
            params.not_after = date_time_ymd(2001, 1, 1);
            if of_authority {
                params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            }
        });
        let (port, server) = server(&camera, vec![answer()]);
        let url = format!("https://127.0.0.1:{port}/");
        let (mut source, stop) = opened(&url, Some(&file(&camera.pem))).expect("opened");
        assert_eq!(seen(&mut source, &stop, 1), ["320x160"]);
        drop(source);
        server.join().expect("served");
    }
}

#[test]
fn who_is_not_believed_is_told_apart() {
    let why = |camera: &Identity, ca: Option<&str>, host: &str| {
        let (port, server) = server(camera, vec![answer()]);
        let ca = ca.map(file);
        let error = opened(&format!("https://{host}:{port}/"), ca.as_ref()).err();
        server.join().expect("served");
        error.expect("not opened")
    };
    // Signed by one authority: the same subject and key, with other names and dates.
    let root = identity(|params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    let signed = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = Issuer::new(params, &root.key);
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        change(&mut params);
        let certificate = params.signed_by(&key, &issuer).expect("signed");
        Identity {
            pem: certificate.pem(),
            chain: vec![certificate.into()],
            key,
        }
    };
    let known = Some(&root.pem[..]);
    let expired = signed(&|params| params.not_after = date_time_ymd(2001, 1, 1));
    let said = why(&expired, known, "localhost");
    assert!(said.contains("its certificate has expired"), "{said}");
    assert!(said.contains("--ca cam.pem"), "{said}");
    let early = signed(&|params| params.not_before = date_time_ymd(2999, 1, 1));
    let said = why(&early, known, "localhost");
    assert!(said.contains("is not valid yet"), "{said}");
    let said = why(&signed(&|_| {}), known, "127.0.0.1");
    assert!(
        said.contains("is for localhost, not for 127.0.0.1"),
        "{said}"
    );
    let other = identity(|_| {});
    let said = why(&other, known, "localhost");
    assert!(
        said.contains("does not have its certificate, nor who has signed it"),
        "{said}"
    );
    // As OpenSSL makes those that sign themselves.
    let authority = identity(|params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    let said = why(&authority, known, "localhost");
    assert!(said.contains("nor who has signed it"), "{said}");
}

#[test]
fn what_is_no_tls_and_files_without_certificates_are_said() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let plain = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read(&mut [0; 1024]);
    });
    let camera = identity(|_| {});
    let url = format!("https://127.0.0.1:{port}/");
    let said = opened(&url, Some(&file(&camera.pem))).expect_err("no TLS");
    assert!(said.contains("does not speak TLS there"), "{said}");
    plain.join().expect("served");
    let (port, _) = server(&camera, Vec::new());
    let url = format!("https://127.0.0.1:{port}/");
    let said = opened(&url, Some(&file("nothing"))).expect_err("no certificate");
    assert!(said.contains("there is none in it"), "{said}");
}
