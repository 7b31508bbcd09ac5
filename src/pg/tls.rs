//! TLS with libpq's meaning of the six `sslmode`s (PostgreSQL manual, "SSL Support").
//!
//! | sslmode | first try | second try | certificate of the server |
//! | --- | --- | --- | --- |
//! | disable | plain | | |
//! | allow | plain | TLS, when the server refuses the role | as require |
//! | prefer | TLS, if the server has it | plain, when the handshake or the role is refused | as require |
//! | require | TLS | | not looked at, unless there is a root certificate: then as verify-ca |
//! | verify-ca | TLS | | must come from a known authority |
//! | verify-full | TLS | | and must be made out to `host` |
//!
//! A Unix socket never has TLS, whatever `sslmode` says; that is libpq's rule too.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use native_tls::{Certificate, Identity, Protocol, TlsConnector};
use openssl::pkey::PKey;

use super::resolve::{Params, Surroundings};
use super::settings::unsupported;
use crate::error::{Error, ErrorKind, Result};

/// `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Where the trusted authorities come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Those of the operating system.
    System,
    /// A file; one that was not named and does not exist only matters to the verifying modes.
    File { path: PathBuf },
    /// There is no home directory to look into.
    Nowhere,
}

/// All TLS options of a connection.
#[derive(Clone)]
pub(crate) struct TlsSettings {
    pub mode: SslMode,
    /// Start TLS without asking first (`sslnegotiation=direct`).
    pub direct: bool,
    roots: Roots,
    crl: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    key_password: String,
    sni: bool,
    min: Protocol,
    max: Option<Protocol>,
}

impl std::fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSettings")
            .field("mode", &self.mode)
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

impl TlsSettings {
    pub(super) fn new(params: &Params, surroundings: &Surroundings) -> Result<TlsSettings> {
        let home_file = |name: &str| {
            surroundings
                .home()
                .map(|home| home.join(".postgresql").join(name))
        };
        let roots = match params.text("sslrootcert") {
            Some("system") => Roots::System,
            Some(path) => Roots::File {
                path: PathBuf::from(path),
            },
            None => home_file("root.crt").map_or(Roots::Nowhere, |path| Roots::File { path }),
        };
        let default_mode = if roots == Roots::System {
            SslMode::VerifyFull
        } else {
            SslMode::Prefer
        };
        let mode = params.word(
            "sslmode",
            default_mode,
            &[
                ("disable", SslMode::Disable),
                ("allow", SslMode::Allow),
                ("prefer", SslMode::Prefer),
                ("require", SslMode::Require),
                ("verify-ca", SslMode::VerifyCa),
                ("verify-full", SslMode::VerifyFull),
            ],
        )?;
        if roots == Roots::System && mode != SslMode::VerifyFull {
            return Err(
                Error::config("sslrootcert=system needs sslmode=verify-full").with_hint(
                    "any certificate of a public authority would be trusted without its name being checked",
                ),
            );
        }
        let direct = params.word("sslnegotiation", false, &[("postgres", false), ("direct", true)])?;
        if direct && mode < SslMode::Require {
            return Err(Error::config(
                "sslnegotiation=direct needs sslmode=require, verify-ca or verify-full",
            ));
        }
        let cert_mode = params.word(
            "sslcertmode",
            Some(true),
            &[("disable", Some(false)), ("allow", Some(true)), ("require", None)],
        )?;
        let Some(cert_allowed) = cert_mode else {
            return Err(unsupported("sslcertmode=require"));
        };
        if roots == Roots::System && params.text("sslcrl").is_some() {
            return Err(unsupported("sslcrl together with sslrootcert=system"));
        }
        if params.text("sslcrldir").is_some() {
            return Err(unsupported("sslcrldir")
                .with_hint("put the lists of that directory into one file and name it by sslcrl"));
        }
        if params
            .text("sslkey")
            .is_some_and(|key| key.contains(':') && !Path::new(key).exists())
        {
            return Err(unsupported("sslkey with an engine"));
        }
        let versions = [
            ("", None),
            ("TLSv1", Some(Protocol::Tlsv10)),
            ("TLSv1.1", Some(Protocol::Tlsv11)),
            ("TLSv1.2", Some(Protocol::Tlsv12)),
            ("TLSv1.3", Some(Protocol::Tlsv13)),
        ];
        let file = |key: &str, default: &str| {
            params
                .text(key)
                .map(PathBuf::from)
                .or_else(|| home_file(default).filter(|f| f.exists()))
        };
        Ok(TlsSettings {
            mode,
            direct,
            roots,
            crl: file("sslcrl", "root.crl"),
            cert: cert_allowed.then(|| file("sslcert", "postgresql.crt")).flatten(),
            key: params
                .text("sslkey")
                .map(PathBuf::from)
                .or_else(|| home_file("postgresql.key")),
            key_password: params.text("sslpassword").unwrap_or("").to_owned(),
            sni: params.word("sslsni", true, &[("", true), ("1", true), ("0", false)])?,
            min: params
                .word("ssl_min_protocol_version", None, &versions)?
                .unwrap_or(Protocol::Tlsv12),
            max: params.word("ssl_max_protocol_version", None, &versions)?,
        })
    }

