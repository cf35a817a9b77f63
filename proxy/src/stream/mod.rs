//! What messages for a client are put into: below sessions and upstreams, which write, and the HTTP
//! responses, which read.

mod exchange;
mod outlet;

pub(crate) use exchange::Exchange;
pub(crate) use outlet::{First, Keeps, Outlet};
