//! A server of 2026-07-28 with one tool, as a process: this bench's own binary, started with [`ARGUMENT`].

use std::io::{self, BufRead, Write};

use bytes::Bytes;
use waggle_protocol::{
    error::{RpcError, code},
    jsonrpc::{self, Field, build},
};

/// Makes the bench serve instead.
pub(crate) const ARGUMENT: &str = "--serve-modern";

const DISCOVER: &[u8] = br#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}"#;
const TOOLS: &[u8] = br#"{"resultType":"complete","tools":[{"name":"echo","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"}"#;

/// Serves until stdin ends.
pub(crate) fn serve() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if let Some(answer) = answer(&line) {
            output.write_all(&answer)?;
            output.write_all(b"\n")?;
            output.flush()?;
        }
        line.clear();
    }
    Ok(())
}

/// The answer to a request. A call of the tool gives its arguments back.
fn answer(line: &[u8]) -> Option<Bytes> {
    let envelope = jsonrpc::scan(line).ok()?;
    let id = envelope.span(Field::Id)?.of(line);
    let result = match &*envelope.method(line) {
        "server/discover" => DISCOVER.to_vec(),
        "tools/list" => TOOLS.to_vec(),
        "tools/call" => {
            let arguments = envelope.span(Field::ParamsArguments).map_or(&b"{}"[..], |span| span.of(line));
            let head = br#"{"resultType":"complete","content":[],"structuredContent":"#;
            [&head[..], arguments, b"}"].concat()
        }
        method => {
            let error = RpcError::new(code::METHOD_NOT_FOUND, format!("there is no {method}"));
            return Some(error.to_response(Some(id)));
        }
    };
    Some(build::response(id, &result))
}
