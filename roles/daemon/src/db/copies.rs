//! `backup`
use super::cli::ChosenPlace;
use super::ending::{Done, question};
use std::path::Path;
/// todo
pub fn backup(_: &Path, _: &ChosenPlace) -> Done {
    question("not yet")
}
/// todo
pub fn restore(_: &Path, _: &Path) -> Done {
    question("not yet")
}
