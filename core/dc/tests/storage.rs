//! Which fields have the same storage type, and which do not.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "panda/files.rs"]
mod files;

use dc::{Field, FieldKind, Options, Rules, Schema, Source, TextPolicy};
use files::Files;
use std::collections::BTreeMap;

fn load(text: &str, rules: Rules) -> Schema {
    let sources = [Source { name: "x.dc".into(), text: text.into() }];
    let options = Options { rules, policy: TextPolicy::Utf8 };
    Schema::load(&sources, options).unwrap_or_else(|why| panic!("{}\n{text}", why.lines(&sources)))
}

/// Of the last field of a class `A`, which `text` declares or has only the fields of.
fn storage_type(text: &str) -> String {
    let whole = format!("dclass A {{ {text} }};");
    let schema = load(if text.contains("dclass") { text } else { &whole }, Rules::Modern);
    let field = *schema.class_by_name("A").unwrap().own.last().unwrap();
    schema.storage_type(field)
}

#[track_caller]
fn is(text: &str, wanted: &str) {
    assert_eq!(storage_type(text), wanted, "{text}");
}

#[test]
fn one_line_for_each_type() {
    is("int16 x;", "int16");
    is("f(int16 / 10 % 360 x);", "(int16/10%3600)");
    is("f(int16 % 360 / 10 x);", "(int16/10%3600)");
    is("f(uint8(0-9) = 3, char c) db;", "(uint8,uint8)");
    is("f(float32 / 100, float64 % 6.5);", "(float32/100,float64%6.5)");
    is("f(string, string(1-9), string(5), blob, blob(4), blob32);", {
        "(string,string,string(5),blob,blob(4),blob32)"
    });
    is("f(int8[], int8[3], int8[2-3], string[2], int16[2][3]);", {
        "(int8[],int8[3],int8[],string[],int16[3][2])"
    });
    is("f(int8array, uint8array(4), int16array / 10);", "(int8[],uint8[],int16[])");
    is("f(uint32uint8array);", "({uint32,uint8}[])");
    is("struct S { int8 a; string b; }; dclass A { f(S, S[2]); };", {
        "({int8,string},{int8,string}[])"
    });
    is("f(struct { int8 a; struct { int16 b; } c; });", "({int8,{int16}})");
    is(
        "switch W (uint16 k) { case 0x0201: string a; break; default: blob b; case 1: int8 c; };
         dclass A { W w; };",
        "switch(uint16){0100:int8;0102:string;default:blob,int8}",
    );
    is("none(); f(int8); g(int16, int8); m : none, f, g;", "()+(int8)+(int16,int8)");
    let classic = load("dclass A { f(int16array / 10); };", Rules::Classic);
    assert_eq!(classic.storage_type(classic.fields()[0].id), "(int16/10[])");
}

#[test]
fn what_may_change() {
    for pair in [
        ["f(int8 x) db;", "f(int8 y) required ram db;"],
        ["f(int8 x) db;", "g(string); f(int8 x) db;"],
        ["f(int8 x = 3);", "f(int8 x);"],
        ["f(int8(0-9));", "f(int8(0-99));"],
        ["f(int16 / 10 (0-9));", "f(int16 / 10);"],
        ["f(char);", "f(uint8);"],
        ["f(float64(0-1));", "f(float64);"],
        ["f(string(1-9));", "f(string(0, 7-20));"],
        ["f(int8[1-3]);", "f(int8[]);"],
        ["f(string[2]);", "f(string[3]);"],
        ["f(int8array(2));", "f(int8[]);"],
        ["typedef int8[3] t; dclass A { f(t); };", "typedef int8[3] u; dclass A { f(u x); };"],
        ["typedef int8 t; dclass A { f(t[2]); };", "f(int8[2]);"],
        ["struct S { int8 a; int16 b; }; dclass A { f(S); };", "f(struct { int8 c; int16; });"],
        [
            "struct B { int8 a; }; struct S : B { int16 b; }; dclass A { f(S); };",
            "struct S { int8 a; int16 b; }; dclass A { f(S); };",
        ],
        [
            "f(switch (uint8 k) { case 1: int8 a; break; case 2: string b; break; });",
            "f(switch W (uint8 l) { case 2: string c; break; case 1: int8 d = 3; break; });",
        ],
        [
            "f(switch (uint8) { case 1: case 2: int8 a; break; });",
            "f(switch (uint8) { case 2: int8 a; break; case 1: int8 a; break; });",
        ],
        ["f(int8); g(string); m : f, g;", "f(int8 x) db; h(string) db; m : f, h;"],
    ] {
        let [one, other] = pair.map(storage_type);
        assert_eq!(one, other, "{pair:?}");
    }
}

