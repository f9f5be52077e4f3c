//! `general.dc_files`: the classes of the park, read and understood.

use crate::address::Outside;
use crate::document::Node;
use crate::section::Section;
use crate::value::{choice, scalar};
use dc::source::{Source, line_and_column};
use dc::{Options, Schema, TextPolicy};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wire::dialect::Dialect;

/// What the DC files say.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    /// The files, in order.
    pub files: Vec<PathBuf>,
    /// Whether the configuration names any, be they right or wrong.
    pub are_named: bool,
    /// What a string may contain.
    pub strings: TextPolicy,
    /// All classes of all of them; none without files, or where one is wrong.
    pub schema: Option<Arc<Schema>>,
}

impl Classes {
    /// Reads `dc_files` and `strings`.
    pub fn read(
        section: &mut Section<'_>,
        folder: &Path,
        dialect: Dialect,
        outside: &dyn Outside,
    ) -> Classes {
        // Astron takes no other text; the seed says nothing.
        let usual = match dialect {
            Dialect::OpenOtp => TextPolicy::Utf8,
            Dialect::Astron => TextPolicy::Ascii,
        };
        let policies = [
            ("utf8", TextPolicy::Utf8),
            ("ascii", TextPolicy::Ascii),
            ("bytes", TextPolicy::Bytes),
        ];
        let strings = section.get("strings", choice(&policies)).unwrap_or(usual);
        let source = |node: &Node| {
            let path = folder.join(scalar(node, "the path of a DC file")?);
            let bytes = outside.read(&path).map_err(|error| {
                let path = path.display();
                match error.kind() == ErrorKind::NotFound {
                    true => format!("there is no file {path}"),
                    false => format!("{path} cannot be read: {error}"),
                }
            })?;
            let source = Source::new(path.display().to_string(), &bytes);
            Ok((path, source.map_err(|error| error.to_string())?))
        };
        let asked = section.len_of("dc_files");
        let are_named = asked > 0;
        let read = section.list("dc_files", source).unwrap_or_default();
        let (files, sources): (Vec<PathBuf>, Vec<Source>) = read.into_iter().unzip();
        if files.is_empty() || files.len() < asked {
            return Classes { files, are_named, strings, schema: None };
        }
        match Schema::load(&sources, Options { policy: strings, ..Options::default() }) {
            Ok(schema) => Classes { files, are_named, strings, schema: Some(Arc::new(schema)) },
            Err(diagnostics) => {
                for diagnostic in diagnostics.iter() {
                    let at = diagnostic.span.file as usize;
                    let start = diagnostic.span.start as usize;
                    let place = line_and_column(&sources[at].text, start);
                    section.error_in(&files[at], place, "dc_files", diagnostic.what.clone());
                }
                Classes { files, are_named, strings, schema: None }
            }
        }
    }
}
