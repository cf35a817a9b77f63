//! The built-in demo MCP server, spoken on stdio: one small server that uses every feature of the protocol, so
//! that a newcomer can watch each of them cross the proxy.
//!
//! | feature | try |
//! |---|---|
//! | results: text, structured, image, errors | tools `echo`, `time`, `count`, `image` |
//! | progress and cancellation | tool `slow` |
//! | log messages and their level | tool `log`, `logging/setLevel` |
//! | requests from server to client | tools `ask` (elicitation), `sample` (sampling), `roots` |
//! | a list that changes | tool `toggle` adds and removes the tool `bonus` |
//! | resources: static, templated, subscribable | `demo://welcome`, `demo://greeting/{name}`, `demo://clock` |
//! | prompts and completion | prompts `haiku`, `greet`; the template's `name` |
//! | state of a process | tool `count`: two clients that share a process see each other's calls |
//!
//! It speaks the revisions 2024-11-05, 2025-03-26, 2025-06-18 and 2025-11-25. What a request may know about its
//! sender is a value (`caller::Caller`) handed to it, and everything except `connection` is free of session
//! state: a stateless revision only has to make that value from each request's own metadata.
//!
//! Data flow: `lines` cuts the input, `message` parses, `connection` decides, `methods` answers at once or
//! `calls` runs a tool beside the others, and all output passes one bounded queue in `peer`.

mod caller;
mod calls;
mod clock;
mod connection;
mod error;
mod lines;
mod message;
mod methods;
mod peer;
mod png;
mod prompts;
mod resources;
mod tools;

use std::io::{self, ErrorKind, Write as _};
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufWriter};
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::connection::Connection;
use self::lines::Lines;
use self::peer::Peer;

/// How long, after the input ended, a client may take to read what is left for it.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves one client until `input` ends: newline-delimited JSON-RPC, as on stdio (transports, "stdio").
///
/// One line to stderr says that the server runs. When the input ends, timers stop, calls that need no more time
/// are still answered, the others are dropped, and the function returns as soon as the client has read the answers;
/// one that does not read is left after five seconds.
///
/// Must be awaited inside a tokio runtime with its timer enabled.
///
/// # Errors
/// When `input` cannot be read or `output` cannot be written. A client that closed its end is no error.
pub async fn serve(
    input: impl AsyncRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> io::Result<()> {
    // Not `eprintln!`, which panics when stderr is closed.
    let _ = writeln!(io::stderr(), "waggle demo server {}: ready on stdio", env!("CARGO_PKG_VERSION"));
    let (peer, outbox) = Peer::new();
    let mut connection = Connection::new(peer);
    let mut writer = pin!(write_messages(outbox, output));
    tokio::select! {
        // The writer ends first only by an error: the connection holds the queue open.
        written = &mut writer => return client_may_leave(written),
        read = read_messages(&mut connection, input) => client_may_leave(read)?,
    }
    // Calls may be waiting for room in the queue, so it must drain while they finish.
    match timeout(FAREWELL, async { tokio::join!(connection.finish(), writer) }).await {
        Ok(((), written)) => client_may_leave(written),
        Err(_) => Ok(()),
    }
}

async fn read_messages(connection: &mut Connection, input: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut lines = Lines::new(input);
    while let Some(line) = lines.next().await? {
        connection.receive(line).await;
    }
    Ok(())
}

/// Writes each message and its newline; flushes when the queue runs empty.
async fn write_messages(
    mut outbox: mpsc::Receiver<String>,
    output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut output = BufWriter::new(output);
    while let Some(mut message) = outbox.recv().await {
        loop {
            message.push('\n');
            output.write_all(message.as_bytes()).await?;
            match outbox.try_recv() {
                Ok(next) => message = next,
                Err(_) => break,
            }
        }
        output.flush().await?;
    }
    Ok(())
}

fn client_may_leave(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
        other => other,
    }
}
