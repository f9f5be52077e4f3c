//! Syntax to schema: looks names up, numbers classes and fields, and finds what cannot be.
//!
//! Everything is declared before it is used, so nothing can contain or inherit itself.

use crate::diagnostic::{Diagnostics, nearest};
use crate::parser::{self, Grammar};
use crate::schema::{
    CLASSES_MAX, Class, ClassId, FIELDS_MAX, Field, FieldId, FieldKind, KEYWORDS_MAX, Keywords,
    Names, Rules, Schema, names,
};
use crate::source::{Source, Span, line_and_column};
use crate::syntax::{ClassSyntax, Declaration, FieldBody, FieldSyntax, Name};
use crate::value::TextPolicy;
use crate::value_type::{Member, Shape, StructType, TYPE_BYTES_MAX, Type, TypeError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Keywords known from the beginning, in the order of their bits in hashes.
const KEYWORDS: [&str; 9] =
    ["required", "broadcast", "ownrecv", "ram", "db", "clsend", "clrecv", "ownsend", "airecv"];
/// Those of 2003.
const CLASSIC_KEYWORDS: [&str; 9] =
    ["required", "broadcast", "p2p", "ram", "db", "clsend", "clrecv", "ownsend", "airecv"];
/// The first keyword, always.
const REQUIRED: Keywords = Keywords(1);
/// Fields that all classes together have with what they inherit, at most.
const INHERITED_MAX: usize = 1 << 19;

/// How files are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// By which rules.
    pub rules: Rules,
    /// What a `string` may contain.
    pub policy: TextPolicy,
}

impl Schema {
    /// Reads files, in order, into one schema.
    pub fn load(sources: &[Source], options: Options) -> Result<Schema, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let grammar = match options.rules {
            Rules::Modern | Rules::SingleInheritance => Grammar::Modern,
            Rules::Classic => Grammar::Classic,
        };
        let mut types = BTreeSet::new();
        let mut declarations = Vec::new();
        for (file, source) in sources.iter().enumerate() {
            let file = file as u32;
            declarations.extend(parser::parse(source, file, grammar, &mut types, &mut diagnostics));
        }
        let mut loader = Loader::new(sources, options, diagnostics);
        loader.foresee(&declarations);
        for declaration in &declarations {
            if loader.diagnostics.is_full() {
                break;
            }
            loader.declare(declaration);
        }
        let Loader { schema, diagnostics, .. } = loader;
        if diagnostics.is_empty() { Ok(schema) } else { Err(diagnostics.sorted()) }
    }
}

/// What a name of a type stands for.
pub(crate) enum Named {
    /// A type.
    Type(Type),
    /// Something wrong, of which the user has been told.
    Wrong,
    /// A struct without fields.
    Nothing(TypeError),
}

pub(crate) struct Loader<'a> {
    sources: &'a [Source],
    pub(crate) options: Options,
    pub(crate) schema: Schema,
    pub(crate) diagnostics: Diagnostics,
    pub(crate) types: Names<String, Named>,
    /// Where each class, struct, typedef and switch is declared, read or not.
    declared: BTreeMap<String, Span>,
    inherited: usize,
    /// Types inside all fields, see `weigh`.
    pub(crate) weight: u64,
    /// Bytes of all defaults.
    pub(crate) default_bytes: usize,
}

