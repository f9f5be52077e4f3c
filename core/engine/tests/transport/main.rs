//! How connections come in and go, on loopback: admission, PROXY headers, TLS, last words.
#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod admission;
mod certificates;
mod hostile;
mod last_words;
mod porter;
mod proxy;
mod tls;
