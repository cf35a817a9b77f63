//! Input that arrives in arbitrary chunks and leaves in lines.

use bytes::{Buf, BytesMut};

/// A block up to this size is kept when its long line is done, so that a peer whose lines are often long does not make us
/// allocate such a block each time. A larger one is given back: what one line in a day has taken would be held all day.
pub(crate) const KEPT_BLOCK: usize = 512 * 1024;

/// The input that has not been cut into lines yet. Blocks grow by a multiple of what they hold and each byte is searched once, so that the
/// time is linear in the input whatever the chunks are.
#[derive(Debug, Default)]
pub(crate) struct Input {
    bytes: BytesMut,
    /// How many bytes at the front are known not to have what is searched for. Never more than there are.
    scanned: usize,
    /// The block behind `bytes` is not larger than this.
    block: usize,
}

impl Input {
    /// The buffer to read into, with room for `at_least` bytes after what it holds.
    pub(crate) fn room(&mut self, at_least: usize) -> &mut BytesMut {
        let held = self.bytes.len();
        let needed = held.saturating_add(at_least);
        if held <= at_least && self.block > needed.saturating_mul(2).max(KEPT_BLOCK) {
            // The long line that the block had grown for is done (or is being discarded).
            let mut fresh = BytesMut::with_capacity(needed);
            fresh.extend_from_slice(&self.bytes);
            self.block = fresh.capacity();
            self.bytes = fresh;
        } else if self.bytes.capacity() - held < at_least {
            // As much again as is held: a long line is moved a constant number of times on average. Beyond a block that is
            // kept, three times as much: pages that are never written take no memory, and moving writes each page anew.
            let ahead = if held < KEPT_BLOCK { held } else { held.saturating_mul(3) };
            self.bytes.reserve(at_least.max(ahead));
            self.block = self.block.max(self.bytes.capacity());
        }
        &mut self.bytes
    }

    /// Adds a copy of `chunk`.
    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        self.room(chunk.len()).extend_from_slice(chunk);
    }

    /// What is held.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes are held.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Where `search` finds something, asked about what has not been searched before. Between two cuts it must always
    /// be the same search, and one that looks for single bytes.
    pub(crate) fn find(&mut self, search: impl FnOnce(&[u8]) -> Option<usize>) -> Option<usize> {
        let found = search(&self.bytes[self.scanned..]).map(|at| self.scanned + at);
        self.scanned = found.unwrap_or(self.bytes.len());
        found
    }

    /// Cuts off the first `count` bytes, without a copy.
    pub(crate) fn cut(&mut self, count: usize) -> BytesMut {
        self.scanned = self.scanned.saturating_sub(count);
        self.bytes.split_to(count)
    }

    /// Drops the first `count` bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        self.scanned = self.scanned.saturating_sub(count);
        self.bytes.advance(count);
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.scanned = 0;
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CHUNK: [u8; 64 * 1024] = [b'x'; 64 * 1024];

    fn lf(bytes: &[u8]) -> Option<usize> {
        memchr::memchr(b'\n', bytes)
    }

    /// The work is counted: how many bytes are moved and searched.
    #[test]
    fn a_long_line_is_moved_a_few_times_and_searched_once() {
        let size = 64 * 1024 * 1024;
        let mut input = Input::default();
        let (mut moved, mut searched) = (0, 0);
        for held in (0..size).step_by(CHUNK.len()) {
            let before = input.bytes.as_ptr();
            let room = input.room(CHUNK.len());
            moved += if room.as_ptr() == before { 0 } else { held };
            room.extend_from_slice(&CHUNK);
            let found = input.find(|bytes| {
                searched += bytes.len();
                lf(bytes)
            });
            assert_eq!(found, None);
        }
        assert!(moved < 2 * size, "moved {moved} bytes");
        assert_eq!(searched, size);
    }

    #[test]
    fn a_block_that_grew_large_is_given_back_and_a_smaller_one_is_kept() {
        for (size, kept) in [(4 * KEPT_BLOCK, false), (KEPT_BLOCK / 2, true)] {
            let mut input = Input::default();
            for _ in 0..size / CHUNK.len() {
                input.feed(&CHUNK);
            }
            input.feed(b"\nab");
            let end = input.find(lf).unwrap();
            drop(input.cut(end + 1));
            let block = input.bytes.as_ptr();
            input.feed(b"cd\n");
            assert_eq!(input.bytes(), b"abcd\n");
            assert_eq!(input.bytes.as_ptr() == block, kept);
            assert!(input.block <= KEPT_BLOCK);
        }
    }

    #[test]
    fn a_chunk_larger_than_a_kept_block_does_not_move_it_each_time() {
        let mut input = Input::default();
        input.room(2 * KEPT_BLOCK).extend_from_slice(b"\n");
        let block = input.bytes.as_ptr();
        input.skip(1);
        input.room(2 * KEPT_BLOCK - 1);
        assert_eq!(input.bytes.as_ptr().addr(), block.addr() + 1);
    }

    #[test]
    fn cuts_and_skips_keep_what_has_been_searched() {
        let mut input = Input::default();
        input.feed(b"abc\ndef");
        assert_eq!(input.find(lf), Some(3));
        assert_eq!(&input.cut(2)[..], b"ab");
        assert_eq!(input.find(lf), Some(1));
        input.skip(2);
        assert_eq!((input.find(lf), input.scanned), (None, 3));
        input.clear();
        input.feed(b"\n");
        assert_eq!(input.find(lf), Some(0));
    }
}
