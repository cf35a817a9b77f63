//! The HTTP side of the process: sockets, paths, access, admin.

mod access;
pub(crate) mod admin;
mod listener;
mod router;

pub(crate) use listener::Listener;
pub(crate) use router::Router;
