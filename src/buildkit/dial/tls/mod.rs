//! TLS on the way to a daemon: which files it takes, and what it means when it
//! fails.

mod error;
mod unverified;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{DialError, Duplex};
use error::{Explained, Parties};
use unverified::Unverified;

/// The files for TLS, as `docker` and `buildx` name them: a CA to know the
/// server by, a certificate and its key to be known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that may have signed the server's certificate; the
    /// system's where there is none.
    pub ca: Option<PathBuf>,
    /// Our certificate, with what leads to its authority.
    pub certificate: Option<PathBuf>,
    /// The certificate's private key.
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must have, where it is not the
    /// address's.
    pub server_name: Option<String>,
    /// Whether the server's certificate is checked at all.
    pub verify: bool,
}

impl Default for TlsFiles {
    fn default() -> Self {
        Self {
            ca: None,
            certificate: None,
            key: None,
            server_name: None,
            verify: true,
        }
    }
}

/// What the two ends speak inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    /// gRPC, which servers want to be agreed upon.
    Http2,
    /// The API of a Docker Engine.
    Http1,
}

/// TLS with its files read.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    server: ServerName<'static>,
    parties: Arc<Parties>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("server", &self.server).finish()
    }
}

impl Tls {
    /// Reads the files; `endpoint` is what errors name, `host` what the
    /// server's certificate must be for.
    pub(crate) fn load(
        files: &TlsFiles,
        endpoint: &str,
        host: &str,
        inside: Inside,
    ) -> Result<Self, DialError> {
        let refuse = |problem: String| DialError::TlsFiles {
            endpoint: endpoint.to_owned(),
            problem,
        };
        let name = files.server_name.as_deref().unwrap_or(host);
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| refuse(format!("{name:?} is no server name")))?;
        let provider = Arc::new(ring::default_provider());
        let asked = Arc::new(AtomicBool::new(false));
        let identity = Identity {
            key: client_key(files, &provider).map_err(refuse)?,
            asked: Arc::clone(&asked),
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| refuse(error.to_string()))?;
        let builder = if files.verify {
            builder.with_root_certificates(authorities(files.ca.as_deref()).map_err(refuse)?)
        } else {
            let any = Arc::new(Unverified(provider));
            builder.dangerous().with_custom_certificate_verifier(any)
        };
        let mut config = builder.with_client_cert_resolver(Arc::new(identity));
        // Go's clients resume no session either, and servers of OpenSSL that ask
        // for certificates may refuse one that is.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = match inside {
            Inside::Http2 => vec![b"h2".to_vec()],
            Inside::Http1 => Vec::new(),
        };
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            server,
            parties: Arc::new(Parties {
                name: name.to_owned(),
                ca: files.ca.clone(),
                certificate: files.certificate.clone(),
                asked,
            }),
        })
    }

    /// Speaks TLS on a connection. Errors say what to do, also those that come
    /// later: a server tells only then that it wants a certificate.
    pub(crate) async fn wrap(&self, stream: TcpStream) -> Result<Box<dyn Duplex>, String> {
        let connecting = self.connector.connect(self.server.clone(), stream).await;
        let stream = connecting.map_err(|error| self.parties.explain_handshake(&error))?;
        Ok(Box::new(Explained::new(stream, Arc::clone(&self.parties))))
    }
}

/// Our certificate, which also notes that a server asked for one.
#[derive(Debug)]
struct Identity {
    key: Option<Arc<CertifiedKey>>,
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

fn client_key(
    files: &TlsFiles,
    provider: &CryptoProvider,
) -> Result<Option<Arc<CertifiedKey>>, String> {
    let (certificate, key) = match (&files.certificate, &files.key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(certificate), None) => {
            let certificate = certificate.display();
            return Err(format!(
                "there is no key for certificate {certificate}; give both"
            ));
        }
        (None, Some(key)) => {
            let key = key.display();
            return Err(format!("there is no certificate for key {key}; give both"));
        }
    };
    let chain = certificates(certificate, "certificate")?;
    let private = PrivateKeyDer::from_pem_slice(&read(key, "key")?).map_err(|error| {
        let problem = match error {
            rustls_pki_types::pem::Error::NoItemsFound => {
                "no private key in PEM form, or one that a passphrase protects".to_owned()
            }
            error => error.to_string(),
        };
        format!(
            "key {}: {problem}; give the key of {}",
            key.display(),
            certificate.display()
        )
    })?;
    match CertifiedKey::from_der(chain, private, provider) {
        Ok(certified) => Ok(Some(Arc::new(certified))),
        Err(rustls::Error::InconsistentKeys(_)) => Err(format!(
            "key {} does not belong to certificate {}; give a pair",
            key.display(),
            certificate.display()
        )),
        Err(error) => Err(format!(
            "certificate {} and key {} cannot be used: {error}",
            certificate.display(),
            key.display()
        )),
    }
}

fn authorities(ca: Option<&Path>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let Some(ca) = ca else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(store);
    };
    for certificate in certificates(ca, "CA certificate")? {
        store
            .add(certificate)
            .map_err(|error| format!("CA certificate {} cannot be used: {error}", ca.display()))?;
    }
    Ok(store)
}

fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(path, what)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(format!(
            "{what} {} holds no certificate in PEM form (\"-----BEGIN CERTIFICATE-----\")",
            path.display()
        )),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{what} {} is no PEM: {error}", path.display())),
    }
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "; check the path",
            io::ErrorKind::PermissionDenied => "; make it readable for this user",
            _ => "",
        };
        format!("cannot read {what} {}: {error}{hint}", path.display())
    })
}
