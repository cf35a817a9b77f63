//! The HTTP side of the process: sockets, paths, access, admin.

mod access;
pub(crate) mod admin;
mod head_timer;
mod listener;
mod router;
mod socket;

pub(crate) use listener::Listener;
pub(crate) use router::Router;
