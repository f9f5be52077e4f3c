//! Files and bytes of someone who wants to do harm: no panic, no endless work, nothing large.
//!
//! `FERRIS_FUZZ_CASES` says how many cases of each.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "panda/files.rs"]
mod files;

use dc::{Options, Rules, Schema, Source, TextPolicy, ValueError, format, parse_value};
use files::Files;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

fn cases(usually: u64) -> u64 {
    std::env::var("FERRIS_FUZZ_CASES").map_or(usually, |cases| cases.parse().unwrap())
}

fn source(text: &str) -> Source {
    Source { name: "x.dc".into(), text: text.into() }
}

const BYTES: Options = Options { rules: Rules::Modern, policy: TextPolicy::Bytes };

fn load(text: &str) -> Schema {
    let sources = [source(text)];
    Schema::load(&sources, BYTES).unwrap_or_else(|why| panic!("{}\n{text}", why.lines(&sources)))
}

/// The number of errors is bounded, and so is what is said of them.
fn refused(text: &str, wanted: &str) {
    let sources = [source(text)];
    let why = Schema::load(&sources, BYTES).unwrap_err();
    let lines = why.lines(&sources);
    assert!(lines.contains(wanted), "{}", &lines[..lines.len().min(2000)]);
    let renderer = annotate_snippets::Renderer::plain();
    assert!(why.render(&sources, &renderer).len() < 100_000);
}

#[test]
fn what_is_packed_is_a_value_and_no_prefix_of_it_is() {
    for seed in 0..cases(200) {
        let Files { text, values, .. } = Files::new(seed, true);
        let schema = load(&text);
        for [class, field, value] in &values {
            let id = schema.class_by_name(class).unwrap().field_by_name(field).unwrap();
            let mut bytes = Vec::new();
            let value = parse_value(&source(value)).unwrap();
            if schema.pack(id, &value, &mut bytes).is_err() {
                continue; // a later class has a field of this name
            }
            assert_eq!(schema.check(id, &bytes), Ok(()), "seed {seed} {class}.{field}");
            for end in 0..bytes.len() {
                assert!(schema.check(id, &bytes[..end]).is_err(), "seed {seed} {class}.{field}");
            }
            let mut rest = &bytes[..];
            schema.skip(id, &mut rest).unwrap();
            assert!(rest.is_empty(), "seed {seed} {class}.{field}");
        }
    }
}

#[test]
fn any_bytes_are_checked() {
    for seed in 0..cases(200) {
        let schema = load(&Files::new(seed, true).text);
        let mut rng = SmallRng::seed_from_u64(seed);
        for field in schema.fields() {
            for _ in 0..10 {
                // Small numbers, so that lengths are often right.
                let length = rng.random_range(0..40);
                let bytes: Vec<u8> =
                    (0..length)
                        .map(|_| {
                            if rng.random_ratio(2, 3) {
                                rng.random_range(0..4)
                            } else {
                                rng.random()
                            }
                        })
                        .collect();
                let checked = schema.check(field.id, &bytes);
                let mut rest = &bytes[..];
                let skipped = schema.skip(field.id, &mut rest);
                if checked.is_ok() {
                    assert_eq!((skipped, rest.len()), (Ok(()), 0), "seed {seed} {}", field.name);
                    schema.text(field.id, &bytes).unwrap();
                }
                if skipped == Err(ValueError::Truncated) {
                    assert!(checked.is_err(), "seed {seed} {}", field.name);
                }
            }
        }
    }
}

#[test]
fn any_file_is_read_or_refused() {
    let corpus = [
        include_str!("corpus/harbour.dc"),
        include_str!("corpus/types.dc"),
        include_str!("corpus/classic.dc"),
        include_str!("errors.txt"),
    ];
    let marks = "{}()[]<>;:,=*/%-+.'\"\\0é \n";
    for seed in 0..cases(500) {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut text: Vec<char> = corpus[rng.random_range(0..corpus.len())].chars().collect();
        for _ in 0..rng.random_range(1..10) {
            let [from, length] = [rng.random_range(0..text.len()), rng.random_range(1..40)];
            let to = (from + length).min(text.len());
            match rng.random_range(0..3) {
                0 => drop(text.drain(from..to)),
                1 => {
                    let piece = text[from..to].to_vec();
                    let at = rng.random_range(0..text.len());
                    text.splice(at..at, piece);
                }
                _ => {
                    let mark = marks.chars().nth(rng.random_range(0..marks.chars().count()));
                    text[from] = mark.unwrap();
                }
            }
        }
        let source = source(&String::from_iter(text));
        for rules in [Rules::Modern, Rules::SingleInheritance, Rules::Classic] {
            let options = Options { rules, ..BYTES };
            if let Ok(schema) = Schema::load(std::slice::from_ref(&source), options) {
                let neat = format(&source).unwrap();
                let again = Schema::load(&[Source { text: neat, ..source.clone() }], options);
                assert_eq!(dc::diff(&schema, &again.unwrap()), [], "seed {seed}");
            }
        }
    }
}