impl<'a> Loader<'a> {
    fn new(sources: &'a [Source], options: Options, diagnostics: Diagnostics) -> Loader<'a> {
        let Options { rules, policy } = options;
        let known = if rules == Rules::Classic { CLASSIC_KEYWORDS } else { KEYWORDS };
        let schema = Schema {
            rules,
            policy,
            classes: Vec::new(),
            fields: Vec::new(),
            keywords: known.map(str::to_owned).into(),
            redeclared: Keywords::default(),
            renames_text: false,
            by_name: names(),
        };
        let (types, declared) = (names(), BTreeMap::new());
        Loader {
            sources,
            options,
            schema,
            diagnostics,
            types,
            declared,
            inherited: 0,
            weight: 0,
            default_bytes: 0,
        }
    }

    /// Notes where names are declared, to say so where one is used too early or declared twice.
    fn foresee(&mut self, declarations: &[Declaration]) {
        for declaration in declarations {
            let name = match declaration {
                Declaration::Class(class) => &class.name,
                Declaration::Switch(switch) => &switch.name,
                Declaration::Typedef(typedef) => &typedef.name,
                Declaration::Keywords(_) | Declaration::Import(_) => continue,
            };
            self.declared.entry(name.text.clone()).or_insert(name.span);
        }
    }

    fn declare(&mut self, declaration: &Declaration) {
        if let Some((what, span)) = not_of_2003(declaration)
            && self.options.rules == Rules::Classic
        {
            return self.diagnostics.error(span, format!("files of 2003 have no {what}"));
        }
        match declaration {
            Declaration::Class(class) => self.declare_class(class),
            Declaration::Switch(switch) => {
                if switch.name.text.is_empty() {
                    return self.diagnostics.error(switch.name.span, "this switch needs a name");
                }
                let named = self.switch_type(switch).map_or(Named::Wrong, Named::Type);
                self.declare_type(&switch.name, named);
            }
            Declaration::Typedef(typedef) => {
                let of = self.parameter_type(typedef);
                let is_text = of.as_ref().is_some_and(|of| matches!(of.shape, Shape::Text(_)));
                self.schema.renames_text |= is_text;
                let named = of.map_or(Named::Wrong, Named::Type);
                if let Some(default) = &typedef.default {
                    self.diagnostics.error(default.span, "a typedef has no default");
                }
                self.declare_type(&typedef.name, named);
            }
            Declaration::Keywords(words) => {
                words.iter().for_each(|word| self.declare_keyword(word))
            }
            Declaration::Import(_) => (),
        }
    }

    fn declare_type(&mut self, name: &Name, named: Named) {
        if self.is_new(name) {
            self.types.insert(name.text.clone(), named);
        }
    }

    /// Whether nothing else has this name; says so if not.
    fn is_new(&mut self, name: &Name) -> bool {
        if crate::value_type::Basic::from_name(&name.text).is_some() {
            self.diagnostics.error(name.span, format!("`{}` is a type of the language", name.text));
            return false;
        }
        let first = self.declared.get(&name.text).copied().unwrap_or(name.span);
        if first != name.span {
            let what = format!("`{}` is declared twice", name.text);
            let help = format!("the first time at {}", self.place(first));
            self.diagnostics.error_with_help(name.span, what, help);
        }
        first == name.span
    }

    fn declare_keyword(&mut self, word: &Name) {
        match self.schema.keyword(&word.text) {
            Some(known) => self.schema.redeclared.0 |= known.0,
            None if self.schema.keywords.len() == KEYWORDS_MAX => {
                let what = format!("there are at most {KEYWORDS_MAX} keywords");
                self.diagnostics.error(word.span, what);
            }
            None => self.schema.keywords.push(word.text.clone()),
        }
    }

    fn declare_class(&mut self, syntax: &ClassSyntax) {
        if !self.is_new(&syntax.name) {
            return;
        }
        if self.schema.classes.len() == CLASSES_MAX {
            let what = format!("there are at most {CLASSES_MAX} classes and structs");
            return self.diagnostics.error(syntax.name.span, what);
        }
        let id = ClassId(self.schema.classes.len() as u16);
        let parents = self.parents(syntax);
        let has = |&parent: &ClassId| self.schema.class(parent).by_name.len();
        self.inherited += parents.iter().map(has).sum::<usize>();
        if self.inherited > INHERITED_MAX {
            let what = "all classes together inherit too much";
            return self.diagnostics.error(syntax.name.span, what);
        }
        let mut class = Class {
            id,
            name: syntax.name.text.clone(),
            is_struct: syntax.is_struct,
            parents,
            constructor: None,
            own: Vec::new(),
            fields: Vec::new(),
            required: Vec::new(),
            by_name: names(),
            by_number: names(),
        };
        self.inherit(&mut class);
        let errors_before = self.diagnostics.iter().count();
        let mut overridden = BTreeSet::new();
        for field in &syntax.fields {
            if self.diagnostics.is_full() {
                break;
            }
            self.declare_field(&mut class, &mut overridden, field);
        }
        class.fields.retain(|field| !overridden.contains(field));
        let all = class.constructor.iter().chain(&class.fields);
        let fields = all.map(|&field| (self.schema.field(field).number, field));
        class.by_number.extend(fields);
        let is_required = |&id: &FieldId| {
            let field = self.schema.field(id);
            let is_molecular = matches!(field.kind, FieldKind::Molecular(_));
            field.keywords.contain(REQUIRED) && !is_molecular
        };
        class.required = class.fields.iter().copied().filter(is_required).collect();
        if class.is_struct {
            let is_wrong = self.diagnostics.iter().count() > errors_before;
            let named = if is_wrong { Named::Wrong } else { self.struct_type(&class) };
            self.types.insert(class.name.clone(), named);
        }
        self.schema.by_name.insert(class.name.clone(), id);
        self.schema.classes.push(class);
    }

    fn parents(&mut self, syntax: &ClassSyntax) -> Vec<ClassId> {
        let mut parents: Vec<ClassId> = Vec::new();
        for name in &syntax.parents {
            if self.diagnostics.is_full() {
                break;
            }
            let Some(parent) = self.schema.by_name.get(&name.text).copied() else {
                let classes = self.schema.classes.iter().map(|class| class.name.as_str());
                let help = self.help_with(&name.text, classes);
                let what = format!("there is no class `{}` yet", name.text);
                self.diagnostics.error_with_help(name.span, what, help);
                continue;
            };
            let wanted = if syntax.is_struct { "struct" } else { "class" };
            if self.schema.class(parent).is_struct != syntax.is_struct {
                let what = format!("a {wanted} can only inherit from a {wanted}");
                self.diagnostics.error(name.span, what);
            } else if parents.contains(&parent) {
                let what = format!("`{}` is inherited from twice", name.text);
                self.diagnostics.error(name.span, what);
            } else if parents.len() == 1 && self.options.rules == Rules::SingleInheritance {
                let what = "by the rule of single inheritance there is one parent at most";
                self.diagnostics.error(name.span, what);
            } else {
                parents.push(parent);
            }
        }
        parents
    }

    /// What to say of a name that is not known.
    pub(crate) fn help_with<'b>(&self, name: &str, known: impl Iterator<Item = &'b str>) -> String {
        if let Some(&span) = self.declared.get(name) {
            let place = self.place(span);
            return format!("it is declared at {place}: what is used must stand before");
        }
        match nearest(name, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "declare it before it is used".to_owned(),
        }
    }

