//! `<do_id>.yaml`: one object (`astron` section 7).
//!
//! ```text
//! id: 100000000
//! class: Account
//! fields:
//!   setName: "(\"Bob\")"
//! ```

use crate::problem::InFile;
use crate::scalar::quoted;
use crate::text_object::{TextField, TextObject};
use crate::tree::{self, Node, Value, describe};
use wire::ids::DoId;

/// A file that is longer is no object: values of 65,000 bytes have a tenth of it at most.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// The name of the file of an object.
pub fn file_name(do_id: DoId) -> String {
    format!("{}.yaml", do_id.0)
}

/// The object that a file of this name is of, if that is the name of an object's file.
pub fn do_id_of(file_name: &str) -> Option<DoId> {
    let digits = file_name.strip_suffix(".yaml")?;
    let is_usual = !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|_| is_usual).map(DoId)
}

/// The text of the file of an object.
pub fn write(object: &TextObject) -> String {
    let mut text = format!("id: {}\nclass: {}\n", object.do_id.0, quoted(&object.class));
    if object.fields.is_empty() {
        text.push_str("fields: {}\n");
        return text;
    }
    text.push_str("fields:\n");
    for TextField { name, value, .. } in &object.fields {
        text.push_str(&format!("  {}: {}\n", quoted(name), quoted(value)));
    }
    text
}

/// Reads the bytes of the file of `do_id`, or says all that is wrong with them.
pub fn read(do_id: DoId, bytes: &[u8]) -> Result<TextObject, Vec<InFile>> {
    let (root, keys) = sections(bytes, ["id", "class", "fields"])?;
    let [id, class, fields] = keys;
    let mut wrong = Vec::new();
    if let Some(node) = required(&root, id, "id", &mut wrong) {
        wrong.extend(check_id(do_id, node));
    }
    let class = required(&root, class, "class", &mut wrong).and_then(|node| {
        let text = scalar(&node).map_err(|what| wrong.push((Some(node.line), what))).ok()?;
        Some((text.to_owned(), node.line))
    });
    let fields = fields.map_or(Ok(Vec::new()), |node| read_fields(&node));
    let fields = fields.map_err(|more| wrong.extend(more)).unwrap_or_default();
    match class {
        Some((class, class_line)) if wrong.is_empty() => {
            Ok(TextObject { do_id, class, class_line, fields })
        }
        Some(_) | None => Err(wrong),
    }
}

/// The root of a file, and what its keys say, of which only those of `known` may be there.
pub fn sections<const N: usize>(
    bytes: &[u8],
    known: [&str; N],
) -> Result<(Node, [Option<Node>; N]), Vec<InFile>> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        vec![(Some(line), "is not UTF-8 text".to_owned())]
    })?;
    let root = tree::parse(text).map_err(|(line, what)| vec![(Some(line), what)])?;
    let Value::Map(entries) = &root.value else {
        let what = format!("expected `{}: ...`, found {}", known[0], describe(&root));
        return Err(vec![(Some(root.line), what)]);
    };
    let (mut found, mut wrong) = ([const { None }; N], Vec::new());
    for (key, node) in entries {
        match known.iter().position(|&known| known == key.text) {
            None => wrong.push((Some(key.line), format!("unknown key `{}`", key.text))),
            Some(at) if found[at].is_some() => {
                wrong.push((Some(key.line), format!("`{}` stands here a second time", key.text)));
            }
            Some(at) => found[at] = Some(node.clone()),
        }
    }
    if wrong.is_empty() { Ok((root, found)) } else { Err(wrong) }
}

/// A number from 0 to the largest id.
pub fn id(node: &Node) -> Result<u32, String> {
    let number = scalar(node)?.parse().ok();
    number.ok_or_else(|| format!("expected the id of an object, found {}", describe(node)))
}

fn required(root: &Node, node: Option<Node>, key: &str, wrong: &mut Vec<InFile>) -> Option<Node> {
    if node.is_none() {
        wrong.push((Some(root.line), format!("`{key}` is missing")));
    }
    node
}

fn check_id(do_id: DoId, node: Node) -> Option<InFile> {
    match id(&node) {
        Ok(id) if id == do_id.0 => None,
        Ok(id) => {
            let what = format!("the name of the file says {}, and `id` says {id}", do_id.0);
            Some((Some(node.line), what))
        }
        Err(what) => Some((Some(node.line), what)),
    }
}

fn scalar(node: &Node) -> Result<&str, String> {
    match &node.value {
        Value::Scalar(text) => Ok(text),
        Value::Nothing | Value::List(_) | Value::Map(_) => {
            Err(format!("expected text, found {}", describe(node)))
        }
    }
}

fn read_fields(node: &Node) -> Result<Vec<TextField>, Vec<InFile>> {
    let entries: &[_] = match &node.value {
        Value::Map(entries) => entries,
        Value::Nothing => &[],
        Value::Scalar(_) | Value::List(_) => {
            let what = format!("expected fields (name: value), found {}", describe(node));
            return Err(vec![(Some(node.line), what)]);
        }
    };
    let (mut fields, mut wrong) = (Vec::new(), Vec::new());
    for (key, node) in entries {
        match &node.value {
            Value::Scalar(value) => fields.push(TextField {
                name: key.text.clone(),
                value: value.clone(),
                line: key.line,
            }),
            Value::Nothing | Value::List(_) | Value::Map(_) => {
                let found = describe(node);
                let what = format!("`{}`: expected a value as text, found {found}", key.text);
                wrong.push((Some(node.line), what));
            }
        }
    }
    if wrong.is_empty() { Ok(fields) } else { Err(wrong) }
}
