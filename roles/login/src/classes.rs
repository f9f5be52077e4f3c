//! The classes and fields of the DC file that this role knows by name.
//!
//! Files are read by the usual rules, so the number of a field is its place in the schema.

use dc::{Class, FieldKind, Keywords, Schema};
use wire::ids::{ClassId, FieldId};

/// What a DC file lacks for a LoginManager to work with it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unsuitable {
    /// A class is missing.
    #[error("there is no class {0}, which a LoginManager needs")]
    NoClass(&'static str),
    /// A field is missing.
    #[error("{class} has no field {field}, which a LoginManager needs")]
    NoField {
        /// The class.
        class: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field holds something else.
    #[error("{class}.{field} must be `{wanted}` for a LoginManager")]
    OtherField {
        /// The class.
        class: &'static str,
        /// The field.
        field: &'static str,
        /// How it must be declared.
        wanted: &'static str,
    },
}

/// Numbers of the classes and fields that a LoginManager needs.
#[derive(Clone, Copy, Debug)]
pub struct Classes {
    pub(crate) login: FieldId,
    pub(crate) login_result: FieldId,
    pub(crate) session_over: FieldId,
    pub(crate) park: ClassId,
    pub(crate) account: ClassId,
    pub(crate) username: FieldId,
    pub(crate) password: FieldId,
    pub(crate) account_visitor: FieldId,
    pub(crate) visitor: ClassId,
    pub(crate) visitor_account: FieldId,
    pub(crate) visitor_name: FieldId,
}

impl Classes {
    /// Looks for all of them.
    pub fn find(schema: &Schema) -> Result<Classes, Unsuitable> {
        let find = Find { schema };
        let manager = find.class("LoginManager")?;
        let account = find.class("Account")?;
        let visitor = find.class("Visitor")?;
        Ok(Classes {
            login: find.field(manager, "login", "login(string, string) clsend")?,
            login_result: find.field(
                manager,
                "loginResult",
                "loginResult(uint8, string, uint32)",
            )?,
            session_over: find.field(manager, "sessionOver", "sessionOver()")?,
            park: ClassId(find.class("DistributedPark")?.1.id.0),
            account: ClassId(account.1.id.0),
            username: find.field(account, "setUsername", "setUsername(string) db")?,
            password: find.field(account, "setPassword", "setPassword(string) db")?,
            account_visitor: find.field(account, "setVisitor", "setVisitor(uint32) db")?,
            visitor: ClassId(visitor.1.id.0),
            visitor_account: find.field(visitor, "setAccount", "setAccount(uint32) db")?,
            visitor_name: find.field(visitor, "setName", "setName(string) db")?,
        })
    }
}

impl Classes {
    /// Whether this is a value of the field.
    pub(crate) fn allows(&self, schema: &Schema, field: FieldId, value: &[u8]) -> bool {
        schema.check(dc::FieldId(field.0), value).is_ok()
    }

    /// The required fields of an object of the class, each with its default.
    pub(crate) fn defaults(&self, schema: &Schema, class: ClassId) -> Vec<u8> {
        let class = schema.class(dc::ClassId(class.0));
        class.required.iter().flat_map(|&field| schema.field(field).default.to_vec()).collect()
    }

    /// The required fields that a Database keeps of an object of the class, each with its default,
    /// though the file may give none.
    pub(crate) fn stored_defaults(
        &self,
        schema: &Schema,
        class: ClassId,
    ) -> Vec<(FieldId, Vec<u8>)> {
        let class = schema.class(dc::ClassId(class.0));
        let db = schema.keyword("db").unwrap_or_default();
        let fields = class.required.iter().map(|&field| schema.field(field));
        let stored = fields.filter(|field| field.keywords.contain(db));
        stored.map(|field| (FieldId(field.number), field.default.to_vec())).collect()
    }
}

struct Find<'a> {
    schema: &'a Schema,
}

type Found<'a> = (&'static str, &'a Class);

impl<'a> Find<'a> {
    fn class(&self, name: &'static str) -> Result<Found<'a>, Unsuitable> {
        let class = self.schema.class_by_name(name).filter(|class| !class.is_struct);
        Ok((name, class.ok_or(Unsuitable::NoClass(name))?))
    }

    /// The field of which `wanted` is the declaration: name, types of its parameters, and the
    /// keyword that it must have at least.
    fn field(
        &self,
        (name, class): Found<'a>,
        field: &'static str,
        wanted: &'static str,
    ) -> Result<FieldId, Unsuitable> {
        let missing = Unsuitable::NoField { class: name, field };
        let found = self.schema.field(class.field_by_name(field).ok_or(missing)?);
        let (method, keyword) = wanted.rsplit_once(')').unwrap_or((wanted, ""));
        let types = method.split_once('(').map_or("", |(_, types)| types).replace(' ', "");
        let keyword = match keyword.trim() {
            "" => Keywords(0),
            keyword => self.schema.keyword(keyword).unwrap_or(Keywords(0)),
        };
        let is_method = matches!(found.kind, FieldKind::Atomic(_));
        let is_as_wanted = self.schema.storage_type(found.id) == format!("({types})");
        match is_method && is_as_wanted && found.keywords.contain(keyword) {
            true => Ok(FieldId(found.number)),
            false => Err(Unsuitable::OtherField { class: name, field, wanted }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dc::{Options, Source};

    const PARK: &str = include_str!("../../../etc/park.dc");

    fn find(text: &str) -> Result<Classes, Unsuitable> {
        let source = Source { name: "park.dc".into(), text: text.into() };
        Classes::find(&Schema::load(&[source], Options::default()).unwrap())
    }

    #[test]
    fn the_park_has_all_of_them() {
        find(PARK).unwrap();
    }

    #[test]
    fn what_is_missing_is_named() {
        for (old, new, said) in [
            ("dclass LoginManager", "dclass Gate", "there is no class LoginManager"),
            ("  sessionOver() airecv;", "", "LoginManager has no field sessionOver"),
            ("setVisitor(uint32", "setVisitor(uint16", "must be `setVisitor(uint32) db`"),
            ("password) clsend", "password)", "must be `login(string, string) clsend`"),
        ] {
            let error = find(&PARK.replace(old, new)).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
