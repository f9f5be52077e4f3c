//! Random DC files, and random values for them, as text.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// A random type.
#[derive(Clone)]
enum Kind {
    Number {
        name: &'static str,
        low: i64,
        high: i64,
        divisor: i64,
        written: String,
    },
    Float {
        written: String,
    },
    Char,
    Text {
        low: usize,
        high: usize,
        written: String,
    },
    /// `base` and `sizes` together are what is written; `sizes` is empty for the old arrays.
    Array {
        element: Box<Kind>,
        low: usize,
        high: usize,
        base: String,
        sizes: String,
    },
    Struct {
        name: String,
        fields: Vec<Kind>,
    },
    Switch {
        name: String,
        cases: Vec<(i64, Vec<Kind>)>,
    },
    Typedef {
        name: String,
        kind: Box<Kind>,
    },
}

/// A random file.
pub struct Files {
    rng: SmallRng,
    named: Vec<Kind>,
    keywords: Vec<String>,
    /// The file.
    pub text: String,
    /// Class, field and a value for it.
    pub values: Vec<[String; 3]>,
}

const KEYWORDS: [&str; 9] =
    ["required", "broadcast", "ownrecv", "ram", "db", "clsend", "clrecv", "ownsend", "airecv"];
const INTEGERS: [(&str, i64, i64); 8] = [
    ("int8", -128, 127),
    ("int16", -32_768, 32_767),
    ("int32", i32::MIN as i64, i32::MAX as i64),
    ("int64", -(1 << 50), 1 << 50),
    ("uint8", 0, 255),
    ("uint16", 0, 65_535),
    ("uint32", 0, u32::MAX as i64),
    ("uint64", 0, 1 << 50),
];

