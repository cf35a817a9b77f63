//! A cursor that walks over JSON text and validates it: no tree, no allocation, no recursion.

mod string;

use super::error::ScanError;

/// How many arrays and objects may lie inside each other, the outermost one counted.
pub const MAX_DEPTH: u32 = 128;

/// A position in JSON text that is known to be UTF-8.
///
/// Every method that walks over something leaves the position after it, or fails.
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    newlines: bool,
}

impl<'a> Lexer<'a> {
    /// Starts before the first byte of `text`. Refuses what is not UTF-8 or too long for a span.
    pub(super) fn new(text: &'a [u8]) -> Result<Self, ScanError> {
        if text.len() > u32::MAX as usize {
            return Err(ScanError::TooLarge);
        }
        if simdutf8::basic::from_utf8(text).is_err() {
            // The quick look does not say where.
            let at = std::str::from_utf8(text).map_or_else(|error| error.valid_up_to(), str::len);
            return Err(ScanError::NotUtf8 { at });
        }
        Ok(Self { text, at: 0, newlines: false })
    }

    /// The position.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether a CR or LF was walked over. In JSON it can only be whitespace.
    pub(super) fn newlines(&self) -> bool {
        self.newlines
    }

    /// The byte at the position; 0, which JSON has nowhere, at the end.
    #[inline(always)]
    pub(super) fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// Walks over `byte` if it is next.
    #[inline(always)]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let next = self.peek() == byte;
        self.at += usize::from(next);
        next
    }

    /// Walks over `byte`.
    #[inline(always)]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), ScanError> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Walks over whitespace.
    #[inline(always)]
    pub(super) fn whitespace(&mut self) {
        if self.peek() <= b' ' {
            self.some_whitespace();
        }
    }

    fn some_whitespace(&mut self) {
        loop {
            match self.peek() {
                b' ' | b'\t' => {}
                b'\n' | b'\r' => self.newlines = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    /// Fails unless only whitespace is left.
    pub(super) fn end(&mut self) -> Result<(), ScanError> {
        self.whitespace();
        if self.at == self.text.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The error for a byte that cannot be here.
    #[cold]
    pub(super) fn unexpected(&self) -> ScanError {
        ScanError::Syntax { at: self.at }
    }

    /// Walks over a member's key, the colon and the whitespace around it. Yields the raw key without its quotes, and
    /// whether it has escapes.
    #[inline]
    pub(super) fn key(&mut self) -> Result<(&'a [u8], bool), ScanError> {
        let start = self.at + 1;
        let escaped = self.string()?;
        let key = &self.text[start..self.at - 1];
        self.whitespace();
        self.expect(b':')?;
        self.whitespace();
        Ok((key, escaped))
    }

    /// Walks over one value of any kind, which lies inside `depth` others.
    ///
    /// The containers that are open are a stack of bits, 1 for an object, the innermost lowest.
    pub(super) fn value(&mut self, depth: u32) -> Result<(), ScanError> {
        const { assert!(MAX_DEPTH <= u128::BITS) };
        let mut objects = 0u128;
        let mut level = depth;
        loop {
            match self.peek() {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' if level == MAX_DEPTH => return Err(ScanError::TooDeep),
                b'{' => {
                    self.at += 1;
                    self.whitespace();
                    if !self.take(b'}') {
                        level += 1;
                        objects = objects << 1 | 1;
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    self.whitespace();
                    if !self.take(b']') {
                        level += 1;
                        objects <<= 1;
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => return Err(self.unexpected()),
            }
            // A value has ended, and perhaps with it some of the containers that it lies in.
            loop {
                if level == depth {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                self.whitespace();
                if self.take(b',') {
                    self.whitespace();
                    if object {
                        self.key()?;
                    }
                    break;
                }
                self.expect(if object { b'}' } else { b']' })?;
                objects >>= 1;
                level -= 1;
            }
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), ScanError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn number(&mut self) -> Result<(), ScanError> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        if !self.peek().is_ascii_digit() {
            return Err(self.unexpected());
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_over_what_json_allows() {
        for text in [
            "0",
            "-0",
            "-12.50e+10",
            "1E3",
            "1e-3",
            "true",
            "false",
            "null",
            "\"\"",
            "[]",
            "{}",
            "[ ]",
            "{ }",
            "[1,[2,{\"a\":[{}]}],\"x\"]",
            "{\"a\":1,\"a\":{\"b\":[]}}",
            "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud800\"",
            "\"\u{7f}\u{2028}\u{a0}\u{1f41d}\"",
            " [ 1 , 2 ] ",
        ] {
            let mut lexer = Lexer::new(text.as_bytes()).unwrap();
            lexer.whitespace();
            assert_eq!(lexer.value(0).and_then(|()| lexer.end()), Ok(()), "{text}");
        }
    }

    #[test]
    fn refuses_what_json_does_not_allow() {
        for (text, at) in [
            ("", 0),
            ("01", 1),
            ("-", 1),
            ("+1", 0),
            (".5", 0),
            ("1.", 2),
            ("1.e1", 2),
            ("1e", 2),
            ("1e+", 3),
            ("tru", 0),
            ("nulll", 4),
            ("NaN", 0),
            ("'a'", 0),
            ("\"a", 2),
            ("\"\n\"", 1),
            ("\"\t\"", 1),
            ("\"\\x\"", 2),
            ("\"\\u12g4\"", 5),
            ("[", 1),
            ("[1", 2),
            ("[1,]", 3),
            ("[,1]", 1),
            ("[1 2]", 3),
            ("{", 1),
            ("{a:1}", 1),
            ("{\"a\"}", 4),
            ("{\"a\":}", 5),
            ("{\"a\":1,}", 7),
            ("{\"a\":1]", 6),
            ("[1}", 2),
            ("1 2", 2),
            ("]", 0),
            ("/**/1", 0),
            ("\u{feff}1", 0),
            ("1\0", 1),
            ("\"\\", 2),
            ("\"\\u", 3),
            ("\u{a0}1", 0),
        ] {
            let mut lexer = Lexer::new(text.as_bytes()).unwrap();
            let outcome = lexer.value(0).and_then(|()| lexer.end());
            assert_eq!(outcome, Err(ScanError::Syntax { at }), "{text:?}");
        }
    }

    #[test]
    fn depth_is_capped_where_it_is_documented() {
        let nested = |depth: usize| {
            let half = depth / 2;
            let mut text = "[{\"a\":".repeat(half) + &"[".repeat(depth % 2) + "1";
            text += &"]".repeat(depth % 2);
            text + &"}]".repeat(half)
        };
        for (depth, expected) in
            [(127, Ok(())), (128, Ok(())), (129, Err(ScanError::TooDeep)), (100_000, Err(ScanError::TooDeep))]
        {
            let text = nested(depth);
            let mut lexer = Lexer::new(text.as_bytes()).unwrap();
            assert_eq!(lexer.value(0).and_then(|()| lexer.end()), expected, "{depth}");
        }
        // Empty containers count as well, and so does what lies around.
        let mut lexer = Lexer::new(b"[]").unwrap();
        assert_eq!(lexer.value(MAX_DEPTH), Err(ScanError::TooDeep));
        let mut lexer = Lexer::new(b"[]").unwrap();
        assert_eq!(lexer.value(MAX_DEPTH - 1), Ok(()));
    }
}
