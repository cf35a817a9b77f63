//! What messages for a client are put into: below sessions and upstreams, which write, and the HTTP
//! responses, which read.

mod exchange;
mod outlet;
mod silence;

pub(crate) use exchange::Exchange;
pub(crate) use outlet::{First, Keeps, Outlet};
pub(crate) use silence::Silence;
