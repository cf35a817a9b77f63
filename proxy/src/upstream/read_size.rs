//! How many bytes are read from a server at once.

/// Usually: hundreds of small answers.
const USUAL: usize = 64 * 1024;
/// At the most. What is cut out of a read keeps all of it in memory while its client does not take it.
const LARGEST: usize = 256 * 1024;

/// Follows what the server writes: where a line is longer than a read, its begin is moved once for each further one.
#[derive(Debug)]
pub(super) struct ReadSize(usize);

impl Default for ReadSize {
    fn default() -> Self {
        Self(USUAL)
    }
}

impl ReadSize {
    /// Room for so many bytes is to be there.
    pub(super) fn get(&self) -> usize {
        self.0
    }

    /// So many came.
    pub(super) fn came(&mut self, length: usize) {
        if length >= self.0 {
            self.0 = (self.0 * 2).min(LARGEST);
        } else if length < self.0 / 4 {
            self.0 = (self.0 / 2).max(USUAL);
        }
    }

    /// Whether more is likely to be there already.
    pub(super) fn is_much(length: usize) -> bool {
        length >= USUAL / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lengths: &[usize]) -> usize {
        let mut size = ReadSize::default();
        lengths.iter().for_each(|&length| size.came(length));
        size.get()
    }

    #[test]
    fn follows_what_comes_within_its_bounds() {
        assert_eq!(after(&[100, USUAL - 1, 0]), USUAL);
        assert_eq!(after(&[USUAL]), 2 * USUAL);
        // Lines of a little more than the usual read are then read whole.
        assert_eq!(after(&[USUAL, USUAL + 100, USUAL + 100]), 2 * USUAL);
        assert_eq!(after(&[USUAL, 2 * USUAL, 4 * USUAL, LARGEST]), LARGEST);
        assert_eq!(after(&[USUAL, 2 * USUAL, 100]), 2 * USUAL);
        assert_eq!(after(&[USUAL, 2 * USUAL, 100, 100, 100]), USUAL);
    }
}
