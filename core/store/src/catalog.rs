//! The catalog: which names the keys of classes and fields stand for.
//!
//! Two tables that are only ever added to, so a key never changes its meaning. Every segment's head
//! carries all of it:
//!
//! ```text
//! classes u32 | fields u32 | per class: name | per field: name, type    (text: bytes u32, UTF-8)
//! ```

use crate::ids::{ClassKey, FieldKey};
use crate::record::word_at;
use alloc::string::String;
use alloc::vec::Vec;

/// Names of classes and fields, by key.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Catalog {
    classes: Vec<String>,
    fields: Vec<Field>,
}

/// A field of the catalog.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Field {
    name: String,
    type_text: String,
}

/// There are no keys left: a catalog holds 65,536 classes and as many fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the catalog of the store is full: it holds 65536 names")]
pub struct CatalogFull;

impl Catalog {
    /// The key of a class, which is added if it is new.
    pub fn class(&mut self, name: &str) -> Result<ClassKey, CatalogFull> {
        if let Some(key) = self.find_class(name) {
            return Ok(key);
        }
        let key = u16::try_from(self.classes.len()).map_err(|_| CatalogFull)?;
        self.classes.push(name.into());
        Ok(ClassKey(key))
    }

    /// The key of a field with this name and this type, which is added if it is new.
    pub fn field(&mut self, name: &str, type_text: &str) -> Result<FieldKey, CatalogFull> {
        if let Some(key) = self.find_field(name, type_text) {
            return Ok(key);
        }
        let key = u16::try_from(self.fields.len()).map_err(|_| CatalogFull)?;
        self.fields.push(Field { name: name.into(), type_text: type_text.into() });
        Ok(FieldKey(key))
    }

    /// The key of a class, if it has one. Looks through all of them.
    pub fn find_class(&self, name: &str) -> Option<ClassKey> {
        let at = self.classes.iter().position(|class| class == name)?;
        u16::try_from(at).ok().map(ClassKey)
    }

    /// The key of a field, if it has one. Looks through all of them.
    pub fn find_field(&self, name: &str, type_text: &str) -> Option<FieldKey> {
        let is_it = |field: &Field| field.name == name && field.type_text == type_text;
        let at = self.fields.iter().position(is_it)?;
        u16::try_from(at).ok().map(FieldKey)
    }

    /// The name of a class.
    pub fn class_name(&self, key: ClassKey) -> Option<&str> {
        self.classes.get(usize::from(key.0)).map(String::as_str)
    }

    /// The name and the type of a field.
    pub fn field_name(&self, key: FieldKey) -> Option<(&str, &str)> {
        let field = self.fields.get(usize::from(key.0))?;
        Some((&field.name, &field.type_text))
    }

    /// All classes, ascending by key.
    pub fn classes(&self) -> impl Iterator<Item = (ClassKey, &str)> {
        (0..=u16::MAX).map(ClassKey).zip(self.classes.iter().map(String::as_str))
    }

    /// All fields with name and type, ascending by key.
    pub fn fields(&self) -> impl Iterator<Item = (FieldKey, &str, &str)> {
        let fields = (0..=u16::MAX).map(FieldKey).zip(&self.fields);
        fields.map(|(key, field)| (key, field.name.as_str(), field.type_text.as_str()))
    }

    /// Adds what the other one has and this one lacks. Keys of this one stay as they are.
    pub fn add(&mut self, other: &Catalog) -> Result<(), CatalogFull> {
        for name in &other.classes {
            self.class(name)?;
        }
        for field in &other.fields {
            self.field(&field.name, &field.type_text)?;
        }
        Ok(())
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&count(self.classes.len()).to_le_bytes());
        out.extend_from_slice(&count(self.fields.len()).to_le_bytes());
        self.classes.iter().for_each(|name| encode_text(name, out));
        for field in &self.fields {
            encode_text(&field.name, out);
            encode_text(&field.type_text, out);
        }
    }

    /// None: these bytes are not a catalog.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Catalog> {
        let (classes, fields) = (word_at(bytes, 0)?, word_at(bytes, 4)?);
        let mut rest = bytes.get(8..)?;
        let mut catalog = Catalog::default();
        for _ in 0..classes {
            catalog.classes.push(decode_text(&mut rest)?);
        }
        for _ in 0..fields {
            let name = decode_text(&mut rest)?;
            catalog.fields.push(Field { name, type_text: decode_text(&mut rest)? });
        }
        rest.is_empty().then_some(catalog)
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).expect("a catalog has at most 65536 names, each shorter than 4 GiB")
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&count(text.len()).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn decode_text(rest: &mut &[u8]) -> Option<String> {
    let bytes = word_at(rest, 0)? as usize;
    let text = rest.get(4..)?.get(..bytes)?;
    *rest = &rest[4 + bytes..];
    core::str::from_utf8(text).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_meaning() {
        let mut old = Catalog::default();
        let avatar = old.class("Avatar").unwrap();
        let name = old.field("setName", "string").unwrap();
        let mut wanted = Catalog::default();
        wanted.class("Ship").unwrap();
        wanted.class("Avatar").unwrap();
        wanted.field("setName", "blob").unwrap();
        old.add(&wanted).unwrap();
        assert_eq!(old.find_class("Avatar"), Some(avatar));
        assert_eq!(old.class("Ship").unwrap(), ClassKey(1));
        assert_eq!(old.field_name(name), Some(("setName", "string")));
        assert_eq!(old.find_field("setName", "blob"), Some(FieldKey(1)));
        let mut bytes = Vec::new();
        old.encode(&mut bytes);
        assert_eq!(Catalog::decode(&bytes), Some(old));
        for cut in 0..bytes.len() {
            assert_eq!(Catalog::decode(&bytes[..cut]), None, "prefix of {cut}");
        }
    }

    #[test]
    fn a_full_catalog_says_so() {
        let mut catalog = Catalog { classes: Vec::new(), fields: Vec::new() };
        catalog.classes.resize(usize::from(u16::MAX), String::new());
        assert_eq!(catalog.class("last"), Ok(ClassKey(u16::MAX)));
        assert_eq!(catalog.class("one too many"), Err(CatalogFull));
    }
}
