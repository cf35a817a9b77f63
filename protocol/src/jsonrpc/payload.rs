//! A message on its way out.

use std::slice;
use std::sync::Arc;

use bytes::Bytes;

/// A [compact](Payload::compact) payload below this many bytes has memory of its own.
pub const COMPACT_LIMIT: usize = 32 * 1024;

/// An immutable message as one or more parts, in order. A clone copies no byte and allocates nothing, so a broadcast
/// is a reference count.
#[derive(Clone, Debug)]
pub struct Payload {
    parts: Parts,
    len: usize,
    /// The parts share memory with nothing else that is larger than them.
    compact: bool,
}

#[derive(Clone, Debug)]
enum Parts {
    One(Bytes),
    Many(Arc<[Bytes]>),
}

impl Payload {
    /// A message in one block that was allocated for it alone.
    pub(super) fn from_own_block(block: Vec<u8>) -> Self {
        Self { compact: true, ..Self::from(Bytes::from(block)) }
    }

    /// A message in parts.
    pub(super) fn from_parts(parts: Vec<Bytes>) -> Self {
        let len = parts.iter().map(Bytes::len).sum();
        Self { parts: Parts::Many(parts.into()), len, compact: false }
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The parts whose concatenation is the message.
    pub fn parts(&self) -> &[Bytes] {
        match &self.parts {
            Parts::One(part) => slice::from_ref(part),
            Parts::Many(parts) => parts,
        }
    }

    /// The message's only part.
    ///
    /// # Errors
    /// The message itself, if it has several.
    pub fn into_one(self) -> Result<Bytes, Self> {
        match self.parts {
            Parts::One(part) => Ok(part),
            Parts::Many(_) => Err(self),
        }
    }

    /// The message in one piece; copies if it has several parts.
    pub fn to_bytes(&self) -> Bytes {
        match &self.parts {
            Parts::One(part) => part.clone(),
            Parts::Many(_) => self.concat().into(),
        }
    }

    /// The same message, to be kept for long: below [`COMPACT_LIMIT`] it is copied into memory of its own (once; a
    /// second call does nothing), so that a few hundred bytes do not pin the read buffer that they came in.
    pub fn compact(self) -> Self {
        if self.compact || self.len >= COMPACT_LIMIT { self } else { Self::from_own_block(self.concat()) }
    }

    fn concat(&self) -> Vec<u8> {
        let mut block = Vec::with_capacity(self.len);
        self.parts().iter().for_each(|part| block.extend_from_slice(part));
        block
    }
}

impl From<Bytes> for Payload {
    fn from(message: Bytes) -> Self {
        Self { len: message.len(), parts: Parts::One(message), compact: false }
    }
}

/// Payloads are equal if their bytes are; how they are cut into parts does not matter.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.parts().iter().flatten().eq(other.parts().iter().flatten())
    }
}

impl Eq for Payload {}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(parts: &[&'static str]) -> Payload {
        Payload::from_parts(parts.iter().map(|part| Bytes::from_static(part.as_bytes())).collect())
    }

    #[test]
    fn parts_make_up_the_message() {
        let payload = many(&["ab", "", "cd"]);
        assert_eq!((payload.len(), payload.is_empty(), payload.parts().len()), (4, false, 3));
        assert_eq!(payload.to_bytes(), "abcd");
        assert_eq!(payload, Payload::from(Bytes::from_static(b"abcd")));
        assert_ne!(payload, Payload::from(Bytes::from_static(b"abce")));
        assert!(Payload::from(Bytes::new()).is_empty());
    }

    #[test]
    fn one_part_is_passed_on_without_a_copy() {
        let message = Bytes::from_static(b"{}");
        let payload = Payload::from(message.clone());
        assert_eq!(payload.clone().to_bytes().as_ptr(), message.as_ptr());
        assert_eq!(payload.parts()[0].as_ptr(), message.as_ptr());
    }

    #[test]
    fn compact_frees_the_buffer_of_a_small_message_only() {
        let buffer = Bytes::from(vec![b'x'; COMPACT_LIMIT + 1]);
        let small = Payload::from(buffer.slice(1..COMPACT_LIMIT)).compact();
        assert_eq!(small.to_bytes(), buffer.slice(1..COMPACT_LIMIT));
        let place = small.parts()[0].as_ptr();
        assert_eq!(small.compact().parts()[0].as_ptr(), place, "copied once only");
        let large = Payload::from(buffer.slice(1..)).compact();
        assert_eq!(large.parts()[0].as_ptr(), buffer[1..].as_ptr());
        drop(large);
        assert!(buffer.is_unique(), "nothing small refers to the buffer any more");
    }
}
