//! What makes a payload unique.

use std::sync::LazyLock;

/// The letters that payloads are filled with, over and over.
static FILLING: LazyLock<String> = LazyLock::new(|| ('a'..='z').cycle().take(64 << 10).collect());

/// Who asked, for what: it stands in the payload, so that an answer that went astray is seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tag {
    /// The number of the run's session.
    pub session: usize,
    /// The number of the session's call.
    pub call: u64,
}

impl Tag {
    /// A text of exactly `size` bytes, or a few more if the tag itself needs them. None of its characters needs an escape
    /// in JSON.
    pub fn payload(self, run: u64, size: usize) -> String {
        let tag = format!("{run:x}/s{}/c{}/", self.session, self.call);
        let mut text = String::with_capacity(size.max(tag.len()));
        text.push_str(&tag);
        // Not the same bytes in every payload, so that a mixed-up one is not mistaken for a whole one.
        let mut begin =
            ((self.session as u64).wrapping_mul(11).wrapping_add(self.call.wrapping_mul(7)) % 26) as usize;
        while text.len() < size {
            let end = FILLING.len().min(begin + size - text.len());
            text.push_str(&FILLING[begin..end]);
            begin = 0;
        }
        text
    }
}

/// Run and session of a payload.
pub(super) fn owner(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.splitn(3, '/');
    Some((parts.next()?, parts.next().filter(|part| part.starts_with('s'))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_their_size_and_differ() {
        let one = Tag { session: 1, call: 2 }.payload(7, 200);
        assert_eq!(one.len(), 200);
        assert_ne!(one, Tag { session: 1, call: 3 }.payload(7, 200));
        assert_ne!(one, Tag { session: 2, call: 2 }.payload(7, 200));
        assert_eq!(Tag { session: 1, call: 2 }.payload(7, 1 << 20).len(), 1 << 20);
        assert_eq!(owner(&one), Some(("7", "s1")));
    }
}
