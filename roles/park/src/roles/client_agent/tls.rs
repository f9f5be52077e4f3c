//! The section `tls` of a Client Agent: which files it names. Whether they belong together is for
//! who makes something of them to say.

use super::Cluster;
use crate::document::Node;
use crate::problem::Place;
use crate::section::Section;
use crate::value::{boolean, number, scalar};
use std::io::ErrorKind;
use std::path::PathBuf;

/// With what the connections of clients are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, and perhaps those that it rests on.
    pub certificate: NamedFile,
    /// Its private key.
    pub key_file: NamedFile,
    /// Certificates that the certificate rests on.
    pub chain_file: Option<NamedFile>,
    /// Who must have signed the certificates that clients then need.
    pub cert_authority: Option<NamedFile>,
    /// So many certificates may lie between a client's and an authority.
    pub max_verify_depth: Option<u8>,
}

/// A file that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Its path.
    pub path: PathBuf,
    /// Where it is named, for the message should it turn out to be unusable.
    pub place: Place,
}

/// What the example file of Astron's last version with TLS has besides.
const LEGACY: [&str; 3] = ["tlsv1", "sslv2", "sslv3"];

impl Tls {
    /// Reads the section.
    pub(super) fn read(section: &mut Section<'_>, cluster: &Cluster<'_>) -> Option<Tls> {
        for key in LEGACY {
            if section.get(key, boolean).is_some() {
                section.warning_at(key, "means nothing here: TLS 1.2 and 1.3 are spoken");
            }
        }
        let certificate = file(section, "certificate", cluster, true);
        let key_file = file(section, "key_file", cluster, true);
        let chain_file = file(section, "chain_file", cluster, false);
        let cert_authority = file(section, "cert_authority", cluster, false);
        let depth = section.get("max_verify_depth", number(0..=100));
        if depth.is_some() && cert_authority.is_none() {
            section.warning_at("max_verify_depth", "has no effect without `cert_authority`");
        }
        let max_verify_depth = depth.map(|depth| depth as u8);
        let (certificate, key_file) = (certificate?, key_file?);
        Some(Tls { certificate, key_file, chain_file, cert_authority, max_verify_depth })
    }
}

/// The file that `key` names, which can be read.
fn file(
    section: &mut Section<'_>,
    key: &'static str,
    cluster: &Cluster<'_>,
    is_required: bool,
) -> Option<NamedFile> {
    let readable = |node: &Node| {
        let path = cluster.folder.join(scalar(node, "the path of a file")?);
        match cluster.outside.read(&path) {
            Ok(_) => Ok(path),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(format!("there is no file {}", path.display()))
            }
            Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        }
    };
    let path = match is_required {
        true => section.required(key, readable),
        false => section.get(key, readable),
    };
    Some(NamedFile { path: path?, place: section.place_of(key) })
}
