//! Strings: most bytes of most messages.

use super::{Lexer, ScanError};

/// Bytes looked at in one step in a long string; the compiler turns a step into vector instructions.
const BLOCK: usize = 32;
const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

impl Lexer<'_> {
    /// Walks over a string, and tells whether it has escapes.
    #[inline]
    pub(in crate::jsonrpc) fn string(&mut self) -> Result<bool, ScanError> {
        self.expect(b'"')?;
        let mut escaped = false;
        loop {
            self.at = plain(self.text, self.at);
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// Walks over what follows a backslash.
    #[inline]
    fn escape(&mut self) -> Result<(), ScanError> {
        let kind = self.peek();
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_ascii_hexdigit() {
                        return Err(self.unexpected());
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }
}

/// The position of the next quote, backslash or control character from `at` on, or the end.
#[inline]
fn plain(text: &[u8], mut at: usize) -> usize {
    // Most strings of a message are short: a few words before the machinery for long ones.
    for _ in 0..BLOCK / 8 {
        let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) else { return bytewise(text, at) };
        let marks = special_bytes(u64::from_le_bytes(*word));
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    blockwise(text, at)
}

/// The same for a long string.
#[inline(never)]
fn blockwise(text: &[u8], at: usize) -> usize {
    let (blocks, _) = text[at..].as_chunks::<BLOCK>();
    let plain = blocks.iter().take_while(|block| !has_special(block)).count();
    bytewise(text, at + BLOCK * plain)
}

/// The same for less than a block.
#[inline(never)]
fn bytewise(text: &[u8], at: usize) -> usize {
    let (words, _) = text[at..].as_chunks::<8>();
    let marked = words.iter().enumerate().find_map(|(index, word)| {
        let marks = special_bytes(u64::from_le_bytes(*word));
        (marks != 0).then(|| at + 8 * index + marks.trailing_zeros() as usize / 8)
    });
    marked.unwrap_or_else(|| {
        let rest = at + 8 * words.len();
        text[rest..].iter().position(|&byte| is_special(byte)).map_or(text.len(), |found| rest + found)
    })
}

/// Whether a byte ends a run of plain bytes in a string.
const fn is_special(byte: u8) -> bool {
    // Flipping one bit moves the quote (0x22) next to the control characters: one comparison for both.
    byte ^ 0x02 < 0x21 || byte == b'\\'
}

fn has_special(block: &[u8; BLOCK]) -> bool {
    // No early exit, so that it becomes vector code.
    block.iter().fold(false, |found, &byte| found | is_special(byte))
}

/// Marks the special bytes of eight: the lowest bit set belongs to the first of them. Bits above it may be wrong, as a
/// subtraction borrows from the next byte.
const fn special_bytes(word: u64) -> u64 {
    let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    // A byte of 0x80 and above is never special: its own high bit is no borrow.
    (quote_or_control & !word | backslash & !(word ^ (ONES * b'\\' as u64))) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_the_first_special_byte() {
        for position in 0..8 {
            for byte in 0..=u8::MAX {
                let mut word = [0xff, b'a', 0x7f, 0x80, b' ', b'!', b'#', 0xdc];
                word[position] = byte;
                let marks = special_bytes(u64::from_le_bytes(word));
                let expected = is_special(byte).then_some(position);
                let found = (marks != 0).then(|| marks.trailing_zeros() as usize / 8);
                assert_eq!(found, expected, "byte {byte:#x} at {position}");
            }
        }
        for byte in 0..=u8::MAX {
            assert_eq!(is_special(byte), byte < 0x20 || byte == b'"' || byte == b'\\', "{byte:#x}");
        }
    }

    #[test]
    fn finds_the_end_of_a_string_at_every_length() {
        for length in 0..3 * BLOCK {
            for end in [&b"\""[..], b"\\n\"", b"\\u12aF\""] {
                let mut text = vec![b'"'];
                text.resize(1 + length, b'x');
                text.extend_from_slice(end);
                let mut lexer = Lexer::new(&text).unwrap();
                assert_eq!(lexer.string(), Ok(end.len() > 1));
                assert_eq!(lexer.end(), Ok(()));
                // Cut short anywhere, it has no end.
                for cut in 1..text.len() {
                    let mut lexer = Lexer::new(&text[..cut]).unwrap();
                    assert!(matches!(lexer.string(), Err(ScanError::Syntax { at }) if at <= cut));
                }
            }
        }
    }
}
