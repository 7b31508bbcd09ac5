//! A certificate authority made for one test.

use std::fs;
use std::path::Path;
use std::process::Command;

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

/// Signs certificates.
pub struct Authority {
    cert: X509,
    key: PKey<Private>,
}

/// A certificate and its key.
pub struct Issued {
    cert: X509,
    key: PKey<Private>,
}

/// Until when a certificate is good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    Good,
    Expired,
}

impl Authority {
    /// Makes an authority.
    pub fn new(name: &str) -> Authority {
        let key = new_key();
        let mut builder = start(name, 1, &key, Validity::Good);
        builder.set_issuer_name(&name_of(name)).unwrap();
        builder
            .append_extension(BasicConstraints::new().critical().ca().build().unwrap())
            .unwrap();
        builder
            .append_extension(
                KeyUsage::new()
                    .critical()
                    .key_cert_sign()
                    .crl_sign()
                    .build()
                    .unwrap(),
            )
            .unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Authority {
            cert: builder.build(),
            key,
        }
    }

    /// Issues a certificate for `name`, as common name and as DNS name.
    pub fn issue(&self, name: &str, serial: u32, validity: Validity) -> Issued {
        let key = new_key();
        let mut builder = start(name, serial, &key, validity);
        builder.set_issuer_name(self.cert.subject_name()).unwrap();
        let alternative = {
            let context = builder.x509v3_context(Some(&self.cert), None);
            SubjectAlternativeName::new().dns(name).build(&context).unwrap()
        };
        builder.append_extension(alternative).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        Issued {
            cert: builder.build(),
            key,
        }
    }

    /// The authority's own certificate.
    pub fn pem(&self) -> Vec<u8> {
        self.cert.to_pem().unwrap()
    }

    /// A revocation list with the certificates of these serial numbers, made by the openssl program.
    pub fn revocation_list(&self, serials: &[u32]) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| fs::write(dir.path().join(name), text).unwrap();
        write("ca.crt", &self.pem());
        write("ca.key", &self.key.private_key_to_pem_pkcs8().unwrap());
        let index: String = serials
            .iter()
            .map(|serial| format!("R\t391231235959Z\t200101000000Z\t{serial:02X}\tunknown\t/CN=revoked\n"))
            .collect();
        write("index.txt", index.as_bytes());
        write("crlnumber", b"01\n");
        write(
            "ca.cnf",
            b"[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=30\n",
        );
        let output = Command::new("openssl")
            .args([
                "ca", "-gencrl", "-config", "ca.cnf", "-cert", "ca.crt", "-keyfile", "ca.key",
            ])
            .current_dir(dir.path())
            .output()
            .expect("the program openssl is needed for this test");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }
}

impl Issued {
    /// The certificate.
    pub fn cert_pem(&self) -> Vec<u8> {
        self.cert.to_pem().unwrap()
    }

    /// The key.
    pub fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }

    /// The key under a passphrase.
    pub fn encrypted_key_pem(&self, passphrase: &str) -> Vec<u8> {
        self.key
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), passphrase.as_bytes())
            .unwrap()
    }

    /// Writes certificate and key as `<name>.crt` and `<name>.key` (mode 0600) into `dir`.
    pub fn write(&self, dir: &Path, name: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs::write(dir.join(format!("{name}.crt")), self.cert_pem()).unwrap();
        let key = dir.join(format!("{name}.key"));
        fs::write(&key, self.key_pem()).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn name_of(name: &str) -> openssl::x509::X509Name {
    let mut builder = X509NameBuilder::new().unwrap();
    builder.append_entry_by_text("CN", name).unwrap();
    builder.build()
}

fn start(name: &str, serial: u32, key: &PKey<Private>, validity: Validity) -> X509Builder {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(&Asn1Integer::from_bn(&BigNum::from_u32(serial).unwrap()).unwrap())
        .unwrap();
    builder.set_subject_name(&name_of(name)).unwrap();
    builder.set_pubkey(key).unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    const DAY: i64 = 86_400;
    let (from, until) = match validity {
        Validity::Good => (now - DAY, now + 30 * DAY),
        Validity::Expired => (now - 30 * DAY, now - DAY),
    };
    builder
        .set_not_before(&Asn1Time::from_unix(from).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::from_unix(until).unwrap())
        .unwrap();
    builder
}
