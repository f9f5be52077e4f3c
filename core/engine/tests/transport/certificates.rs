//! Certificates made for a test, in files, and clients that believe them.

use engine::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, crypto};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// The name that servers have.
pub const NAME: &str = "gate.park.test";
/// The versions that are spoken.
pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate, those between it and its authority, and its key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    pem: String,
    key: KeyPair,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        Authority(CertifiedIssuer::self_signed(params(name), key).unwrap())
    }

    /// An authority that this one has signed.
    pub fn below(&self, name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        Authority(CertifiedIssuer::signed_by(params(name), key, &self.0).unwrap())
    }

    /// Signs a certificate for `name`.
    pub fn sign(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { chain: vec![certificate.der().clone()], pem: certificate.pem(), key }
    }

    /// Signs a certificate for `name`, to be shown together with that of this authority.
    pub fn sign_in_chain(&self, name: &str) -> Identity {
        let mut identity = self.sign(name);
        identity.chain.push(self.0.der().clone());
        identity
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// An authority with the files of one server.
pub struct Certificates {
    folder: TempDir,
    authority: Authority,
}

impl Certificates {
    pub fn new() -> Certificates {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new("park"));
        let certificates = Certificates { folder, authority };
        certificates.renew();
        certificates
    }

    /// Writes a new certificate of the same authority, and its key. Returns the certificate.
    pub fn renew(&self) -> CertificateDer<'static> {
        let Identity { chain, pem, key } = self.authority.sign(NAME);
        self.write("certificate.pem", &pem);
        self.write("key.pem", &key.serialize_pem());
        chain[0].clone()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The files of the server; clients need certificates if `authority` is one.
    pub fn files(&self, authority: Option<&Authority>) -> TlsFiles {
        TlsFiles {
            certificate: self.folder.path().join("certificate.pem"),
            chain: None,
            key: self.folder.path().join("key.pem"),
            authority: authority.map(|authority| self.write("clients.pem", &authority.0.pem())),
            verify_depth_max: None,
        }
    }

    /// How a client connects that believes the authority and is `identity`.
    pub fn client(
        &self,
        version: &'static SupportedProtocolVersion,
        identity: Option<Identity>,
    ) -> Arc<ClientConfig> {
        let provider = Arc::new(crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.0.der().clone()).unwrap();
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_webpki_verifier(verifier.build().unwrap());
        Arc::new(match identity {
            None => config.with_no_client_auth(),
            Some(Identity { chain, key, .. }) => {
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
                config.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}
