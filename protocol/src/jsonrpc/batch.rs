//! Batches: JSON arrays of messages, which one revision of MCP has.

use super::error::ScanError;
use super::lexer::Lexer;
use super::span::Span;

/// Whether a body is meant as a batch: its first byte that is not whitespace opens an array.
pub fn is_batch(body: &[u8]) -> bool {
    body.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) == Some(&b'[')
}

/// Splits a batch into the ranges of its elements, in order. An empty batch has none.
///
/// The elements are JSON, but need not be messages: each goes to [`scan`](super::scan()).
///
/// # Errors
///
/// -32700 if the body is not JSON, -32600 if it is not an array.
pub fn elements(body: &[u8]) -> Result<Vec<Span>, ScanError> {
    let mut lexer = Lexer::new(body)?;
    lexer.whitespace();
    let mut spans = Vec::new();
    if !lexer.take(b'[') {
        lexer.value(0)?;
        lexer.end()?;
        return Err(ScanError::InvalidBatch);
    }
    lexer.whitespace();
    if !lexer.take(b']') {
        loop {
            let start = lexer.at();
            lexer.value(1)?;
            spans.push(Span::within(start, lexer.at()));
            lexer.whitespace();
            if !lexer.take(b',') {
                break;
            }
            lexer.whitespace();
        }
        lexer.expect(b']')?;
    }
    lexer.end()?;
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_opens_an_array() {
        assert!(is_batch(b"[]"));
        assert!(is_batch(b" \r\n\t[1"));
        assert!(!is_batch(b"{\"a\":[]}"));
        assert!(!is_batch(b"  "));
        assert!(!is_batch(b"\x0b[]"));
    }

    #[test]
    fn elements_are_ranges_without_whitespace() {
        let body = b" [ {\"id\":1} ,[2, 3],\n\"a,]\" , 4 ] ";
        let parts: Vec<_> = elements(body).unwrap().into_iter().map(|span| span.of(body)).collect();
        assert_eq!(parts, [&b"{\"id\":1}"[..], b"[2, 3]", b"\"a,]\"", b"4"]);
        assert_eq!(elements(b"[ ]"), Ok(vec![]));
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        assert_eq!(elements(b"{}"), Err(ScanError::InvalidBatch));
        assert_eq!(elements(b"12 "), Err(ScanError::InvalidBatch));
        for (body, at) in [(&b"[1,]"[..], 3), (b"[1", 2), (b"[1] 2", 4), (b"", 0), (b"{", 1), (b"[1 2]", 3)] {
            assert_eq!(elements(body), Err(ScanError::Syntax { at }));
        }
        assert_eq!(elements(b"[\"\xff\"]"), Err(ScanError::NotUtf8 { at: 2 }));
        let deep = "[".repeat(129) + &"]".repeat(129);
        assert_eq!(elements(deep.as_bytes()), Err(ScanError::TooDeep));
        assert!(elements(&deep.as_bytes()[1..257]).is_ok());
    }
}
