//! Against Panda3D's own parser: hashes, numbers, defaults and packed bytes, of our corpus and of
//! random files. Skipped with a word where Panda3D is not installed; `.ci/run` installs it.
//!
//! `FERRIS_DC_SEEDS` says how many random files, `FERRIS_DC_SEED` one of them.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "panda/files.rs"]
mod files;
#[path = "panda/mod.rs"]
mod panda;

use dc::{Class, Options, Rules, Schema, Source, TextPolicy, panda_hash, parse_value};
use files::Files;
use panda::{Answer, ClassFacts, Facts, Panda};

fn source(text: &str) -> Source {
    Source { name: "x.dc".into(), text: text.into() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn load(text: &str, rules: Rules) -> Result<Schema, String> {
    let sources = [source(text)];
    let options = Options { rules, policy: TextPolicy::Bytes };
    Schema::load(&sources, options).map_err(|diagnostics| diagnostics.lines(&sources))
}

fn facts(schema: &Schema, class: &Class) -> ClassFacts {
    let own = class.own.iter().map(|&id| {
        let field = schema.field(id);
        let default = field.has_default.then(|| hex(&field.default));
        (field.name.clone(), field.number, default)
    });
    let all = class.fields.iter().map(|&id| schema.field(id).number);
    ClassFacts { name: class.name.clone(), fields: own.collect(), all: all.collect() }
}

#[track_caller]
fn agree(what: &str, text: &str, values: &[[String; 3]], rules: Rules, answer: &Answer) {
    let Answer::Read(Facts { hash, classes, packed }) = answer else {
        panic!("{what}: Panda3D refuses\n{text}");
    };
    let schema = load(text, rules).unwrap_or_else(|why| panic!("{what}: we refuse: {why}\n{text}"));
    for (ours, theirs) in schema.classes().iter().map(|class| facts(&schema, class)).zip(classes) {
        assert_eq!(ours.name, theirs.name, "{what}\n{text}");
        assert_eq!(ours.fields, theirs.fields, "{what}: {}\n{text}", ours.name);
        assert_eq!(ours.all, theirs.all, "{what}: {}\n{text}", ours.name);
    }
    assert_eq!(schema.classes().len(), classes.len(), "{what}\n{text}");
    for ([class, field, value], theirs) in values.iter().zip(packed) {
        let class = schema.class_by_name(class).unwrap();
        let id = class.own.iter().copied().find(|&id| schema.field(id).name == *field).unwrap();
        let mut bytes = Vec::new();
        let packed = schema.pack(id, &parse_value(&source(value)).unwrap(), &mut bytes);
        let ours = packed.as_ref().ok().map(|()| hex(&bytes));
        assert_eq!(ours, *theirs, "{what}: {}.{field} {value}: {packed:?}\n{text}", class.name);
        assert_eq!(schema.check(id, &bytes), packed, "{what}: {}.{field} {value}", class.name);
        let read = schema.text(id, &bytes).unwrap();
        let mut again = Vec::new();
        schema.pack(id, &parse_value(&source(&read)).unwrap(), &mut again).unwrap();
        assert_eq!(hex(&again), hex(&bytes), "{what}: {}.{field} {value} reads {read}", class.name);
    }
    assert_eq!(panda_hash(&schema), *hash, "{what}\n{text}");
}

fn random_files(rules: Rules, config: &str) {
    let Some(mut panda) = Panda::start(config) else { return };
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let seeds = match number("FERRIS_DC_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FERRIS_DC_SEEDS").unwrap_or(300),
    };
    for seed in seeds {
        let Files { text, values, .. } = Files::new(seed, rules == Rules::Modern);
        let answer = panda.ask(&text, &values);
        agree(&format!("FERRIS_DC_SEED={seed}"), &text, &values, rules, &answer);
    }
}

#[test]
fn our_own_files() {
    let Some(mut panda) = Panda::start("dc-multiple-inheritance 1") else { return };
    let [harbour, types] = [include_str!("corpus/harbour.dc"), include_str!("corpus/types.dc")];
    for text in [harbour, types, &(harbour.to_owned() + types)] {
        let answer = panda.ask(text, &[]);
        agree("corpus", text, &[], Rules::Modern, &answer);
    }
}

#[test]
fn random_files_with_several_parents() {
    random_files(Rules::Modern, "dc-multiple-inheritance 1");
}

#[test]
fn random_files_with_one_parent() {
    random_files(Rules::SingleInheritance, "dc-multiple-inheritance 0");
}
