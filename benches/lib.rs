//! What the benches measure with. The benches themselves are in `benches/`.

#![forbid(unsafe_code)]

pub mod hive;

/// Sizes of a message in bytes: a small call, a page of text, a picture.
pub const SIZES: [usize; 3] = [200, 64 * 1024, 1024 * 1024];

/// A response of `size` bytes as the TypeScript SDK writes it: the id comes last. Its text is prose with an escape in
/// each line, and some of it is not ASCII.
pub fn response(size: usize) -> Vec<u8> {
    let line = "The hive learns where the flowers are, \\\"how far\\\" and how many \u{1f41d}.\\n";
    let head = r#"{"result":{"content":[{"type":"text","text":""#;
    filled(size, head, line, "x", r#""}],"isError":false},"jsonrpc":"2.0","id":9007199254740993}"#)
}

/// A response of `size` bytes with base64 in one string, as pictures are sent.
pub fn picture(size: usize) -> Vec<u8> {
    let head =
        r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"image","mimeType":"image/png","data":""#;
    filled(size, head, "iVBORw0K", "x", r#""}]}}"#)
}

/// A response of `size` bytes with a list of many small values, which a scan cannot skip over.
pub fn list(size: usize) -> Vec<u8> {
    let tool = r#"{"name":"echo","inputSchema":{"type":"object","required":["text"],"maxProperties":1}},"#;
    filled(size, r#"{"jsonrpc":"2.0","id":7,"result":{"tools":["#, tool, " ", "null]}}")
}

/// `size` bytes: as many of `unit` as fit between `head` and `tail`, and the rest of `padding`, which is one byte.
fn filled(size: usize, head: &str, unit: &str, padding: &str, tail: &str) -> Vec<u8> {
    let room = size.saturating_sub(head.len() + tail.len());
    [head, &unit.repeat(room / unit.len()), &padding.repeat(room % unit.len()), tail].concat().into_bytes()
}

/// A request of about 200 bytes with an id and a progress token.
pub fn request() -> Vec<u8> {
    let text = "The waggle dance tells the hive where the flowers are";
    format!(
        r#"{{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}"}},"_meta":{{"progressToken":"a-17"}}}}}}"#
    )
    .into_bytes()
}

/// A `tools/call` of 2026-07-28 of about 350 bytes, as SDKs write it: most of it is metadata.
pub fn modern_request() -> Vec<u8> {
    let meta = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}}},"progressToken":17"#;
    format!(
        r#"{{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"where the flowers are","options":{{"limit":12}}}},"_meta":{{{meta},"io.modelcontextprotocol/clientInfo":{{"name":"client","version":"1.0"}}}}}}}}"#
    )
    .into_bytes()
}
