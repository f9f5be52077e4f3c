//! How clients come in: TLS, proxies, and how many there may be.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod ferris;

use ferris::{CLASSES, Client, Daemon, ends, socket, wait_for};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use tempfile::{TempDir, tempdir};
use wire::dialect::Dialect;

const TLS: &str = "tls: {certificate: cert.pem, key_file: key.pem}";

/// A file with a Client Agent that has these keys besides.
fn config(keys: &str) -> String {
    format!(
        "general: {{dialect: openotp, dc_files: [park.dc]}}\nshards: 2\n\
         web: {{bind: \"127.0.0.1:0\"}}\nmessagedirector: {{bind: \"127.0.0.1:0\"}}\nroles:\n\
         - type: clientagent\n  bind: \"127.0.0.1:0\"\n  version: lantern-1\n  \
         channels: {{min: 1000000, max: 1000999}}\n  {keys}\n"
    )
}

/// Writes a new certificate for `localhost` and its key into a folder.
fn certify(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

/// A handshake with a daemon that must show `trusted`.
fn secure(daemon: &Daemon, trusted: &CertificateDer<'static>) -> Client {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(config, name).unwrap();
    let stream: StreamOwned<ClientConnection, TcpStream> =
        StreamOwned::new(connection, socket(daemon));
    Client::over(Box::new(stream), Dialect::OpenOtp)
}

#[test]
fn a_client_is_greeted_over_tls_and_certificates_are_renewed() {
    let folder = tempdir().unwrap();
    let first = certify(folder.path());
    let daemon = Daemon::start_in(folder, &config(TLS));
    let mut before = secure(&daemon, &first);
    before.is_greeted();

    let second = certify(daemon.folder());
    daemon.signal(Signal::HUP);
    daemon.await_metric("ferriswheel_clients", 1);
    wait_for("the new certificate", || {
        daemon.log().contains("read again certificate=").then_some(())
    });
    secure(&daemon, &second).is_greeted();

    // What cannot be read changes nothing.
    fs::write(daemon.folder().join("cert.pem"), "nothing").unwrap();
    daemon.signal(Signal::HUP);
    wait_for("a word of what is wrong", || {
        daemon.log().contains("there is no certificate in it").then_some(())
    });
    secure(&daemon, &second).is_greeted();
    assert_eq!(daemon.stop().code(), Some(0));
    before.is_closed();
}

/// What `check` and `run` say of a file, the same and with code 2.
#[track_caller]
fn refused(folder: &TempDir, keys: &str) -> String {
    let file = folder.path().join("park.yml");
    fs::write(&file, config(keys)).unwrap();
    fs::write(folder.path().join("park.dc"), CLASSES).unwrap();
    let [checked, run] = ["check", "run"].map(|command| {
        let (code, said) = ends(&[command, file.to_str().unwrap()]);
        assert_eq!(code, Some(2), "{said}");
        said
    });
    assert_eq!(checked, run);
    checked.replace(folder.path().to_str().unwrap(), "")
}

#[test]
fn files_of_tls_that_are_of_no_use() {
    let folder = tempdir().unwrap();
    let said = refused(&folder, TLS);
    assert_eq!(
        said,
        "error: /park.yml:10:22: roles[0].tls.certificate: there is no file /cert.pem\n\
         error: /park.yml:10:42: roles[0].tls.key_file: there is no file /key.pem\n"
    );
    certify(folder.path());
    fs::rename(folder.path().join("key.pem"), folder.path().join("other.pem")).unwrap();
    certify(folder.path());
    let said = refused(&folder, "tls: {certificate: cert.pem, key_file: other.pem}");
    let place = "error: /park.yml:10:42: roles[0].tls.key_file: /other.pem: ";
    assert!(said.starts_with(place) && said.lines().count() == 1, "{said}");
    let said = refused(&folder, "tls: {certificate: key.pem, key_file: key.pem}");
    assert!(said.contains("roles[0].tls.") && said.contains("/key.pem: "), "{said}");
    let said = refused(&folder, "tls: {certificate: cert.pem, key_file: cert.pem}");
    assert!(said.contains("/cert.pem: "), "{said}");
    fs::write(folder.path().join("ca.pem"), "-----BEGIN").unwrap();
    let said =
        refused(&folder, "tls: {certificate: cert.pem, key_file: key.pem, cert_authority: ca.pem}");
    assert!(
        said.starts_with("error: /park.yml:10:67: roles[0].tls.cert_authority: /ca.pem: "),
        "{said}"
    );
}

#[test]
fn a_proxy_says_for_whom_it_comes() {
    let daemon = Daemon::start(&config("haproxy: true"));
    let mut client = Client::connect(&daemon, Dialect::OpenOtp);
    client.bytes(b"PROXY TCP4 203.0.113.9 192.0.2.1 5555 7198\r\n");
    client.is_greeted();
    daemon.await_metric("ferriswheel_clients", 1);
    let mut client = Client::connect(&daemon, Dialect::OpenOtp);
    client.bytes(b"GET / HTTP/1.1\r\n\r\n");
    client.is_closed();
    daemon.await_metric(&refusals("bad_proxy_header"), 1);
}

#[test]
fn who_is_no_proxy_is_refused() {
    let daemon = Daemon::start(&config("haproxy: true\n  proxy_from: [10.0.0.0/8]"));
    Client::connect(&daemon, Dialect::OpenOtp).is_closed();
    daemon.await_metric(&refusals("proxy_not_trusted"), 1);
}

#[test]
fn only_so_many_come_in() {
    for (limit, reason) in
        [("per_address_max", "too_many_of_address"), ("connections_max", "too_many")]
    {
        let daemon = Daemon::start(&config(&format!("limits: {{{limit}: 2}}")));
        let first = Client::greeted(&daemon, Dialect::OpenOtp);
        let _second = Client::greeted(&daemon, Dialect::OpenOtp);
        Client::connect(&daemon, Dialect::OpenOtp).is_closed();
        daemon.await_metric(&refusals(reason), 1);
        drop(first);
        daemon.await_metric("ferriswheel_clients", 1);
        Client::greeted(&daemon, Dialect::OpenOtp);
    }
}

fn refusals(reason: &str) -> String {
    format!("ferriswheel_connections_refused_total{{reason=\"{reason}\"}}")
}
