//! What is said of files that are wrong: one case each in `errors.txt`, a file after `---` and
//! what is said of it after `>`.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use dc::{Options, Rules, Schema, Source};

fn said(text: &str, rules: Rules) -> String {
    let sources = [Source { name: "x.dc".into(), text: text.into() }];
    let options = Options { rules, ..Options::default() };
    match Schema::load(&sources, options) {
        Ok(_) => "in order\n".into(),
        Err(diagnostics) => {
            let help = |help: &String| format!("  help: {help}\n");
            let lines = diagnostics.lines(&sources);
            let helps = diagnostics.iter().map(|it| it.help.as_ref().map_or(String::new(), help));
            lines.lines().zip(helps).map(|(line, help)| format!("{line}\n{help}")).collect()
        }
    }
}

/// The cases with what is said of each; `FERRIS_BLESS=1` writes what is said now.
#[test]
fn what_is_said_of_files_that_are_wrong() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/errors.txt");
    let wanted = std::fs::read_to_string(path).unwrap();
    let mut now = String::new();
    for case in wanted.split("--- ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let text: String = rest
            .lines()
            .filter(|line| !line.starts_with("> "))
            .flat_map(|line| [line, "\n"])
            .collect();
        let rules = if title.ends_with("(2003)") {
            Rules::Classic
        } else if title.ends_with("(single)") {
            Rules::SingleInheritance
        } else {
            Rules::Modern
        };
        now += &format!("--- {title}\n{}\n", text.trim_end());
        said(&text, rules).lines().for_each(|line| now += &format!("> {line}\n"));
    }
    if std::env::var_os("FERRIS_BLESS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    assert_eq!(now, wanted);
}
