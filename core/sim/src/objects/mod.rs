//! The object world: a daemon with a State Server, observers that ask it for things, and a model
//! that says what they must hear.

mod datagram;
pub mod model;
pub mod schema;
mod values;