    /// Makes the connector for the server called `host` (empty when only an address is known).
    pub fn connector(&self, host: &str) -> Result<TlsConnector> {
        let mut builder = TlsConnector::builder();
        builder
            .min_protocol_version(Some(self.min))
            .max_protocol_version(self.max);
        builder.use_sni(self.sni && !host.is_empty());
        if self.direct {
            postgres_native_tls::set_postgresql_alpn(&mut builder);
        }
        match self.trusted()? {
            Trust::System => {}
            Trust::Anyone => {
                builder
                    .danger_accept_invalid_certs(true)
                    .danger_accept_invalid_hostnames(true);
            }
            Trust::These(roots) => {
                builder.disable_built_in_roots(true);
                for root in roots {
                    builder.add_root_certificate(root);
                }
            }
        }
        if self.mode == SslMode::VerifyFull {
            if host.is_empty() {
                return Err(Error::config("sslmode=verify-full needs a host name")
                    .with_hint("add host=... with the name in the server's certificate beside hostaddr"));
            }
        } else {
            builder.danger_accept_invalid_hostnames(true);
        }
        if let Some(cert) = &self.cert {
            builder.identity(self.identity(cert)?);
        }
        builder
            .build()
            .map_err(|e| Error::config(format!("TLS cannot be set up: {e}")))
    }

    fn trusted(&self) -> Result<Trust> {
        let path = match &self.roots {
            Roots::System => return Ok(Trust::System),
            // An existing root certificate turns require (and what is weaker) into verify-ca: libpq's rule.
            Roots::File { path } if path.exists() => path,
            _ if self.mode < SslMode::VerifyCa => return Ok(Trust::Anyone),
            Roots::File { path } => {
                return Err(Error::config(format!(
                    "root certificate file \"{}\" does not exist",
                    path.display()
                ))
                .with_detail(
                    "sslmode verify-ca and verify-full need the certificate of the server's authority",
                )
                .with_hint("name the file by sslrootcert, use sslrootcert=system, or a weaker sslmode"));
            }
            Roots::Nowhere => {
                return Err(
                    Error::config("no root certificate file is known: there is no home directory")
                        .with_hint("name the file by sslrootcert"),
                );
            }
        };
        let wrong = |why: String| {
            Error::config(format!(
                "cannot read root certificate file \"{}\": {why}",
                path.display()
            ))
        };
        let pem = fs::read(path).map_err(|e| wrong(e.to_string()))?;
        let roots = Certificate::stack_from_pem(&pem).map_err(|e| wrong(e.to_string()))?;
        if roots.is_empty() {
            return Err(wrong("it holds no certificate".to_owned()));
        }
        Ok(Trust::These(roots))
    }

    fn identity(&self, cert: &Path) -> Result<Identity> {
        let wrong = |what: &str, path: &Path, why: String| {
            Error::config(format!("cannot use {what} \"{}\": {why}", path.display()))
        };
        let chain = fs::read(cert).map_err(|e| wrong("client certificate", cert, e.to_string()))?;
        let Some(key) = &self.key else {
            return Err(
                Error::config(format!("client certificate \"{}\" has no key", cert.display()))
                    .with_hint("name its private key file by sslkey"),
            );
        };
        let meta = fs::metadata(key).map_err(|e| {
            wrong("private key file", key, e.to_string()).with_detail(format!(
                "it is the key of client certificate \"{}\"",
                cert.display()
            ))
        })?;
        let mode = meta.permissions().mode();
        let open = if meta.uid() == 0 {
            mode & 0o037
        } else {
            mode & 0o077
        };
        if open != 0 {
            return Err(
                wrong("private key file", key, "it has group or world access".to_owned()).with_hint(
                    "its permissions must be u=rw (0600) or less, or u=rw,g=r (0640) if root owns it",
                ),
            );
        }
        let bytes = fs::read(key).map_err(|e| wrong("private key file", key, e.to_string()))?;
        // With a passphrase given (even an empty one) the library never asks for one on the terminal.
        let pkey = PKey::private_key_from_pem_passphrase(&bytes, self.key_password.as_bytes())
            .or_else(|e| PKey::private_key_from_der(&bytes).map_err(|_| e))
            .map_err(|_| {
                wrong(
                    "private key file",
                    key,
                    "it is no key, or the passphrase is wrong".to_owned(),
                )
                .with_hint("give the passphrase by sslpassword")
            })?;
        let pem = pkey
            .private_key_to_pem_pkcs8()
            .map_err(|e| wrong("private key file", key, e.to_string()))?;
        Identity::from_pkcs8(&chain, &pem).map_err(|e| wrong("client certificate", cert, e.to_string()))
    }
}

enum Trust {
    Anyone,
    System,
    These(Vec<Certificate>),
}

impl TlsSettings {
    /// Refuses a server whose certificate was revoked (`sslcrl`). Needs the lists of the whole chain, and the
    /// authorities of the chain in `sslrootcert`; what cannot be proven good is refused.
    pub fn check_revocation(&self, server: Option<Certificate>) -> Result<()> {
        let (Some(path), Roots::File { path: roots }) = (&self.crl, &self.roots) else {
            return Ok(());
        };
        if !roots.exists() {
            return Ok(());
        }
        let checked = server
            .ok_or_else(|| "the server showed no certificate".to_owned())
            .and_then(|server| super::revocation::check(&server, path, roots));
        checked.map_err(|why| {
            Error::new(
                ErrorKind::Authentication,
                format!("the server's certificate is not accepted: {why}"),
            )
            .with_detail(format!("revocation list \"{}\"", path.display()))
        })
    }
}