#[test]
fn what_may_not() {
    for pair in [
        ["f(int8);", "f(uint8);"],
        ["f(int8);", "f(int16);"],
        ["f(int64);", "f(float64);"],
        ["f(float32);", "f(float64);"],
        ["f(int16);", "f(int16 / 10);"],
        ["f(int16 / 10);", "f(int16 / 100);"],
        ["f(int16);", "f(int16 % 360);"],
        ["f(int16 % 360);", "f(int16 % 24);"],
        ["f(int16 / 10 % 36);", "f(int16 % 360);"],
        ["f(uint64 / 2147483647 % 4294967298);", "f(uint64 / 2147483647 % 4294967297);"],
        ["f(float64 % 360);", "f(float64 % 360.5);"],
        ["f(string);", "f(blob);"],
        ["f(blob);", "f(blob32);"],
        ["f(string(5));", "f(string(6));"],
        ["f(string(5));", "f(string(5-6));"],
        ["f(int8[3]);", "f(int8[4]);"],
        ["f(int8[3]);", "f(int8[]);"],
        ["f(int8[3]);", "f(int8array(3));"],
        ["f(int8[2][3]);", "f(int8[3][2]);"],
        ["f(int8[2][3]);", "f(int8[6]);"],
        ["f(uint8[]);", "f(blob);"],
        ["f(int8);", "int8 f;"],
        ["f(int8, int16);", "f(int16, int8);"],
        ["f(int8);", "f(int8, int8);"],
        ["f(int8, int8);", "f(int8[2]);"],
        ["f(int8);", "f(struct { int8 a; });"],
        ["f(struct { int8 a; int8 b; });", "f(struct { int8 a; }, int8 b);"],
        ["f(struct { int8 a; });", "f(struct { int8 a; int8 b; });"],
        [
            "f(switch (uint8) { case 1: int8 a; break; case 2: string b; break; });",
            "f(switch (uint8) { case 2: int8 a; break; case 1: string b; break; });",
        ],
        [
            "f(switch (uint8) { case 1: int8 a; break; });",
            "f(switch (uint8) { default: int8 a; break; });",
        ],
        [
            "f(switch (uint8) { case 1: int8 a; break; });",
            "f(switch (uint16) { case 1: int8 a; break; });",
        ],
        [
            "f(switch (uint8) { case 1: int8 a; break; });",
            "f(switch (uint8) { case 1: int8 a; break; case 2: int8 a; break; });",
        ],
        ["f(int8); g(string); m : f, g;", "f(int8); g(string); m : g, f;"],
        ["f(int8); g(int8); m : f, g;", "m(int8, int8);"],
    ] {
        let [one, other] = pair.map(storage_type);
        assert_ne!(one, other, "{pair:?}");
    }
}

/// By class and name, each field's own.
fn all(schema: &Schema) -> BTreeMap<(String, String), String> {
    let named = |field: &Field| {
        let class = schema.class(field.class);
        ((class.name.clone(), field.name.clone()), schema.storage_type(field.id))
    };
    let own = schema.classes().iter().flat_map(|class| &class.own);
    own.map(|&id| named(schema.field(id))).collect()
}

#[test]
fn the_order_of_a_file_is_nothing_to_it() {
    let [a, b] = ["dclass A { f(int8) db; g(T[2], S); };", "dclass B { h(S s, W) db; f(int16); };"];
    let types = "typedef int8 T; struct S { T a; }; switch W (T) { case 1: S s; break; };";
    let turned =
        "dclass B { f(int16); new(blob); h(S s, W) db; }; dclass A { g(T[2], S); f(int8); };";
    let one = all(&load(&format!("{types} {a} {b}"), Rules::Modern));
    let mut other =
        all(&load(&format!("keyword k; dclass N {{}}; {types} {turned}"), Rules::Modern));
    assert_eq!(other.remove(&("B".into(), "new".into())), Some("(blob)".into()));
    assert_eq!(one, other);
}

fn without_moduli(line: &str) -> String {
    let mut parts = line.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    let digit = |character: char| character.is_ascii_digit() || character == '.';
    parts.fold(first, |line, part| line + part.trim_start_matches(digit))
}

/// What the comparison of two files calls the same on the wire has the same line, and nothing else.
fn agrees_with_reads_as(text: &str) -> [u32; 2] {
    let schema = load(text, Rules::Modern);
    let mut found = [0; 2];
    for a in schema.fields() {
        for b in schema.fields() {
            let is_method = [a, b].map(|field| match field.kind {
                FieldKind::Parameter(_) => Some(false),
                FieldKind::Atomic(_) => Some(true),
                FieldKind::Molecular(_) => None,
            });
            let [Some(one), Some(other)] = is_method else { continue };
            let [these, others] = [a.members(), b.members()];
            let same = one == other
                && these.len() == others.len()
                && these.iter().zip(others).all(|(a, b)| a.of.reads_as(&b.of));
            let lines = [a, b].map(|field| without_moduli(&schema.storage_type(field.id)));
            assert_eq!(same, lines[0] == lines[1], "{lines:?}");
            found[usize::from(same)] += u32::from(a.id != b.id);
        }
    }
    found
}

#[test]
fn what_reads_as_the_same_has_the_same_line() {
    let mut found = [0; 2];
    let random = (0..100).map(|seed| Files::new(seed, true).text);
    for text in random.chain([include_str!("corpus/types.dc").to_owned()]) {
        let [different, same] = agrees_with_reads_as(&text);
        found = [found[0] + different, found[1] + same];
    }
    assert!(found.into_iter().all(|found| found > 100), "{found:?}");
}
