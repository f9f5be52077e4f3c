//! Passwords on their way to be hashed or verified, which takes long and is done elsewhere.

use std::fmt;
use std::sync::Arc;

/// What somebody gave as his password. It is never shown.
#[derive(Clone)]
pub struct Password(Arc<[u8]>);

impl Password {
    pub(crate) fn new(bytes: &[u8]) -> Password {
        Password(bytes.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Something to compute.
#[derive(Clone, Debug)]
pub struct Job {
    /// Said again with the outcome.
    pub id: u32,
    /// Of what.
    pub password: Password,
    /// What.
    pub task: Task,
}

/// What is to be computed of a password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Task {
    /// A hash to keep, with a salt of its own.
    Hash,
    /// Whether it is that of a hash; `None`: of nobody's, which takes as long and is wrong.
    Verify(Option<String>),
}

/// How a [`Job`] ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The hash, as a PHC string.
    Hashed(String),
    /// It is the password.
    Right,
    /// It is not the password.
    Wrong,
    /// It cannot be computed: the kept hash is none, or there is no memory.
    Failed,
}
