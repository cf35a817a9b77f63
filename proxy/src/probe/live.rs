//! `waggle-proxy await ADDRESS`: whether a proxy lives, by its admin port. No runtime and no client: whoever starts
//! containers one after the other waits for this.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread::sleep,
    time::{Duration, Instant},
};

use clap::Args;

use crate::config::parse_patience;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a try may take: the proxy is on this machine, which may be busy.
const TRY: Duration = Duration::from_secs(5);
const REQUEST: &[u8] = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// Where the status stands in the first line of a response.
const STATUS: std::ops::Range<usize> = 9..12;

/// What `waggle-proxy await` was told.
#[derive(Clone, Debug, Args)]
pub struct AwaitOptions {
    /// The proxy's admin port (its `--admin-listen`), such as 127.0.0.1:9090
    #[arg(value_name = "ADDRESS")]
    pub address: SocketAddr,

    /// How long to wait for it
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = parse_patience)]
    pub timeout: Duration,
}

/// Waits until the proxy says that it lives.
///
/// # Errors
/// It did not in time: a sentence.
pub fn await_live(options: &AwaitOptions) -> Result<(), String> {
    let AwaitOptions { address, timeout } = options;
    let until = Instant::now() + *timeout;
    while let Err(error) = ask(*address) {
        if Instant::now() >= until {
            return Err(format!("no proxy lives at {address} after {} s: {error}", timeout.as_secs_f32()));
        }
        sleep(PAUSE);
    }
    Ok(())
}

fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, TRY)?;
    stream.set_read_timeout(Some(TRY))?;
    stream.set_write_timeout(Some(TRY))?;
    stream.write_all(REQUEST)?;
    let mut head = [0; STATUS.end];
    stream.read_exact(&mut head)?;
    match &head[STATUS] {
        b"200" => Ok(()),
        other => Err(io::Error::other(format!("it answers with {}", other.escape_ascii()))),
    }
}
