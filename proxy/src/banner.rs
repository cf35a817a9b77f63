//! What a person sees at start: the URL on stdout for programs, how to use it on stderr for people.

use std::{
    convert::Infallible,
    io::{self, IsTerminal as _, Write as _},
};

use crate::Proxy;

/// Prints the URL as the only line of stdout and, on a terminal, how to connect clients.
pub(crate) fn print(proxy: &Proxy) -> io::Result<()> {
    let base = proxy.base_url();
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{base}/mcp")?;
    stdout.flush()?;
    if !io::stderr().is_terminal() {
        return Ok(());
    }
    let admin = proxy.admin_address().map_or("off".to_owned(), |address| format!("http://{address}/status"));
    write!(
        io::stderr(),
        r#"
  MCP      {base}/mcp
  SSE      {base}/sse   (clients of 2024-11-05)
  Admin    {admin}

  VS Code, in .vscode/mcp.json:
    {{ "servers": {{ "waggle": {{ "type": "http", "url": "{base}/mcp" }} }} }}

  Claude Code:
    claude mcp add --transport http waggle {base}/mcp

  Press Ctrl-C to stop.

"#
    )
}

/// Prints, on a terminal, what server was found, and then only waits.
pub(crate) async fn print_found(found: impl Future<Output = String>) -> Infallible {
    let found = found.await;
    if io::stderr().is_terminal() {
        // Nobody is left to tell when stderr is closed.
        let _ = writeln!(io::stderr(), "  Server   {found}\n");
    }
    std::future::pending().await
}
