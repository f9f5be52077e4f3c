//! Which key of a catalog is which class or field of the DC files, and back.

use crate::text_object::{PackedObject, is_stored};
use dc::{ClassId, FieldId, Schema};
use std::sync::Arc;
use store::{Catalog, CatalogFull, ClassKey, FieldKey, Object};
use wire::ids::DoId;

/// A catalog by the DC files.
#[derive(Debug)]
pub struct Keys {
    schema: Arc<Schema>,
    catalog: Catalog,
    /// By [`ClassKey`].
    classes: Vec<Option<ClassId>>,
    /// By [`ClassId`].
    class_keys: Vec<Option<ClassKey>>,
    /// By [`FieldId`].
    field_keys: Vec<Option<FieldKey>>,
}

/// A stored object by the DC files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// The object, with the fields that the DC files have.
    pub object: PackedObject,
    /// The fields that the DC files do not have for its class, or have with another type.
    pub unknown: Vec<FieldKey>,
}

/// An object as a part takes it.
pub type Stored<'a> = (ClassKey, Vec<(FieldKey, &'a [u8])>);

/// All names that a schema needs: of classes, and of stored fields with their types.
pub fn catalog(schema: &Schema) -> Result<Catalog, CatalogFull> {
    let mut catalog = Catalog::default();
    for class in schema.classes().iter().filter(|class| !class.is_struct) {
        catalog.class(&class.name)?;
    }
    for field in schema.fields().iter().filter(|field| is_stored(schema, field)) {
        catalog.field(&field.name, &schema.storage_type(field.id))?;
    }
    Ok(catalog)
}

impl Keys {
    /// What is in both.
    pub fn new(schema: Arc<Schema>, catalog: Catalog) -> Keys {
        let class_key = |class: &dc::Class| {
            (!class.is_struct).then(|| catalog.find_class(&class.name)).flatten()
        };
        let class_keys: Vec<_> = schema.classes().iter().map(class_key).collect();
        let field_key = |field: &dc::Field| {
            let type_text = is_stored(&schema, field).then(|| schema.storage_type(field.id))?;
            catalog.find_field(&field.name, &type_text)
        };
        let field_keys = schema.fields().iter().map(field_key).collect();
        let mut classes = vec![None; catalog.classes().count()];
        for (class, key) in schema.classes().iter().zip(&class_keys) {
            if let Some(key) = key {
                classes[usize::from(key.0)] = Some(class.id);
            }
        }
        Keys { schema, catalog, classes, class_keys, field_keys }
    }

    /// The DC files.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// A stored object by the DC files, unless they do not have its class.
    pub fn known(&self, do_id: DoId, object: &Object<'_>) -> Option<Known> {
        let class = (*self.classes.get(usize::from(object.class().0))?)?;
        let (mut fields, mut unknown) = (Vec::new(), Vec::new());
        for (key, value) in object.fields() {
            match self.field(class, key) {
                Some(id) => fields.push((id, value.to_vec())),
                None => unknown.push(key),
            }
        }
        fields.sort_unstable_by_key(|&(id, _)| id);
        Some(Known { object: PackedObject { do_id, class, fields }, unknown })
    }

    /// The keys of an object's class and fields, ascending; none where the catalog lacks one.
    pub fn stored<'a>(&self, object: &'a PackedObject) -> Option<Stored<'a>> {
        let class = self.class_keys[usize::from(object.class.0)]?;
        let keyed = |(id, value): &'a (FieldId, Vec<u8>)| {
            Some((self.field_keys[usize::from(id.0)]?, value.as_slice()))
        };
        let mut fields = object.fields.iter().map(keyed).collect::<Option<Vec<_>>>()?;
        fields.sort_unstable_by_key(|&(key, _)| key);
        Some((class, fields))
    }

    /// The field of a class that this key means.
    fn field(&self, class: ClassId, key: FieldKey) -> Option<FieldId> {
        let (name, _) = self.catalog.field_name(key)?;
        let id = self.schema.class(class).field_by_name(name)?;
        (self.field_keys[usize::from(id.0)] == Some(key)).then_some(id)
    }
}