#[test]
fn brackets_without_end() {
    refused(&"{".repeat(5 << 20), "at most");
    for bracket in ["{", "(", "[", "<", "struct {", "switch (", "=", "dclass A {", "f("] {
        refused(&bracket.repeat(300_000), "x.dc:1:");
        refused(&format!("dclass A {{ f(int8 x = {}", bracket.repeat(300_000)), "x.dc:1:");
        refused(&format!("struct A {{ {}", bracket.repeat(300_000)), "x.dc:1:");
    }
}

#[test]
fn too_many_of_everything() {
    let fields = |count: usize| -> String { (0..count).map(|at| format!("f{at}();")).collect() };
    refused(&format!("dclass A {{ {} }};", fields(65_536)), "at most 65535 fields");
    load(&format!("dclass A {{ {} }};", fields(65_535)));
    let classes: String = (0..65_536).map(|at| format!("dclass A{at} {{}};")).collect();
    refused(&classes, "at most 65535 classes");
    let keywords: String = (0..56).map(|at| format!("keyword k{at};")).collect();
    refused(&keywords, "at most 64 keywords");
    refused("dclass A { f(uint8[] x = [1 * 65535, 2]); };", "at most 65535 values");
    refused("dclass A { f(uint8[][] x = [[1 * 65535] * 65535]); };", "default");
    let chain: String = (1..2000)
        .map(|at| format!("dclass A{at} : A{} {{ f{at}(); g{at}(); }};", at - 1))
        .collect();
    refused(&format!("dclass A0 {{}}; {chain}"), "inherit too much");
    let nested: String = (1..100).map(|at| format!("struct S{at} {{ S{} a; }};", at - 1)).collect();
    refused(&format!("struct S0 {{ int8 a; }}; {nested}"), "more than 64 types");
    let doubled: String =
        (1..40).map(|at| format!("struct S{at} {{ S{0} a; S{0} b; }};", at - 1)).collect();
    refused(&format!("struct S0 {{ int8 a; }}; {doubled}"), "over 65535 bytes");
    let heavy = |at: usize| {
        format!("switch W{at} (uint8 k) {{ case 1: W{0} a; break; case 2: W{0} b; }};", at - 1)
    };
    let switches: String = (1..40).map(heavy).collect();
    refused(&format!("typedef int8 W0; {switches}"), "types inside it");
    let cases: String = (0..300).map(|at| format!("case {at}: ")).collect();
    refused(&format!("switch A (uint16 k) {{ {cases} int8 a; }};"), "at most 256 cases");
    let ranges = "1, ".repeat(300);
    refused(&format!("dclass A {{ f(int8({ranges} 2)); }};"), "at most 256 ranges");
    let parameters = "uint8[] = [1 * 60000], ".repeat(300);
    refused(&format!("dclass A {{ f({parameters} int8); }};"), "defaults of all fields");
    let all = "f, ".repeat(3000);
    refused(&format!("dclass A {{ f(blob = [1 * 1000]); m : {all} f; }};"), "does not fit");
    let text = "struct S { blob b = [1 * 100]; }; dclass A { f(S[9999]); };";
    refused(text, "too long");
    refused("dclass A { f(blob32(4000000000-4000000001, 1)); };", "too long");
    let labels: String = (0..200).map(|at| format!("case [{at}, 1 * 60000]: ")).collect();
    let switch = |at: usize| format!("switch W{at} (blob k) {{ {labels} int8 a; }};");
    refused(&(0..20).map(switch).collect::<String>(), "defaults of all fields");
    refused(&format!("struct {} {{ int8 a; }};", "S".repeat(1000)), "at most 255 characters");
    let typedefs: String = (0..30_000).map(|at| format!("typedef int8 t{at};")).collect();
    let unknown: String = (0..30_000).map(|at| format!("f{at}(zz{at});")).collect();
    refused(&format!("{typedefs} dclass A {{ {unknown} }};"), "no type `zz0`");
    let parents = "zz, ".repeat(100_000);
    refused(&format!("dclass A : {parents} zz {{}};"), "no class `zz`");
    let bad = "s = [1 * 65535], ".repeat(100_000);
    refused(&format!("typedef string(1) s; dclass A {{ f({bad} int8); }};"), "not allowed");
    let fields: String = (0..30_000).map(|at| format!("f{at}();")).collect();
    load(&format!("dclass A {{ {fields} }}; dclass B : A {{ {fields} }};"));
}
