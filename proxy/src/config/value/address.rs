//! Addresses to listen on.

use std::net::SocketAddr;

use super::Kind;

/// An IP address and a port.
pub(in crate::config) struct Address;

/// An IP address and a port, or `off`.
pub(in crate::config) struct AddressOrOff;

const OFF: &str = "off";

impl Kind for Address {
    type Value = SocketAddr;
    const NAME: &'static str = "ADDRESS";

    fn expected(&self) -> String {
        "an IP address and a port, such as `127.0.0.1:8080`, `[::1]:8080` or `0.0.0.0:8080` for every interface"
            .to_owned()
    }

    fn read(&self, text: &str) -> Result<SocketAddr, String> {
        text.parse().map_err(|_| "is not an address".to_owned())
    }

    fn write(&self, value: &SocketAddr) -> String {
        value.to_string()
    }
}

impl Kind for AddressOrOff {
    type Value = Option<SocketAddr>;
    const NAME: &'static str = "ADDRESS|off";

    fn expected(&self) -> String {
        "an IP address and a port, such as `127.0.0.1:9090`, or `off`".to_owned()
    }

    fn read(&self, text: &str) -> Result<Option<SocketAddr>, String> {
        if text == OFF { Ok(None) } else { Address.read(text).map(Some) }
    }

    fn write(&self, value: &Option<SocketAddr>) -> String {
        value.as_ref().map_or_else(|| OFF.to_owned(), |address| Address.write(address))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepts, refuses};
    use super::*;

    #[test]
    fn addresses() {
        let v4 = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let v6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 8080));
        accepts(&Address, &[("127.0.0.1:8080", v4(8080)), ("127.0.0.1:0", v4(0)), ("[::1]:8080", v6)]);
        accepts(&AddressOrOff, &[("off", None), ("127.0.0.1:9090", Some(v4(9090)))]);
        for text in ["off", "8080", ":8080", "localhost:8080", "127.0.0.1", "127.0.0.1:65536", "::1:8080x"] {
            refuses(&Address, &[(text, "is not an address")]);
        }
        refuses(&AddressOrOff, &[("OFF", "is not an address"), ("none", "is not an address")]);
    }
}
