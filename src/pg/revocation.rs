//! Revocation lists: the check that the TLS library underneath does not offer.
//!
//! Walks from the server's certificate up to a self-signed authority and asks, at each step, the list that this issuer
//! signed. A missing, foreign or outdated list is a refusal.

use std::fs;
use std::path::Path;

use native_tls::Certificate;
use openssl::asn1::Asn1Time;
use openssl::x509::{CrlStatus, X509, X509Crl, X509Ref};

/// Longest chain that is followed.
const DEPTH: usize = 10;

/// Checks `server` against the lists in the file `crl`, with the authorities in the file `roots`.
pub(super) fn check(server: &Certificate, crl: &Path, roots: &Path) -> Result<(), String> {
    let mut cert = server
        .to_der()
        .map_err(text)
        .and_then(|der| X509::from_der(&der).map_err(text))?;
    let roots = fs::read(roots)
        .map_err(text)
        .and_then(|pem| X509::stack_from_pem(&pem).map_err(text))?;
    let lists = read_lists(crl)?;
    for _ in 0..DEPTH {
        let issuer = roots
            .iter()
            .find(|root| same_name(root, &cert) && signed_by(&cert, root))
            .ok_or("its issuer is not in the root certificate file, so its revocation cannot be checked")?;
        check_one(&cert, issuer, &lists)?;
        if signed_by(issuer, issuer) {
            return Ok(());
        }
        cert = issuer.clone();
    }
    Err("its chain is too long".to_owned())
}

fn check_one(cert: &X509, issuer: &X509Ref, lists: &[X509Crl]) -> Result<(), String> {
    let key = issuer.public_key().map_err(text)?;
    let list = lists
        .iter()
        .find(|list| list.verify(&key).unwrap_or(false))
        .ok_or("no revocation list of its issuer is at hand")?;
    let now = Asn1Time::days_from_now(0).map_err(text)?;
    if list.next_update().is_some_and(|next| next < now) {
        return Err("the revocation list of its issuer is out of date".to_owned());
    }
    match list.get_by_cert(cert) {
        CrlStatus::Revoked(_) => Err("it was revoked".to_owned()),
        CrlStatus::NotRevoked | CrlStatus::RemoveFromCrl(_) => Ok(()),
    }
}

fn read_lists(path: &Path) -> Result<Vec<X509Crl>, String> {
    const END: &str = "-----END X509 CRL-----";
    let pem = fs::read_to_string(path).map_err(|e| format!("cannot read the revocation list: {e}"))?;
    pem.split_inclusive(END)
        .filter(|part| part.contains(END))
        .map(|part| X509Crl::from_pem(part.as_bytes()).map_err(text))
        .collect()
}

fn same_name(issuer: &X509Ref, cert: &X509Ref) -> bool {
    issuer
        .subject_name()
        .try_cmp(cert.issuer_name())
        .is_ok_and(|order| order.is_eq())
}

fn signed_by(cert: &X509Ref, issuer: &X509Ref) -> bool {
    issuer
        .public_key()
        .is_ok_and(|key| cert.verify(&key).unwrap_or(false))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
