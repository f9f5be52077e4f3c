//! Ids, datagrams, framing, typed messages and the dialect tables of both protocols.
//!
//! Pure: bytes in, values out. Nothing here knows a connection, a role or a clock.
#![no_std]

extern crate alloc;

pub mod client;
pub mod control;
pub mod database;
pub mod datagram;
pub mod dialect;
pub mod event;
pub mod framing;
pub mod ids;
pub mod lists;
pub mod location;
pub mod message;
pub mod proxy;
pub mod reader;
pub mod state_server;
mod writer;