    fn place(&self, span: Span) -> String {
        let Source { name, text } = &self.sources[span.file as usize];
        let (line, column) = line_and_column(text, span.start as usize);
        format!("{name}:{line}:{column}")
    }

    /// Gives a class what its parents have: today of all parents, each name once, in the order of
    /// the files, and nothing that has no name (as Panda3D does it); formerly of the first one.
    fn inherit(&self, class: &mut Class) {
        let parents = class.parents.iter().map(|&parent| self.schema.class(parent));
        for parent in parents.clone() {
            for (name, &field) in &parent.by_name {
                class.by_name.entry(name.clone()).or_insert(field);
            }
        }
        if self.options.rules != Rules::Modern {
            class.fields =
                parents.clone().next().map_or_else(Vec::new, |first| first.fields.clone());
            return;
        }
        let all = parents.flat_map(|parent| parent.fields.iter().copied());
        class.fields = all
            .filter(|&field| class.by_name.get(&self.schema.field(field).name) == Some(&field))
            .collect();
        class.fields.sort_unstable();
        class.fields.dedup();
    }

    fn declare_field(
        &mut self,
        class: &mut Class,
        overridden: &mut BTreeSet<FieldId>,
        syntax: &FieldSyntax,
    ) {
        let FieldSyntax { name, body, .. } = syntax;
        let own = class.by_name.get(&name.text).filter(|field| class.own.contains(field));
        let is_constructor = name.text == class.name && self.options.rules != Rules::Classic;
        if own.is_some() || (is_constructor && class.constructor.is_some()) {
            let what = format!("`{}` has a field `{}` already", class.name, name.text);
            return self.diagnostics.error(name.span, what);
        }
        if is_constructor && !class.own.is_empty() {
            return self
                .diagnostics
                .error(name.span, "a constructor is the first field of its class");
        }
        if name.text.is_empty() && !class.is_struct {
            return self.diagnostics.error(name.span, "a field of a class needs a name");
        }
        let keywords = self.keywords(&syntax.keywords);
        let (kind, keywords) = match body {
            FieldBody::Parameter(parameter) => {
                let Some(member) = self.member(parameter) else { return };
                let member = Member { keywords: keywords.0, ..member };
                (FieldKind::Parameter(Box::new(member)), keywords)
            }
            FieldBody::Atomic(_) | FieldBody::Molecular(_) if class.is_struct => {
                return self.diagnostics.error(name.span, "a struct has no methods");
            }
            FieldBody::Atomic(parameters) => {
                let members: Vec<_> =
                    parameters.iter().map(|parameter| self.member(parameter)).collect();
                let Some(members) = members.into_iter().collect() else { return };
                (FieldKind::Atomic(members), keywords)
            }
            FieldBody::Molecular(members) => {
                if let Some(word) = syntax.keywords.first() {
                    let what = "a molecular field has the keywords of its methods";
                    return self.diagnostics.error(word.span, what);
                }
                let Some((atoms, keywords)) = self.atoms(class, members) else { return };
                (FieldKind::Molecular(atoms), keywords)
            }
        };
        let Some(number) = self.number(class.fields.len(), name.span) else { return };
        let added = self.add_field(class.id, &name.text, number, keywords, kind, name.span);
        let Some(id) = added else { return };
        let is_named = !name.text.is_empty();
        let before = is_named.then(|| class.by_name.insert(name.text.clone(), id)).flatten();
        if is_constructor {
            class.constructor = Some(id);
            return;
        }
        if self.options.rules == Rules::Modern {
            overridden.extend(before);
        }
        class.own.push(id);
        class.fields.push(id);
    }

