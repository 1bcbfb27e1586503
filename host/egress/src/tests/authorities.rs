//! Who vouches for a place, over real TLS on loopback: the authority its rule names, and nobody else.

use super::inference::{Written, priced, prompt, says};
use super::stage::{Does, Names, Seen, Server, egress, grant, request, tls, vault};
use crate::inference::Models;
use crate::{Authorities, CertificateDer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kapell_model::digest::Digest;
use kapell_model::http::{CertificateAuthority, HttpGrant, Method};
use kapell_model::seam::{Egress as _, Prompt};
use std::sync::Arc;

const HOST: &str = "api.acme.example";

/// A certificate as files have it.
fn pem(certificate: &CertificateDer<'_>) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(certificate))
}

fn named(name: &str, pem: &str) -> CertificateAuthority {
    CertificateAuthority { name: name.parse().unwrap(), digest: Digest::of(pem.as_bytes()) }
}

fn knowing(files: &[&str]) -> Authorities {
    let mut authorities = Authorities::default();
    files.iter().for_each(|pem| authorities.add(pem.as_bytes()).unwrap());
    authorities
}

fn names() -> Names {
    let names = Names::default();
    names.answer(HOST, &["127.0.0.1"]);
    names
}

/// What a request comes to at a server whose certificate `root` has signed.
async fn asked(
    server: (&CertificateDer<'_>, tokio_rustls::TlsAcceptor),
    vouched_by: Option<CertificateAuthority>,
    trusted_by_browsers: bool,
    read: &[&str],
) -> String {
    let (root, acceptor) = server;
    let names = names();
    let seen = names.seen.clone();
    let hello = Does::Answer(vec![b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()]);
    let server = Server::start(hello, Some(acceptor), seen.clone()).await;
    let target = format!("https://{HOST}:{}/", server.port);
    let roots = if trusted_by_browsers { vec![root.clone()] } else { Vec::new() };
    let way = egress(names, &roots, vault(&[])).knowing(knowing(read));
    let granted = HttpGrant { vouched_by, ..grant(&target) };
    let told = match way.send(request(granted, Method::Get, &target)).await {
        Ok(incoming) => incoming.status.to_string(),
        Err(failure) => failure.to_string(),
    };
    server.finish().await;
    let arrived = seen.lock().unwrap().iter().any(|line| line.starts_with("got"));
    assert_eq!(arrived, told == "200", "{told}");
    told
}

#[tokio::test]
async fn a_place_is_known_by_the_authority_its_rule_names_and_by_no_other() {
    let (own, server) = tls(HOST);
    let (other, _) = tls(HOST);
    let (own_pem, other_pem) = (pem(&own), pem(&other));
    let (corp, partner) = (named("corp", &own_pem), named("partner", &other_pem));
    let both = [own_pem.as_str(), other_pem.as_str()];
    // Both call themselves the same, and only one has signed.
    let (unknown, forged) =
        ("invalid peer certificate: UnknownIssuer", "invalid peer certificate: BadSignature");
    for (vouched_by, browsers, read, told) in [
        (Some(&corp), false, &both[..], "200"),
        // Another rule's authority is none of this one's.
        (None, false, &both, unknown),
        (Some(&partner), false, &both, forged),
        // Whoever browsers trust can't vouch for a place that has its own authority.
        (None, true, &[], "200"),
        (Some(&partner), true, &both, forged),
        (
            Some(&corp),
            true,
            &[],
            "the certificates of the authority `corp` were not read when the home was opened",
        ),
    ] {
        let came = asked((&own, server.clone()), vouched_by.cloned(), browsers, read).await;
        assert_eq!(came, told, "{vouched_by:?}, browsers: {browsers}");
    }
}

#[tokio::test]
async fn a_name_is_looked_at_whoever_vouches() {
    let (own, server) = tls("other.acme.example");
    let pem = pem(&own);
    let told = asked((&own, server), Some(named("corp", &pem)), false, &[&pem]).await;
    assert!(told.starts_with("invalid peer certificate: certificate not valid for name"), "{told}");
}

#[tokio::test]
async fn a_provider_is_known_by_the_authority_it_names() {
    for (is_named, told) in [(true, Ok("hello".to_owned())), (false, Err(()))] {
        let (own, acceptor) = tls(HOST);
        let pem = pem(&own);
        let server = Server::start(says("hello"), Some(acceptor), Seen::default()).await;
        let mut priced = priced("one", server.port);
        priced.provider.base = format!("https://{HOST}:{}/v1/", server.port).parse().unwrap();
        priced.provider.vouched_by = is_named.then(|| named("corp", &pem));
        let answered_by = vec![priced.provider.answering()];
        let models = Models::new(vec![priced]).paced(Arc::new(Written::default()), 7);
        let way =
            egress(names(), &[], vault(&[("key", "sk-0123456789")])).asking(models).knowing(knowing(&[&pem]));
        let came = way.complete(Prompt { answered_by, ..prompt() }).await;
        assert_eq!(came.map(|completed| completed.text).map_err(drop), told);
        server.finish().await;
    }
}

#[test]
fn a_file_holds_certificates_and_nothing_secret() {
    let (own, _) = tls(HOST);
    let (other, _) = tls(HOST);
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let own = pem(&own);
    let told = |text: &str| match Authorities::default().add(text.as_bytes()) {
        Ok(()) => "read".to_owned(),
        Err(cause) => cause.to_string(),
    };
    assert_eq!(told(&format!("Acme's own\n{own}{}", pem(&other))), "read");
    assert_eq!(told(""), "it holds no certificate in PEM");
    assert_eq!(told("a letter"), "it holds no certificate in PEM");
    assert_eq!(told(&format!("{own}{key}")), "it holds a private key, which is nobody's to read here");
    assert!(told(&own.replace("END CERT", "END")).starts_with("certificate 1 in it: "));
    assert!(told(&format!("{own}{}", pem(&vec![7; 40].into()))).starts_with("certificate 2 in it: "));
}
