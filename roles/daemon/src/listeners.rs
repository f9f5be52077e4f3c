//! The listeners of a configuration, as the engine has them: who is admitted, which proxies are
//! believed, certificates loaded.

use engine::{Listener, ProxyPolicy, TlsAcceptor, TlsError, TlsFiles, Transport};
use park::{ClientAgent, Config, NamedFile, Problem, Tls, client_listener};
use std::path::Path;

/// All of them, or what is wrong with the files that they name.
pub fn open(config: &Config) -> Result<Vec<Listener>, Vec<Problem>> {
    let (mut open, mut problems) = (Vec::new(), Vec::new());
    let director = config.message_director.bind.as_ref();
    let id = message_director::LISTENER;
    open.extend(director.map(|bind| Listener::plain(id, bind.address)));
    for (at, agent) in config.client_agents.iter().enumerate() {
        let (id, address) = (client_listener(at), agent.bind.address);
        match transport(config, agent) {
            Ok(transport) => open.push(Listener { id, address, transport }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(open) } else { Err(problems) }
}

fn transport(config: &Config, agent: &ClientAgent) -> Result<Transport, Problem> {
    let proxy = agent.proxies.clone().map(|trusted| ProxyPolicy { trusted });
    let acceptor = |tls| acceptor(config, tls);
    let tls = agent.tls.as_ref().map(acceptor).transpose()?;
    Ok(Transport { admission: agent.admission, proxy, tls })
}

fn acceptor(config: &Config, tls: &Tls) -> Result<TlsAcceptor, Problem> {
    let path = |file: &NamedFile| file.path.clone();
    let files = TlsFiles {
        certificate: path(&tls.certificate),
        chain: tls.chain_file.as_ref().map(path),
        key: path(&tls.key_file),
        authority: tls.cert_authority.as_ref().map(path),
        verify_depth_max: tls.max_verify_depth.map(usize::from),
    };
    TlsAcceptor::load(files).map_err(|error| {
        let file = named(tls, path_of(&error));
        config.problem(&file.place, error.to_string())
    })
}

fn path_of(error: &TlsError) -> &Path {
    match error {
        TlsError::File { path, .. }
        | TlsError::NoCertificate(path)
        | TlsError::Unusable { path, .. } => path,
    }
}

/// The file of `tls` with this path.
fn named<'a>(tls: &'a Tls, path: &Path) -> &'a NamedFile {
    let others = [&tls.chain_file, &tls.cert_authority].into_iter().flatten();
    let mut all = [&tls.key_file].into_iter().chain(others);
    all.find(|file| file.path == path).unwrap_or(&tls.certificate)
}
