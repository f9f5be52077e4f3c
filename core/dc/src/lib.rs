//! The DC language: which classes of distributed objects there are, which fields they have, what
//! goes over the wire for each, and who may send it (`astron` section 9; of 2003: `toontown-2003`
//! section 7).
//!
//! ```
//! use dc::{Options, Schema, Source, Value};
//!
//! let text = "dclass DistributedChair { setPos(int16 / 10 x, int16 / 10 y) required broadcast; };";
//! let sources = [Source { name: "chair.dc".into(), text: text.into() }];
//! let schema = Schema::load(&sources, Options::default()).unwrap();
//! let chair = schema.class_by_name("DistributedChair").unwrap();
//! let set_pos = chair.field_by_name("setPos").unwrap();
//! let mut bytes = Vec::new();
//! schema.pack(set_pos, &Value::list([Value::whole(1), Value::real(2.5)]), &mut bytes).unwrap();
//! assert_eq!(bytes, [10, 0, 25, 0]);
//! assert!(schema.check(set_pos, &bytes).is_ok());
//! assert_eq!(schema.text(set_pos, &bytes).unwrap(), "(x = 1, y = 2.5)");
//! assert_eq!(schema.parse_value(set_pos, "(1, 2.5)").unwrap(), bytes);
//! ```
//!
//! A [`Schema`] does not change once it is read. Looking up and checking allocate nothing.

mod check;
mod describe;
mod diagnostic;
mod diff;
mod format;
mod hash;
mod lexer;
mod load;
mod parser;
mod schema;
mod shape;
pub mod source;
mod storage;
mod syntax;
mod text;
mod value;
pub mod value_type;

pub use describe::describe_field;
pub use diagnostic::{Diagnostic, Diagnostics, did_you_mean};
pub use diff::{Change, Severity, diff};
pub use format::format;
pub use hash::{AstronHashUnknown, astron_hash, classic_hash, panda_hash};
pub use load::Options;
pub use parser::parse_value;
pub use schema::{Class, ClassId, Field, FieldId, FieldKind, Keywords, Rules, Schema};
pub use source::{Source, Span};
pub use text::ParseValueError;
pub use value::{Number, TextPolicy, Value, ValueError};
