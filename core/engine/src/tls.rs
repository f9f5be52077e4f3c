//! The certificates of a listener: loaded from PEM files, and loaded again while it serves.
//!
//! Not the handshakes and not the records.

use crate::records::Records;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    NoServerSessionStorage, ParsedCertificate, ServerConfig, WebPkiClientVerifier,
};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme, crypto,
};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The PEM files of a listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The certificate; others that stand behind it are its chain.
    pub certificate: PathBuf,
    /// More of its chain.
    pub chain: Option<PathBuf>,
    /// Its key (PKCS#8, SEC1 or PKCS#1).
    pub key: PathBuf,
    /// Who must have signed the certificates of clients; without it clients need none.
    pub authority: Option<PathBuf>,
    /// How many certificates a client may send besides its own. Whatever this says, rustls looks for
    /// no path with more than six of them.
    pub verify_depth_max: Option<usize>,
}

/// Files that cannot be served from.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: pem::Error,
    },
    /// A file has no certificate in it.
    #[error("{}: there is no certificate in it", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate, a key or an authority is of no use, or the key is of another certificate.
    #[error("{}: {why}", path.display())]
    Unusable {
        /// Where it stands.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// The certificates by which a listener accepts TLS 1.2 and 1.3. Clones are one: who reloads one
/// reloads all. Connections that stand keep what they have.
#[derive(Clone)]
pub struct TlsAcceptor(Arc<Acceptor>);

struct Acceptor {
    files: TlsFiles,
    config: Mutex<Arc<ServerConfig>>,
}

impl TlsAcceptor {
    /// Reads the files.
    pub fn load(files: TlsFiles) -> Result<TlsAcceptor, TlsError> {
        let config = Mutex::new(read(&files)?);
        Ok(TlsAcceptor(Arc::new(Acceptor { files, config })))
    }

    /// Reads the files again, for those who come from now on. If it fails, all stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = read(&self.0.files)?;
        *self.0.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// A connection by the certificates of now.
    pub(crate) fn begin(&self) -> Result<Records, Error> {
        let config = self.0.config.lock().unwrap_or_else(PoisonError::into_inner);
        Records::new(Arc::clone(&config), self.0.files.authority.is_some())
    }

    /// The files.
    pub fn files(&self) -> &TlsFiles {
        &self.0.files
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsAcceptor").field(self.files()).finish()
    }
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let unusable = |path: &Path| {
        let path = path.to_owned();
        move |why: String| TlsError::Unusable { path, why }
    };
    let mut chain = certificates(&files.certificate)?;
    if let Some(path) = &files.chain {
        chain.extend(certificates(path)?);
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| TlsError::File { path: files.key.clone(), error })?;
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has suites for both versions");
    let config = match &files.authority {
        None => config.with_no_client_auth(),
        Some(path) => config.with_client_cert_verifier(client_verifier(
            path,
            files.verify_depth_max,
            provider,
        )?),
    };
    let config = config.with_single_cert(chain, key);
    let mut config = config.map_err(|error| {
        let is_certificate = matches!(error, Error::InvalidCertificate(_));
        unusable(if is_certificate { &files.certificate } else { &files.key })(error.to_string())
    })?;
    // What a client needs to come back lies with the client; what it was given by other
    // certificates, or under another authority, is of no use to it.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    config.ticketer = crypto::ring::Ticketer::new()
        .map_err(|error| unusable(&files.key)(format!("no keys for tickets: {error}")))?;
    Ok(Arc::new(config))
}

fn client_verifier(
    path: &Path,
    depth_max: Option<usize>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let unusable = |why: String| TlsError::Unusable { path: path.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for authority in certificates(path)? {
        roots.add(authority).map_err(|error| unusable(error.to_string()))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.map_err(|error| unusable(error.to_string()))?;
    Ok(match depth_max {
        None => verifier,
        Some(depth_max) => Arc::new(ShortChains { verifier, depth_max }),
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| TlsError::File { path: path.to_owned(), error };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(failed)?.collect();
    let found = found.map_err(failed)?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    for certificate in &found {
        ParsedCertificate::try_from(certificate).map_err(|error| TlsError::Unusable {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
    }
    Ok(found)
}

/// Refuses chains of clients that are longer than they may be, before anything of them is verified.
#[derive(Debug)]
struct ShortChains {
    verifier: Arc<dyn ClientCertVerifier>,
    depth_max: usize,
}

impl ClientCertVerifier for ShortChains {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if between.len() > self.depth_max {
            return Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ));
        }
        self.verifier.verify_client_cert(own, between, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
