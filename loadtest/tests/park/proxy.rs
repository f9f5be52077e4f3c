//! TLS in front of the small park: what comes in encrypted goes on in plain, and back.

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Starts one that lives as long as the process; returns where it listens, and the certificate to
/// trust, as PEM. Its name is `localhost`.
pub fn start(behind: SocketAddr) -> (SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let config = config.clone();
            std::thread::spawn(move || {
                // A client that goes without a word is no fault here.
                pass(config, client, TcpStream::connect(behind).unwrap()).unwrap_or_default();
            });
        }
    });
    (addr, made.cert.pem())
}

fn pass(
    config: Arc<ServerConfig>,
    mut client: TcpStream,
    mut server: TcpStream,
) -> std::io::Result<()> {
    let mut tls = ServerConnection::new(config).unwrap();
    client.set_nonblocking(true)?;
    server.set_nonblocking(true)?;
    let mut block = vec![0; 16384];
    loop {
        let came = some(tls.read_tls(&mut client))?;
        if came == Some(0) {
            return Ok(());
        }
        let state = tls.process_new_packets().map_err(std::io::Error::other)?;
        if state.plaintext_bytes_to_read() > 0 {
            let count = tls.reader().read(&mut block)?;
            server.write_all(&block[..count])?;
        }
        let answered = some(server.read(&mut block))?;
        tls.writer().write_all(&block[..answered.unwrap_or(0)])?;
        while tls.wants_write() && some(tls.write_tls(&mut client))?.is_some() {}
        match answered {
            Some(0) => return Ok(()),
            Some(_) => (),
            None if came.is_none() => std::thread::sleep(Duration::from_millis(1)),
            None => (),
        }
    }
}

/// What a call did, unless it would have had to wait.
fn some(done: std::io::Result<usize>) -> std::io::Result<Option<usize>> {
    match done {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        done => done.map(Some),
    }
}
