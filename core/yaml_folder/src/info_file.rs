//! `info.yaml`: which id comes next, and which are free (`astron` section 7).

use crate::object_file::{id, sections};
use crate::problem::InFile;
use crate::tree::{Value, describe};

/// The name of the file.
pub const FILE_NAME: &str = "info.yaml";

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Info {
    /// The id that the next object gets; none if the file does not say.
    pub next: Option<u32>,
    /// Ids of deleted objects, which Astron gives again. We do not; they are kept as they are.
    pub free: Vec<u32>,
}

/// The text of the file.
pub fn write(next: u32, free: &[u32]) -> String {
    let free: Vec<String> = free.iter().map(u32::to_string).collect();
    format!("next: {next}\nfree: [{}]\n", free.join(", "))
}

/// Reads the bytes of the file, or says all that is wrong with them.
pub fn read(bytes: &[u8]) -> Result<Info, Vec<InFile>> {
    let (_, [next, free]) = sections(bytes, ["next", "free"])?;
    let mut wrong = Vec::new();
    let mut number = |node: &_| match id(node) {
        Ok(number) => Some(number),
        Err(what) => {
            wrong.push((Some(node.line), what));
            None
        }
    };
    let next = next.and_then(|node| number(&node));
    let mut ids = Vec::new();
    match free.as_ref().map(|node| (node, &node.value)) {
        None | Some((_, Value::Nothing)) => (),
        Some((_, Value::List(items))) => ids.extend(items.iter().filter_map(&mut number)),
        Some((node, Value::Scalar(_) | Value::Map(_))) => {
            let what = format!("`free`: expected a list of ids, found {}", describe(node));
            wrong.push((Some(node.line), what));
        }
    }
    if wrong.is_empty() { Ok(Info { next, free: ids }) } else { Err(wrong) }
}
