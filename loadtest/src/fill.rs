//! Values of DC fields that can be made as long as one likes: in one parameter stands the content,
//! the others have their defaults.

use dc::value_type::{Member, Shape};
use dc::{Field, Schema};

/// A field, and which of its parameters is filled.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) field: &'a Field,
    parameter: usize,
}

/// A packed value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) bytes: Vec<u8>,
    /// Where the content begins.
    pub(crate) content_at: usize,
}

impl<'a> Place<'a> {
    /// The strings and blobs of a field.
    pub(crate) fn of_text(field: &'a Field) -> impl Iterator<Item = Place<'a>> {
        Self::all(field).filter(|place| matches!(place.member().of.shape, Shape::Text(_)))
    }

    /// The strings, blobs and arrays of whole numbers of a field.
    pub(crate) fn of_any_length(field: &'a Field) -> impl Iterator<Item = Place<'a>> {
        Self::all(field).filter(|place| place.element().is_some())
    }

    fn all(field: &'a Field) -> impl Iterator<Item = Place<'a>> {
        (0..field.members().len()).map(move |parameter| Place { field, parameter })
    }

    fn member(self) -> &'a Member {
        &self.field.members()[self.parameter]
    }

    /// What content may consist of: a full stop or, in arrays, the number that is nearest to 0.
    fn element(self) -> Option<Vec<u8>> {
        match &self.member().of.shape {
            Shape::Text(_) => Some(vec![crate::stamp::PADDING]),
            Shape::Array(array) => match &array.element.shape {
                Shape::Integer(integer) => {
                    let least = integer.ranges.least(0).to_le_bytes();
                    Some(least[..integer.bytes as usize].to_vec())
                }
                Shape::Float(_)
                | Shape::Text(_)
                | Shape::Array(_)
                | Shape::Struct(_)
                | Shape::Switch(_) => None,
            },
            Shape::Integer(_) | Shape::Float(_) | Shape::Struct(_) | Shape::Switch(_) => None,
        }
    }

    /// Bytes of the length in front of the content.
    fn length_bytes(self) -> usize {
        match &self.member().of.shape {
            Shape::Text(text) => text.length_bytes() as usize,
            Shape::Array(array) if array.fixed_count().is_none() => 2,
            Shape::Array(_)
            | Shape::Integer(_)
            | Shape::Float(_)
            | Shape::Struct(_)
            | Shape::Switch(_) => 0,
        }
    }

    /// The value with at least so many bytes of content. None: the field does not allow it.
    pub(crate) fn filled(self, schema: &Schema, content_bytes: usize) -> Option<Filled> {
        let element = self.element()?;
        let content = element.repeat(content_bytes.div_ceil(element.len()));
        let length = u32::try_from(content.len()).ok()?.to_le_bytes();
        let (before, rest) = self.field.members().split_at(self.parameter);
        let mut bytes: Vec<u8> = before.iter().flat_map(|m| m.default.iter().copied()).collect();
        bytes.extend_from_slice(&length[..self.length_bytes()]);
        let content_at = bytes.len();
        bytes.extend(content);
        bytes.extend(rest[1..].iter().flat_map(|m| m.default.iter().copied()));
        schema.check(self.field.id, &bytes).ok()?;
        Some(Filled { bytes, content_at })
    }

    /// The value with so much content that it has at least `bytes` bytes.
    pub(crate) fn filled_to(self, schema: &Schema, bytes: usize) -> Option<Filled> {
        let others = self.field.members().iter().map(|member| member.default.len()).sum::<usize>();
        let frame = others - self.member().default.len() + self.length_bytes();
        self.filled(schema, bytes.saturating_sub(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dc::{Options, Source};

    #[test]
    fn values_are_filled_where_the_field_allows_it() {
        let text = "dclass A { f(uint8 a = 7, string(0-9) b, int16(3-5) c[], uint8 d) ram; };";
        let source = Source { name: "a.dc".into(), text: text.into() };
        let schema = Schema::load(&[source], Options::default()).unwrap();
        let field = schema.field(schema.class_by_name("A").unwrap().own[0]);
        assert_eq!(Place::of_text(field).count(), 1);
        let places: Vec<Place<'_>> = Place::of_any_length(field).collect();
        let wanted = vec![7, 2, 0, b'.', b'.', 0, 0, 0];
        let filled = places[0].filled(&schema, 2);
        assert_eq!(filled, Some(Filled { bytes: wanted, content_at: 3 }));
        assert_eq!(places[0].filled(&schema, 10), None);
        let wanted = vec![7, 0, 0, 4, 0, 3, 0, 3, 0, 0];
        let filled = places[1].filled_to(&schema, 10);
        assert_eq!(filled, Some(Filled { bytes: wanted, content_at: 5 }));
    }
}
