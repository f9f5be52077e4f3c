//! `dc`: what people who write DC files want to know of them.

use crate::cli::{Dc, DcRules, DcStrings, Files, ValueOf};
use annotate_snippets::Renderer;
use anyhow::{Context, Result, anyhow, bail};
use dc::{
    Class, Diagnostics, Field, Options, Schema, Severity, Source, astron_hash, classic_hash,
    describe_field, diff, format, panda_hash, parse_value,
};
use serde::Serialize;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Something is wrong with what was asked for, and has been said.
const WRONG: u8 = 1;
/// It could not be found out.
const FAILED: u8 = 2;

/// Carries a command out; the exit code is 0 where all is in order.
pub fn run(command: &Dc) -> ExitCode {
    let done = match command {
        Dc::Check(files) => check(files),
        Dc::Hash(files) => hash(files),
        Dc::List { files, json } => list(files, *json),
        Dc::Pack(of) => pack(of),
        Dc::Unpack(of) => unpack(of),
        Dc::Fmt { files, check } => rewrite(files, *check),
        Dc::Diff { old, new, rules } => compare(old, new, *rules),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(WRONG),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Whether all is in order.
type Done = Result<bool>;

fn read(path: &Path) -> Result<Source> {
    let name = path.display().to_string();
    let bytes = fs::read(path).with_context(|| name.clone())?;
    Ok(Source::new(name, &bytes)?)
}

/// The schema of some files, or `None` after saying what is wrong with them.
fn load(files: &[PathBuf], rules: DcRules, strings: DcStrings) -> Result<Option<Schema>> {
    let sources: Vec<Source> = files.iter().map(|path| read(path)).collect::<Result<_>>()?;
    let options = Options { rules: rules.into(), policy: strings.into() };
    match Schema::load(&sources, options) {
        Ok(schema) => Ok(Some(schema)),
        Err(diagnostics) => {
            show(&diagnostics, &sources);
            Ok(None)
        }
    }
}

fn load_files(of: &Files) -> Result<Option<Schema>> {
    load(&of.files, of.rules, of.strings)
}

fn show(diagnostics: &Diagnostics, sources: &[Source]) {
    let is_terminal = io::stderr().is_terminal();
    let renderer = if is_terminal { Renderer::styled() } else { Renderer::plain() };
    eprintln!("{}", diagnostics.render(sources, &renderer));
}

fn check(files: &Files) -> Done {
    let Some(schema) = load_files(files)? else { return Ok(false) };
    let structs = schema.classes().iter().filter(|class| class.is_struct).count();
    let classes = schema.classes().len() - structs;
    let fields = schema.fields().len();
    writeln!(io::stdout(), "in order: {classes} classes, {structs} structs, {fields} fields")?;
    Ok(true)
}

fn hash(files: &Files) -> Done {
    let Some(schema) = load_files(files)? else { return Ok(false) };
    let mut out = io::stdout().lock();
    if let Some(hash) = classic_hash(&schema) {
        writeln!(out, "2003     {hash:#010x}  {hash}")?;
        return Ok(true);
    }
    let hash = panda_hash(&schema);
    writeln!(out, "Panda3D  {hash:#010x}  {hash}")?;
    match astron_hash(&schema) {
        Ok(hash) => writeln!(out, "Astron   {hash:#010x}  {hash}")?,
        Err(unknown) => writeln!(out, "Astron   unknown: {unknown}")?,
    }
    Ok(true)
}

/// A class as JSON.
#[derive(Serialize)]
struct ClassOut<'a> {
    number: u16,
    name: &'a str,
    is_struct: bool,
    parents: Vec<&'a str>,
    fields: Vec<FieldOut<'a>>,
}

/// A field as JSON.
#[derive(Serialize)]
struct FieldOut<'a> {
    number: u16,
    name: &'a str,
    declaration: String,
    keywords: Vec<&'a str>,
    default: Option<String>,
}

fn class_out<'a>(schema: &'a Schema, class: &'a Class) -> ClassOut<'a> {
    let field = |field: &'a Field| FieldOut {
        number: field.number,
        name: &field.name,
        declaration: describe_field(schema, field),
        keywords: schema.keyword_names(field.keywords).collect(),
        default: field.has_default.then(|| schema.text(field.id, &field.default).ok()).flatten(),
    };
    let own = class.constructor.iter().chain(&class.own);
    ClassOut {
        number: class.id.0,
        name: &class.name,
        is_struct: class.is_struct,
        parents: class.parents.iter().map(|&parent| schema.class(parent).name.as_str()).collect(),
        fields: own.map(|&id| field(schema.field(id))).collect(),
    }
}

