//! An object as text, and as bytes by the DC files.

use crate::problem::InFile;
use dc::{
    ClassId, Field, FieldId, FieldKind, ParseValueError, Schema, ValueError, describe_field,
    did_you_mean,
};
use wire::ids::DoId;

/// The stored fields of an object together, in bytes, each with its number, at most.
pub const OBJECT_BYTES_MAX: usize = 65_000;
/// What a field takes beside its value.
const NUMBER_BYTES: usize = 2;

/// An object with the names that the DC files have, and values as they would stand there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextObject {
    /// Which one.
    pub do_id: DoId,
    /// The name of its class.
    pub class: String,
    /// Where that stands.
    pub class_line: usize,
    /// Its fields.
    pub fields: Vec<TextField>,
}

/// A field of a [`TextObject`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextField {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The line on which its name stands.
    pub line: usize,
}

/// An object with its values as they go over the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackedObject {
    /// Which one.
    pub do_id: DoId,
    /// Its class.
    pub class: ClassId,
    /// Its fields, ascending.
    pub fields: Vec<(FieldId, Vec<u8>)>,
}

impl TextObject {
    /// The same as bytes, or all that is wrong with it: an unknown class or field, a field that is
    /// not stored, a value that is none of its type, too many bytes.
    pub fn pack(&self, schema: &Schema) -> Result<PackedObject, Vec<InFile>> {
        let class = schema.class_by_name(&self.class).filter(|class| !class.is_struct);
        let Some(class) = class else {
            let known = schema.classes().iter().filter(|class| !class.is_struct);
            let meant = did_you_mean(&self.class, known.map(|class| class.name.as_str()));
            let what = format!("there is no class `{}`{meant}", self.class);
            return Err(vec![(Some(self.class_line), what)]);
        };
        let (mut fields, mut wrong) = (Vec::with_capacity(self.fields.len()), Vec::new());
        for field in &self.fields {
            match field.pack(schema, class) {
                Ok((id, _)) if fields.iter().any(|&(other, _)| other == id) => {
                    let what = format!("`{}` stands here a second time", field.name);
                    wrong.push((Some(field.line), what));
                }
                Ok(packed) => fields.push(packed),
                Err(what) => wrong.push((Some(field.line), what)),
            }
        }
        let bytes: usize = fields.iter().map(|(_, value)| NUMBER_BYTES + value.len()).sum();
        if bytes > OBJECT_BYTES_MAX {
            let what =
                format!("its fields have {bytes} bytes; at most {OBJECT_BYTES_MAX} are stored");
            wrong.push((None, what));
        }
        fields.sort_unstable_by_key(|&(id, _)| id);
        match wrong.is_empty() {
            true => Ok(PackedObject { do_id: self.do_id, class: class.id, fields }),
            false => Err(wrong),
        }
    }
}

impl TextField {
    fn pack(&self, schema: &Schema, class: &dc::Class) -> Result<(FieldId, Vec<u8>), String> {
        let id = class.field_by_name(&self.name).ok_or_else(|| {
            let known = class.fields.iter().map(|&id| schema.field(id).name.as_str());
            let meant = did_you_mean(&self.name, known);
            format!("`{}` has no field `{}`{meant}", class.name, self.name)
        })?;
        let field = schema.field(id);
        if !is_stored(schema, field) {
            return Err(format!("`{}` is not stored: it is no `db` field", self.name));
        }
        let bytes = schema.parse_value(id, &self.value).map_err(|why| match why {
            ParseValueError::Syntax(why) => {
                // Line and column within the value say nothing to who sees the line of the file.
                let what = why.split_once(": ").map_or(why.as_str(), |(_, what)| what);
                format!("`{}`: no value: {what}", self.name)
            }
            ParseValueError::Value(why) => {
                format!("no value of `{}`: {why}", describe_field(schema, field))
            }
        })?;
        Ok((id, bytes))
    }
}

/// Whether a database keeps a field: it has the keyword `db`, is not molecular, and of a class.
pub fn is_stored(schema: &Schema, field: &Field) -> bool {
    let is_molecular = matches!(field.kind, FieldKind::Molecular(_));
    let is_db = schema.keyword("db").is_some_and(|db| field.keywords.contain(db));
    is_db && !is_molecular && !schema.class(field.class).is_struct
}

impl PackedObject {
    /// The same as text, fields in the order of their numbers; lines are 0.
    ///
    /// Fails where bytes are no value of their field.
    pub fn text(&self, schema: &Schema) -> Result<TextObject, (FieldId, ValueError)> {
        let field = |(id, bytes): &(FieldId, Vec<u8>)| {
            let value = schema.plain_text(*id, bytes).map_err(|why| (*id, why))?;
            Ok(TextField { name: schema.field(*id).name.clone(), value, line: 0 })
        };
        Ok(TextObject {
            do_id: self.do_id,
            class: schema.class(self.class).name.clone(),
            class_line: 0,
            fields: self.fields.iter().map(field).collect::<Result<_, _>>()?,
        })
    }
}