    /// The next number of a field, `before` being those that its class has.
    pub(crate) fn number(&mut self, before: usize, span: Span) -> Option<u16> {
        if self.schema.fields.len() >= FIELDS_MAX {
            self.diagnostics.error(span, format!("there are at most {FIELDS_MAX} fields"));
            return None;
        }
        match self.options.rules {
            Rules::Modern => Some(self.schema.fields.len() as u16),
            Rules::SingleInheritance | Rules::Classic => Some(before as u16),
        }
    }

    pub(crate) fn add_field(
        &mut self,
        class: ClassId,
        name: &str,
        number: u16,
        keywords: Keywords,
        mut kind: FieldKind,
        span: Span,
    ) -> Option<FieldId> {
        let id = FieldId(self.schema.fields.len() as u16);
        if let FieldKind::Parameter(member) = &mut kind {
            member.number = number;
        }
        let name = name.to_owned();
        let mut field = Field {
            id,
            number,
            class,
            name,
            keywords,
            kind,
            default: Box::default(),
            has_default: false,
            bytes_min: 0,
            is_free: true,
        };
        let atoms: Vec<&Field> = match &field.kind {
            FieldKind::Molecular(atoms) => {
                atoms.iter().map(|&atom| self.schema.field(atom)).collect()
            }
            FieldKind::Parameter(_) | FieldKind::Atomic(_) => vec![&field],
        };
        let members = || atoms.iter().flat_map(|atom| atom.members());
        let bytes_min = members().map(|member| u64::from(member.of.bytes_min)).sum::<u64>();
        if bytes_min > TYPE_BYTES_MAX.into() {
            self.diagnostics.error(span, TypeError::TooLong.to_string());
            return None;
        }
        let is_free = members().all(|member| member.of.is_free);
        let has_default = members().any(|member| member.has_default);
        let default: Vec<u8> = members()
            .flat_map(|member| member.default.iter().copied())
            .take(TYPE_BYTES_MAX as usize + 1)
            .collect();
        if default.len() > TYPE_BYTES_MAX as usize {
            self.diagnostics.error(span, "its default does not fit in a datagram");
            return None;
        }
        let weight = members().map(|member| u64::from(member.of.weight)).sum::<u64>();
        self.weigh(weight, default.len(), span)?;
        field.default = default.into();
        (field.bytes_min, field.is_free, field.has_default) =
            (bytes_min as u32, is_free, has_default);
        self.schema.fields.push(field);
        Some(id)
    }

