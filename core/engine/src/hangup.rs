//! What is done when the process is told to read its files again (SIGHUP).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Hook = Box<dyn Fn() + Send>;

/// The hooks of SIGHUP. They run one after the other on the thread that hears of signals, so they
/// may take their time; they must not panic. Clones are one list.
#[derive(Clone, Default)]
pub struct Hangup(Arc<Mutex<Vec<Hook>>>);

impl Hangup {
    /// Adds a hook; at any time.
    pub fn add(&self, hook: impl Fn() + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// Runs all hooks, in the order in which they were added.
    pub fn run(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|hook| hook());
    }
}

impl fmt::Debug for Hangup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hangup")
    }
}
