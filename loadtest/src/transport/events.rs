//! The messages of a `text/event-stream`. Written from the specification alone, for servers of our own kind: `data` fields
//! of one event are joined, everything else is skipped.

use memchr::memchr;

/// Cuts messages out of a stream's bytes.
#[derive(Debug, Default)]
pub(super) struct Events {
    buffer: Vec<u8>,
    data: Vec<u8>,
}

impl Events {
    /// Takes the next bytes; each complete message goes to `message`.
    pub(super) fn feed(&mut self, bytes: &[u8], mut message: impl FnMut(&[u8])) {
        self.buffer.extend_from_slice(bytes);
        let mut begin = 0;
        while let Some(length) = memchr(b'\n', &self.buffer[begin..]) {
            let line = &self.buffer[begin..begin + length];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            begin += length + 1;
            if line.is_empty() {
                if !self.data.is_empty() {
                    message(&self.data);
                    self.data.clear();
                }
            } else if let Some(value) = line.strip_prefix(b"data:") {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            }
        }
        self.buffer.drain(..begin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_any_split() {
        let stream = b": hello\n\nid: 1\ndata: {\"a\":\r\ndata:1}\r\n\r\nevent: message\ndata: two\n\n";
        for split in 0..stream.len() {
            let (mut events, mut seen) = (Events::default(), Vec::new());
            for part in [&stream[..split], &stream[split..]] {
                events.feed(part, |message| seen.push(message.to_vec()));
            }
            assert_eq!(seen, [b"{\"a\":\n1}".to_vec(), b"two".to_vec()], "split at {split}");
        }
    }
}