    fn keywords(&mut self, words: &[Name]) -> Keywords {
        let mut keywords = Keywords::default();
        for word in words {
            if self.diagnostics.is_full() {
                break;
            }
            match self.schema.keyword(&word.text) {
                Some(keyword) => keywords.0 |= keyword.0,
                None => {
                    let known = self.schema.keywords.iter().map(String::as_str);
                    let help = match nearest(&word.text, known) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("declare it before: `keyword {};`", word.text),
                    };
                    let what = format!("the keyword `{}` is not declared", word.text);
                    self.diagnostics.error_with_help(word.span, what, help);
                }
            }
        }
        keywords
    }

    /// The methods of a molecular field and the keywords that they share.
    fn atoms(&mut self, class: &Class, members: &[Name]) -> Option<(Vec<FieldId>, Keywords)> {
        let mut atoms: Vec<FieldId> = Vec::new();
        for name in members {
            let Some(&id) = class.by_name.get(&name.text) else {
                let known = class.by_name.keys().map(String::as_str);
                let what = format!("`{}` has no method `{}` yet", class.name, name.text);
                match nearest(&name.text, known) {
                    Some(meant) => {
                        let help = format!("did you mean `{meant}`?");
                        self.diagnostics.error_with_help(name.span, what, help);
                    }
                    None => self.diagnostics.error(name.span, what),
                }
                return None;
            };
            let field = self.schema.field(id);
            let is_atomic = matches!(field.kind, FieldKind::Atomic(_));
            let first = atoms.first().map(|&first| self.schema.field(first));
            if !is_atomic {
                let what =
                    format!("`{}` is no method: a molecular field has methods only", name.text);
                self.diagnostics.error(name.span, what);
                return None;
            }
            let is_mixed = |first: &&Field| first.keywords != field.keywords;
            if let Some(first) =
                first.filter(is_mixed).filter(|_| self.options.rules != Rules::Classic)
            {
                let what = format!(
                    "`{}` and `{}` have different keywords: one molecular field has those of all",
                    first.name, name.text
                );
                self.diagnostics.error(name.span, what);
                return None;
            }
            atoms.push(id);
        }
        let keywords =
            atoms.first().map_or(Keywords::default(), |&id| self.schema.field(id).keywords);
        Some((atoms, keywords))
    }

    fn struct_type(&self, class: &Class) -> Named {
        let members = class.fields.iter().flat_map(|&field| self.schema.field(field).members());
        let fields = StructType {
            name: class.name.clone(),
            parents: class.parents.iter().map(|parent| parent.0).collect(),
            fields: members.cloned().collect(),
            inherited: class.fields.len() - class.own.len(),
        };
        match Type::new(Shape::Struct(Arc::new(fields))) {
            Ok(of) => Named::Type(of),
            Err(error) => Named::Nothing(error),
        }
    }
}

fn not_of_2003(declaration: &Declaration) -> Option<(&'static str, Span)> {
    match declaration {
        Declaration::Class(class) if class.is_struct => Some(("struct", class.name.span)),
        Declaration::Class(_) => None,
        Declaration::Switch(switch) => Some(("switch", switch.name.span)),
        Declaration::Typedef(typedef) => Some(("typedef", typedef.span)),
        Declaration::Keywords(words) => Some(("keyword", words[0].span)),
        Declaration::Import(span) => Some(("import", *span)),
    }
}
