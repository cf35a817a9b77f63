//! A byte range of one message.

use std::ops::Range;

use bytes::Bytes;

/// A byte range of one message: half the size of a `Range<usize>`, and `Copy`.
///
/// A span belongs to the message that it was found in; [`Span::of`] and [`Span::slice`] panic when it does not lie
/// within the bytes given, as indexing does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The empty range before the byte at `at`: where an edit inserts.
    pub const fn empty(at: u32) -> Self {
        Self { start: at, end: at }
    }

    /// Both ends come from inside a message that the scanner has refused to be longer than `u32::MAX`.
    pub(super) fn within(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Self { start: start as u32, end: end as u32 }
    }

    /// The same range in a message that this one begins in at `offset`.
    ///
    /// Meant for parts of messages that a scan has accepted, so that the sum fits.
    #[must_use]
    pub const fn shifted(self, offset: u32) -> Self {
        Self { start: self.start + offset, end: self.end + offset }
    }

    /// The range, to index with.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Offset of the first byte.
    pub const fn start(self) -> usize {
        self.start as usize
    }

    /// Offset after the last byte.
    pub const fn end(self) -> usize {
        self.end as usize
    }

    /// Number of bytes.
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the range has no bytes.
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes of this range.
    pub fn of(self, message: &[u8]) -> &[u8] {
        &message[self.range()]
    }

    /// The bytes of this range, sharing the message's memory.
    pub fn slice(self, message: &Bytes) -> Bytes {
        message.slice(self.range())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_its_bytes() {
        let message = Bytes::from_static(b"abcdef");
        let span = Span::new(1, 4);
        assert_eq!(span.of(&message), b"bcd");
        assert_eq!(span.slice(&message), "bcd");
        assert_eq!((span.start(), span.end(), span.len(), span.is_empty()), (1, 4, 3, false));
        assert!(Span::empty(6).is_empty());
        assert_eq!(Span::empty(6).of(&message), b"");
    }
}
