//! What objects of a run consist of: classes and fields by their place in a list of names.
//!
//! A store is told names and answers with keys. The run keeps to the names, so that a key that
//! changed its meaning is a wrong value.

use crate::chance::Chance;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The classes that a run knows of.
pub const CLASSES: [&str; 5] = ["DistributedAvatar", "DistributedHouse", "Estate", "Pet", ""];

/// The fields that a run knows of: name and type. Some names have several types.
pub const FIELDS: [(&str, &str); 9] = [
    ("setName", "string"),
    ("setPosition", "int16/10, int16/10"),
    ("setFriends", "uint32[]"),
    ("setDna", "blob"),
    ("setName", "char[]"),
    ("setMoney", "uint16"),
    ("setMoney", "uint32"),
    ("", ""),
    ("setLastSeen", "uint64"),
];

/// What an object is; `None`: there is none.
pub type Content = Option<Rc<Body>>;

/// The class of an object and the values of its fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// Which of [`CLASSES`].
    pub class: usize,
    /// Values by which of [`FIELDS`].
    pub fields: BTreeMap<usize, Vec<u8>>,
}

impl Body {
    /// An object of any class, with values of at most `bytes_max` bytes together.
    pub fn new(bytes_max: usize, chance: &mut Chance) -> Body {
        let class = chance.index(CLASSES.len());
        Body { class, fields: values(bytes_max, chance) }
    }

    /// The same object with other values.
    pub fn updated(&self, bytes_max: usize, chance: &mut Chance) -> Body {
        let mut fields = self.fields.clone();
        fields.retain(|_, _| !chance.one_in(4));
        fields.extend(values(bytes_max, chance));
        while fields.values().map(Vec::len).sum::<usize>() > bytes_max {
            fields.pop_first();
        }
        Body { class: self.class, fields }
    }
}

/// How it is told to a reader.
pub fn brief(content: &Content) -> String {
    let Some(body) = content else { return "nothing".into() };
    let field = |(field, value): (&usize, &Vec<u8>)| {
        let begin: String = value.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{field}: {begin} of {}", value.len())
    };
    let fields: Vec<String> = body.fields.iter().map(field).collect();
    format!("class {} {{{}}}", body.class, fields.join(", "))
}

fn values(bytes_max: usize, chance: &mut Chance) -> BTreeMap<usize, Vec<u8>> {
    let mut left = bytes_max;
    let count = chance.below(5);
    let mut one = |_| {
        let wanted = match chance.below(12) {
            0 => 0,
            1..=7 => chance.between(1, 24),
            8..=10 => chance.between(8, 300),
            _ => chance.below(bytes_max as u64 + 1),
        };
        let len = left.min(wanted as usize);
        left -= len;
        (chance.index(FIELDS.len()), bytes(len, chance))
    };
    (0..count).map(&mut one).collect()
}

fn bytes(len: usize, chance: &mut Chance) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for piece in bytes.chunks_mut(8) {
        piece.copy_from_slice(&chance.number().to_le_bytes()[..piece.len()]);
    }
    bytes
}