impl Files {
    /// The file of a seed. With `several_parents` classes may inherit from more than one.
    pub fn new(seed: u64, several_parents: bool) -> Files {
        let mut files = Files {
            rng: SmallRng::seed_from_u64(seed),
            named: Vec::new(),
            keywords: KEYWORDS.map(str::to_owned).into(),
            text: String::new(),
            values: Vec::new(),
        };
        files.write(several_parents);
        files
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    fn write(&mut self, several_parents: bool) {
        for number in 0..self.rng.random_range(0..3) {
            let keyword = format!("custom{number}");
            self.text += &format!("keyword {keyword};\n");
            self.keywords.push(keyword);
        }
        if self.chance(20) {
            self.text += "keyword ram;\n";
        }
        if self.chance(30) {
            self.text += "from world import Thing/AI\n";
        }
        for number in 0..self.rng.random_range(0..5) {
            match self.rng.random_range(0..3) {
                0 => self.typedef(number),
                1 => self.switch(number),
                _ => self.structure(number),
            }
        }
        let mut classes: Vec<(String, Vec<(String, String)>)> = Vec::new();
        for number in 0..self.rng.random_range(1..5) {
            self.class(number, several_parents, &mut classes);
        }
    }

    fn typedef(&mut self, number: u32) {
        let kind = self.kind(1);
        let name = format!("Type{number}");
        self.text += &format!("typedef {} {name};\n", kind.written());
        self.named.push(Kind::Typedef { name, kind: Box::new(kind) });
    }

    fn fields(&mut self, most: usize) -> Vec<Kind> {
        let count = self.rng.random_range(1..=most);
        (0..count).map(|_| self.kind(1)).collect()
    }

    fn structure(&mut self, number: u32) {
        let (name, fields) = (format!("Struct{number}"), self.fields(4));
        self.text += &format!("struct {name} {{\n");
        for (at, field) in fields.iter().enumerate() {
            let field_name = if self.chance(80) { format!(" field{at}") } else { String::new() };
            self.text += &format!("  {}{field_name};\n", field.written());
        }
        self.text += "};\n";
        self.named.push(Kind::Struct { name, fields });
    }

    fn switch(&mut self, number: u32) {
        let name = format!("Switch{number}");
        self.text += &format!("switch {name} (uint8 key) {{\n");
        let mut cases: Vec<(i64, Vec<Kind>)> = Vec::new();
        let mut open = 0;
        for value in [1, 2, 130, 255].into_iter().take(self.rng.random_range(1..5)) {
            let fields = self.fields(2);
            self.text += &format!("case {value}:\n");
            for (at, field) in fields.iter().enumerate() {
                self.text += &format!("  {} field{value}{at};\n", field.written());
            }
            cases.push((value, Vec::new()));
            cases[open..].iter_mut().for_each(|(_, all)| all.extend(fields.iter().cloned()));
            if self.chance(70) {
                self.text += "  break;\n";
                open = cases.len();
            }
        }
        if self.chance(50) {
            self.text += "default:\n  int8 other;\n  break;\n";
            cases.push((200, Vec::new()));
            let other = Kind::number("int8", -128, 127);
            cases[open..].iter_mut().for_each(|(_, all)| all.push(other.clone()));
        }
        self.text += "};\n";
        self.named.push(Kind::Switch { name, cases });
    }

    fn class(
        &mut self,
        number: u32,
        several_parents: bool,
        classes: &mut Vec<(String, Vec<(String, String)>)>,
    ) {
        let name = format!("Class{number}");
        let most = if several_parents { 2 } else { 1 };
        let mut parents: Vec<usize> = (0..classes.len()).filter(|_| self.chance(40)).collect();
        parents.truncate(most);
        let names: Vec<String> = parents.iter().map(|&at| classes[at].0.clone()).collect();
        let colon = if names.is_empty() { "" } else { " : " };
        self.text += &format!("dclass {name}{colon}{} {{\n", names.join(", "));
        let mut methods: Vec<(String, String)> = Vec::new();
        for at in 0..self.rng.random_range(0..6) {
            // Sometimes the name of a parent's field.
            let owner = if self.chance(15) && number > 0 { number - 1 } else { number };
            let field = format!("field{owner}x{at}");
            let keywords = self.some_keywords();
            if self.chance(70) {
                self.method(&name, &field, &keywords);
                methods.push((field, keywords));
            } else {
                self.parameter(&name, &field, &keywords);
            }
        }
        let same: Vec<String> = methods
            .iter()
            .filter(|(_, keywords)| *keywords == methods[0].1)
            .map(|(method, _)| method.clone())
            .collect();
        if !same.is_empty() && self.chance(50) {
            self.text += &format!("  both{number} : {};\n", same.join(", "));
        }
        self.text += "};\n";
        classes.push((name, methods));
    }

    fn some_keywords(&mut self) -> String {
        let some: Vec<String> =
            self.keywords.clone().into_iter().filter(|_| self.rng.random_ratio(1, 5)).collect();
        some.into_iter().map(|keyword| format!(" {keyword}")).collect()
    }

    fn method(&mut self, class: &str, field: &str, keywords: &str) {
        let count = self.rng.random_range(0..4);
        let kinds: Vec<Kind> = (0..count).map(|_| self.kind(2)).collect();
        let mut parameters = Vec::new();
        for (at, kind) in kinds.iter().enumerate() {
            let name = if self.chance(60) { format!(" p{at}") } else { String::new() };
            let default =
                if self.chance(25) { format!(" = {}", self.value(kind)) } else { String::new() };
            parameters.push(format!("{}{name}{default}", kind.written()));
        }
        self.text += &format!("  {field}({}){keywords};\n", parameters.join(", "));
        for _ in 0..3 {
            let values: Vec<String> = kinds.iter().map(|kind| self.value(kind)).collect();
            self.values.push([class.into(), field.into(), format!("({})", values.join(", "))]);
        }
    }

    fn parameter(&mut self, class: &str, field: &str, keywords: &str) {
        let kind = self.kind(2);
        let default =
            if self.chance(30) { format!(" = {}", self.value(&kind)) } else { String::new() };
        self.text += &format!("  {} {field}{default}{keywords};\n", kind.written());
        for _ in 0..3 {
            let value = self.value(&kind);
            self.values.push([class.into(), field.into(), value]);
        }
    }

    fn kind(&mut self, depth: u32) -> Kind {
        match self.rng.random_range(0..10) {
            0..4 => self.number(),
            4 => {
                let over = if self.chance(30) { " / 10" } else { "" };
                Kind::Float { written: format!("float64{over}") }
            }
            5 => Kind::Char,
            6 => self.string(),
            7 | 8 if depth > 0 => self.array(depth),
            9 if !self.named.is_empty() => {
                let at = self.rng.random_range(0..self.named.len());
                self.named[at].clone()
            }
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Kind {
        let (name, low, high) = INTEGERS[self.rng.random_range(0..INTEGERS.len())];
        let divisor = if self.chance(30) { [2, 10, 100][self.rng.random_range(0..3)] } else { 1 };
        let over = if divisor > 1 { format!(" / {divisor}") } else { String::new() };
        let [mut low, mut high] = [low, high];
        let mut written = name.to_owned() + &over;
        let reach = high.min(i32::MAX.into()) / divisor;
        if self.chance(15) {
            let modulus = self.rng.random_range(1..=reach.min(1000));
            written = format!("{name} % {modulus}{over}");
            (low, high) = (0, modulus * divisor - 1);
        } else if self.chance(25) {
            let from = self.rng.random_range(low.max(i32::MIN.into()) / divisor..=reach);
            let to = self.rng.random_range(from..=reach);
            // The default of a range without zero is its lowest number; Panda3D multiplies it by
            // the divisor twice.
            // And it takes no `-0` for the end of a range.
            let to = if to == 0 { 1 } else { to };
            let (from, to) = if divisor > 1 { (from.min(0), to.max(1)) } else { (from, to) };
            written += &format!(" ({from}-{to})");
            (low, high) = (from * divisor, to * divisor);
        }
        Kind::Number { name, low, high, divisor, written }
    }

    fn string(&mut self) -> Kind {
        let name = ["string", "blob", "blob32"][self.rng.random_range(0..3)];
        let low = self.rng.random_range(1..5);
        match self.rng.random_range(0..3) {
            0 => Kind::Text { low: 0, high: 9, written: name.into() },
            1 => Kind::Text { low, high: low, written: format!("{name}({low})") },
            _ => Kind::Text { low, high: low + 3, written: format!("{name}({low}-{})", low + 3) },
        }
    }

    fn array(&mut self, depth: u32) -> Kind {
        if self.chance(30) {
            let (name, of, low, high) = [
                ("int8array", "int8", -128, 127),
                ("int16array", "int16", -32_768, 32_767),
                ("int32array", "int32", i32::MIN.into(), i32::MAX.into()),
                ("uint8array", "uint8", 0, 255),
                ("uint16array", "uint16", 0, 65_535),
                ("uint32array", "uint32", 0, u32::MAX.into()),
            ][self.rng.random_range(0..6)];
            // Panda3D hashes the divisor of these, and packs without it.
            let over = if self.chance(30) { " / 10" } else { "" };
            let element = Kind::number(of, low, high);
            let (element, base, sizes) =
                (Box::new(element), format!("{name}{over}"), String::new());
            return Kind::Array { element, low: 0, high: 4, base, sizes };
        }
        let mut element = self.kind(depth - 1);
        // Panda3D cannot pack its own arrays in arrays, but for those that a typedef names.
        while matches!(&element, Kind::Array { sizes, .. } if !sizes.is_empty()) {
            element = self.kind(0);
        }
        let low = self.rng.random_range(1..4);
        let (low, high, sizes) = match self.rng.random_range(0..3) {
            0 => (0, 4, "[]".to_owned()),
            1 => (low, low, format!("[{low}]")),
            _ => (low, low + 2, format!("[{low}-{}]", low + 2)),
        };
        let (base, element) = (element.written(), Box::new(element));
        Kind::Array { element, low, high, base, sizes }
    }

    /// A value of this type as text that both parsers read.
    fn value(&mut self, kind: &Kind) -> String {
        match kind {
            Kind::Number { low, high, divisor, .. } => {
                let wire = match self.rng.random_range(0..4) {
                    0 => *low,
                    1 => *high,
                    _ => self.rng.random_range(*low..=*high),
                };
                if wire % divisor == 0 {
                    (wire / divisor).to_string()
                } else {
                    format!("{:.3}", wire as f64 / *divisor as f64)
                }
            }
            // Halves: Panda3D's own reading of decimal fractions is not the nearest one.
            Kind::Float { .. } => {
                format!("{:.1}", f64::from(self.rng.random_range(-1000..1000)) / 2.0)
            }
            Kind::Char => format!("'{}'", char::from(self.rng.random_range(b'a'..=b'z'))),
            Kind::Text { low, high, .. } => {
                let size = self.rng.random_range(*low..=*high);
                let text: String =
                    (0..size).map(|_| char::from(self.rng.random_range(b'A'..=b'Z'))).collect();
                format!("\"{text}\"")
            }
            Kind::Array { element, low, high, .. } => {
                let count = self.rng.random_range(*low..=*high);
                let values: Vec<String> = (0..count).map(|_| self.value(element)).collect();
                format!("[{}]", values.join(", "))
            }
            Kind::Struct { fields, .. } => self.values_of(None, fields),
            Kind::Switch { cases, .. } => {
                let (key, fields) = &cases[self.rng.random_range(0..cases.len())];
                self.values_of(Some(key.to_string()), fields)
            }
            Kind::Typedef { kind, .. } => self.value(kind),
        }
    }

    fn values_of(&mut self, key: Option<String>, fields: &[Kind]) -> String {
        let values = fields.iter().map(|field| self.value(field));
        let values: Vec<String> = key.into_iter().chain(values.collect::<Vec<_>>()).collect();
        format!("{{{}}}", values.join(", "))
    }
}

impl Kind {
    fn number(name: &'static str, low: i64, high: i64) -> Kind {
        Kind::Number { name, low, high, divisor: 1, written: name.into() }
    }

    fn written(&self) -> String {
        match self {
            Kind::Number { name, written, .. } if written.is_empty() => (*name).into(),
            Kind::Number { written, .. }
            | Kind::Float { written, .. }
            | Kind::Text { written, .. } => written.clone(),
            Kind::Array { base, sizes, .. } => format!("{base}{sizes}"),
            Kind::Char => "char".into(),
            Kind::Struct { name, .. } | Kind::Switch { name, .. } | Kind::Typedef { name, .. } => {
                name.clone()
            }
        }
    }
}
