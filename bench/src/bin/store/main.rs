//! `store`: our object store beside embedded engines that others use, in one run.
//!
//! `cargo run --release -p bench --features peers --bin store`; without the feature only ours.

mod engine;
mod figures;
mod floor;
mod kill;
mod objects;
mod place;
mod quiet;
mod scale;
mod session;
mod table;

use anyhow::{Context, Result};
use bench::report::Style;
use clap::{Parser, Subcommand};
use engine::Kind;
use scale::Scale;
use session::Session;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures our store, redb, LMDB, SQLite and fjall with the same objects, in turn.
///
/// Objects of 300 bytes that cannot be compressed; commits are durable, and between them a bare
/// file is written and synced, so that what is said is a ratio.
#[derive(Parser)]
struct Arguments {
    /// Objects that are loaded; thrice as many updates follow.
    #[arg(long, default_value_t = 1_000_000)]
    objects: usize,
    /// A fifth of all: for a look, not for a claim.
    #[arg(long, conflicts_with = "objects")]
    quick: bool,
    /// Everything for a moment with small numbers: whether it still works.
    #[arg(long, conflicts_with_all = ["objects", "quick"])]
    tiny: bool,
    /// Only these stores.
    #[arg(long, value_name = "STORE", value_enum)]
    among: Vec<Kind>,
    /// Where to put them, in a folder of this run that is removed afterwards [default: below the
    /// folder that this program was built into]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// All samples, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The table in Markdown.
    #[arg(long)]
    markdown: bool,
    /// End with code 1 if a target is missed.
    #[arg(long)]
    gate: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The process that is killed.
    #[command(hide = true)]
    Hold { store: Kind, objects: usize, segment_bytes: u32, folder: PathBuf },
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let scale = match (arguments.quick, arguments.tiny) {
        (_, true) => Scale::tiny(),
        (true, false) => Scale::of(200_000),
        (false, false) => Scale::of(arguments.objects),
    };
    if let Some(Command::Hold { store, objects, segment_bytes, folder }) = &arguments.command {
        let scale = Scale { segment_bytes: *segment_bytes, ..scale };
        kill::hold(*store, folder, scale, *objects)?;
        return Ok(ExitCode::SUCCESS);
    }
    measure(&arguments, scale)
}

fn measure(arguments: &Arguments, scale: Scale) -> Result<ExitCode> {
    let among = &arguments.among;
    let is_asked = |kind: &&Kind| among.is_empty() || among.contains(*kind);
    let kinds: Vec<Kind> = Kind::ALL.iter().filter(is_asked).copied().collect();
    let above = arguments.dir.clone().unwrap_or_else(place::default_folder);
    let folder = tempfile::tempdir_in(&above).with_context(|| above.display().to_string())?;
    let file_system = place::file_system(folder.path())?;
    println!("{} objects, on {file_system}", scale.objects);
    let mut session = Session::new(folder.path(), &kinds, scale)?;
    session.run()?;
    let style = if arguments.markdown { Style::Markdown } else { Style::Text };
    print!("{}", table::table(&session.figures, &kinds, style, !arguments.tiny));
    session.remarks.iter().for_each(|remark| println!("{remark}"));
    if let Some(file) = &arguments.json {
        let whole = serde_json::json!({
            "objects": scale.objects,
            "updates": scale.updates,
            "file_system": file_system,
            "remarks": session.remarks,
            "rows": table::json(&session.figures, &kinds),
        });
        let text = serde_json::to_string_pretty(&whole)?;
        std::fs::write(file, text + "\n").with_context(|| file.display().to_string())?;
    }
    let is_missed = session.figures.is_a_target_missed();
    Ok(if arguments.gate && is_missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
