//! TLS over one of our connections: bytes that came in, bytes that are to go out. Knows no sockets.

use anyhow::{Context, Result, anyhow};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Bytes that are taken out of a connection at once.
const READ_BYTES: usize = 16 << 10;

/// Whom clients trust, and the name that the server must prove to have. No session is resumed:
/// every connection is a whole handshake.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// Trusts the certificates in this PEM file.
    pub fn trusting(authority: &Path, name: &str) -> Result<Tls> {
        let file = || authority.display().to_string();
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(authority).with_context(file)? {
            roots.add(certificate.with_context(file)?).with_context(file)?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(name.to_owned()).with_context(|| name.to_owned())?;
        Ok(Tls { config: Arc::new(config), name })
    }

    pub(super) fn begin(&self) -> Result<Secured> {
        let connection = ClientConnection::new(self.config.clone(), self.name.clone())?;
        Ok(Secured(Box::new(connection)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls to {:?}", self.name)
    }
}

/// The client's end of an encrypted connection.
pub(super) struct Secured(Box<ClientConnection>);

impl Secured {
    /// Appends what `bytes`, which came in, say to `plain`. Something may be to be sent then.
    pub(super) fn decrypt(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>) -> Result<()> {
        while !bytes.is_empty() {
            self.0.read_tls(&mut bytes)?;
            self.0.process_new_packets().map_err(|error| anyhow!("TLS: {error}"))?;
            self.take(plain)?;
        }
        Ok(())
    }

    fn take(&mut self, plain: &mut Vec<u8>) -> Result<()> {
        loop {
            let at = plain.len();
            plain.resize(at + READ_BYTES, 0);
            let taken = self.0.reader().read(&mut plain[at..]);
            plain.truncate(at + taken.as_ref().map_or(0, |bytes| *bytes));
            match taken {
                Ok(0) => return Ok(()),
                Ok(_) => (),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes `plain` to be sent; before the end of the handshake it waits.
    pub(super) fn encrypt(&mut self, plain: &[u8]) -> Result<()> {
        Ok(self.0.writer().write_all(plain)?)
    }

    /// Says that nothing more follows.
    pub(super) fn finish(&mut self) {
        self.0.send_close_notify();
    }

    /// Appends what is to be sent to `out`.
    pub(super) fn write_to(&mut self, out: &mut Vec<u8>) -> Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(out)?;
        }
        Ok(())
    }
}
