//! The bytes of an output, ready for a vectored write.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use crate::jsonrpc::Payload;

/// Pieces of this many bytes and more are passed on by reference; smaller ones are cheaper to copy than to carry.
pub const COPY_LIMIT: usize = 4096;

/// The least that the block grows by: a small message and what frames it need one allocation.
const BLOCK: usize = 512;

/// An output under construction: small pieces are copied into one growing block, large ones ([`COPY_LIMIT`]) are kept
/// by reference, and all come out in the order in which they went in.
///
/// Reading it, as a [`Buf`], consumes it from the front; pieces may be added while it is being read. An empty one
/// owns no memory: `std::mem::take` hands an output over and starts the next one for nothing.
#[derive(Debug, Default)]
pub struct Gather {
    /// What is complete, oldest first. No part is empty.
    parts: VecDeque<Bytes>,
    /// What comes after all parts.
    block: BytesMut,
    /// Bytes in `parts` and `block` together.
    len: usize,
}

impl Gather {
    /// An empty output.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a piece, by reference if it is large.
    pub fn push(&mut self, piece: Bytes) {
        if piece.len() < COPY_LIMIT {
            return self.copy(&piece);
        }
        if !self.block.is_empty() {
            self.parts.push_back(self.block.split().freeze());
        }
        self.len += piece.len();
        self.parts.push_back(piece);
    }

    /// Adds a copy of `piece`.
    pub fn copy(&mut self, piece: &[u8]) {
        if self.block.capacity() - self.block.len() < piece.len() {
            self.block.reserve(piece.len().max(BLOCK));
        }
        self.len += piece.len();
        self.block.extend_from_slice(piece);
    }

    /// Adds a message: its large parts by reference, the others as copies.
    pub fn append_payload(&mut self, payload: &Payload) {
        for part in payload.parts() {
            if part.len() < COPY_LIMIT { self.copy(part) } else { self.push(part.clone()) }
        }
    }

    /// Number of bytes that have not been read.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The output in as few parts as it was gathered in; none of them is empty.
    pub fn into_parts(self) -> impl Iterator<Item = Bytes> {
        let block = (!self.block.is_empty()).then(|| self.block.freeze());
        self.parts.into_iter().chain(block)
    }
}

impl Buf for Gather {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&self.block[..], |part| part)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let block = (!self.block.is_empty()).then_some(&self.block[..]);
        let chunks = self.parts.iter().map(|part| &part[..]).chain(block);
        slices.iter_mut().zip(chunks).map(|(slice, chunk)| *slice = IoSlice::new(chunk)).count()
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len, "cannot advance past the end of the output");
        self.len -= count;
        while let Some(part) = self.parts.front_mut() {
            if count < part.len() {
                return part.advance(count);
            }
            count -= part.len();
            self.parts.pop_front();
        }
        self.block.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large(byte: u8) -> Bytes {
        Bytes::from(vec![byte; COPY_LIMIT])
    }

    fn mixed() -> (Gather, Vec<u8>) {
        let mut gather = Gather::new();
        gather.copy(b"head ");
        gather.push(Bytes::from_static(b"small "));
        gather.push(large(b'a'));
        gather.push(large(b'b'));
        gather.copy(b"");
        gather.copy(b"middle");
        gather.append_payload(&Payload::from(large(b'c')));
        gather.append_payload(&Payload::from(Bytes::from_static(b"tail")));
        let mut expected = b"head small ".to_vec();
        for piece in [&large(b'a')[..], &large(b'b'), b"middle", &large(b'c'), b"tail"] {
            expected.extend_from_slice(piece);
        }
        (gather, expected)
    }

    #[test]
    fn keeps_order_and_gathers_small_pieces() {
        let (gather, expected) = mixed();
        assert_eq!(gather.len(), expected.len());
        let parts: Vec<_> = gather.into_parts().collect();
        assert_eq!(
            parts.iter().map(Bytes::len).collect::<Vec<_>>(),
            [11, COPY_LIMIT, COPY_LIMIT, 6, COPY_LIMIT, 4]
        );
        assert_eq!(parts.concat(), expected);
    }

    #[test]
    fn keeps_large_pieces_by_reference() {
        let piece = large(b'x');
        let mut gather = Gather::new();
        gather.copy(b"head");
        gather.push(piece.clone());
        gather.append_payload(&Payload::from(piece.clone()));
        let places: Vec<_> = gather.into_parts().map(|part| part.as_ptr()).collect();
        assert_eq!(places[1..], [piece.as_ptr(), piece.as_ptr()]);
    }

    #[test]
    fn reads_the_same_bytes_in_any_steps() {
        for step in [1, 3, 11, 4095, 4096, 4097, 100_000] {
            let (mut gather, expected) = mixed();
            let mut read = Vec::new();
            while gather.has_remaining() {
                let count = step.min(gather.remaining());
                read.extend_from_slice(&gather.copy_to_bytes(count));
                assert_eq!(gather.len(), expected.len() - read.len());
            }
            assert_eq!(read, expected, "step {step}");
            assert_eq!(gather.chunk(), b"");
        }
    }

    #[test]
    fn vectored_chunks_follow_partial_reads() {
        let (mut gather, expected) = mixed();
        for read in [0, 7, COPY_LIMIT, COPY_LIMIT + 2] {
            gather.advance(read);
            let mut slices = [IoSlice::new(&[]); 16];
            let count = gather.chunks_vectored(&mut slices);
            let seen: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(seen, expected[expected.len() - gather.len()..]);
            assert!(slices[..count].iter().all(|slice| !slice.is_empty()));
            assert_eq!(gather.chunks_vectored(&mut slices[..1]), 1);
        }
        assert_eq!(gather.chunks_vectored(&mut []), 0);
    }

    #[test]
    fn goes_on_after_it_has_been_read() {
        let mut gather = Gather::new();
        gather.copy(b"abc");
        gather.advance(3);
        gather.copy(b"def");
        gather.advance(1);
        assert_eq!(std::mem::take(&mut gather).into_parts().collect::<Vec<_>>(), ["ef"]);
        assert!(gather.is_empty());
    }

    #[test]
    fn an_empty_output_owns_nothing() {
        let mut gather = Gather::new();
        gather.push(Bytes::new());
        gather.append_payload(&Payload::from(Bytes::new()));
        assert_eq!((gather.parts.capacity(), gather.block.capacity()), (0, 0));
        assert_eq!(gather.into_parts().count(), 0);
    }

    #[test]
    #[should_panic(expected = "past the end")]
    fn reading_past_the_end_is_a_mistake() {
        Gather::new().advance(1);
    }
}
