//! Addresses that nobody else listens on.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

/// A loopback address of the caller's own, with a free port still to be chosen. Who stops listening there can come back,
/// and where nobody listens nobody will: on the address that all others share, the port may be another's a moment later.
pub(crate) fn own_address() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from((Ipv4Addr::new(127, 1 + high % 254, low, number), 0))
}

/// One of them, where nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    std::net::TcpListener::bind(own_address()).unwrap().local_addr().unwrap()
}