fn list(files: &Files, json: bool) -> Done {
    let Some(schema) = load_files(files)? else { return Ok(false) };
    let classes = schema.classes().iter().map(|class| class_out(&schema, class));
    let mut out = io::BufWriter::new(io::stdout().lock());
    if json {
        serde_json::to_writer_pretty(&mut out, &classes.collect::<Vec<_>>())?;
        writeln!(out)?;
        return Ok(true);
    }
    for class in classes {
        let kind = if class.is_struct { "struct" } else { "dclass" };
        let colon = if class.parents.is_empty() { "" } else { " : " };
        let parents = class.parents.join(", ");
        writeln!(out, "{kind} {}{colon}{parents}  #{}", class.name, class.number)?;
        for field in class.fields {
            let default = field.default.map_or(String::new(), |default| format!("  = {default}"));
            writeln!(out, "  {:5}  {}{default}", field.number, field.declaration)?;
        }
    }
    Ok(true)
}

/// The field that CLASS.FIELD means.
fn field_of<'a>(schema: &'a Schema, path: &str) -> Result<&'a Field> {
    let (class, field) = path.split_once('.').context("a field is named CLASS.FIELD")?;
    let class = schema.class_by_name(class).with_context(|| {
        let known = schema.classes().iter().map(|class| class.name.as_str());
        format!("there is no class `{class}`{}", dc::did_you_mean(class, known))
    })?;
    let id = class.field_by_name(field).with_context(|| {
        let known = class.fields.iter().map(|&id| schema.field(id).name.as_str());
        format!("`{}` has no field `{field}`{}", class.name, dc::did_you_mean(field, known))
    })?;
    Ok(schema.field(id))
}

fn pack(of: &ValueOf) -> Done {
    let Some(schema) = load_files(&of.files)? else { return Ok(false) };
    let [path, text] = &of.field_and_value[..] else { bail!("give CLASS.FIELD and a value") };
    let field = field_of(&schema, path)?;
    let source = Source { name: "the value".into(), text: text.clone() };
    let value = match parse_value(&source) {
        Ok(value) => value,
        Err(diagnostics) => {
            show(&diagnostics, &[source]);
            return Ok(false);
        }
    };
    let mut bytes = Vec::new();
    schema
        .pack(field.id, &value, &mut bytes)
        .with_context(|| format!("no value of `{}`", describe_field(&schema, field)))?;
    writeln!(io::stdout(), "{}", hex(&bytes))?;
    Ok(true)
}

fn unpack(of: &ValueOf) -> Done {
    let Some(schema) = load_files(&of.files)? else { return Ok(false) };
    let [path, text] = &of.field_and_value[..] else { bail!("give CLASS.FIELD and bytes in hex") };
    let field = field_of(&schema, path)?;
    let bytes = unhex(text).ok_or_else(|| anyhow!("`{text}` is not bytes in hex"))?;
    let wanted = || format!("no value of `{}`", describe_field(&schema, field));
    let value = schema.text(field.id, &bytes).with_context(wanted)?;
    writeln!(io::stdout(), "{value}")?;
    schema.check(field.id, &bytes).with_context(wanted)?;
    Ok(true)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn rewrite(files: &[PathBuf], check: bool) -> Done {
    let mut in_order = true;
    for path in files {
        let source = read(path)?;
        if source.text.contains('\u{fffd}') {
            bail!("{}: is not UTF-8, and stays as it is", source.name);
        }
        match format(&source) {
            Ok(neat) if neat == source.text => (),
            Ok(_) if check => {
                writeln!(io::stdout(), "{}: not in the usual layout", source.name)?;
                in_order = false;
            }
            Ok(neat) => fs::write(path, neat).with_context(|| source.name.clone())?,
            Err(diagnostics) => {
                show(&diagnostics, &[source]);
                in_order = false;
            }
        }
    }
    Ok(in_order)
}

fn compare(old: &Path, new: &Path, rules: DcRules) -> Done {
    let [old, new] = [old, new].map(|path| load(&[path.to_owned()], rules, DcStrings::Utf8));
    let (Some(old), Some(new)) = (old?, new?) else { return Ok(false) };
    let changes = diff(&old, &new);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for change in &changes {
        writeln!(out, "{change}")?;
    }
    if changes.is_empty() {
        writeln!(out, "no difference")?;
    }
    Ok(changes.iter().all(|change| change.severity != Severity::Misread))
}
