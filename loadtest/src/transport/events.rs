//! The events of a `text/event-stream`. Written from the specification alone: `data` fields of one event are joined, the
//! last id is kept, everything else is skipped.

use memchr::memchr;

/// Cuts events out of a stream's bytes.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// A line that has not ended.
    line: Vec<u8>,
    /// Data of the event that has not ended.
    data: Vec<u8>,
    has_data: bool,
    name: Vec<u8>,
    last_id: Vec<u8>,
}

/// One event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Event<'a> {
    /// Empty if it was not given.
    pub(super) name: &'a [u8],
    pub(super) data: &'a [u8],
}

impl Events {
    /// Takes the next bytes; each complete event that has data goes to `event`.
    pub(super) fn feed(&mut self, bytes: &[u8], mut event: impl FnMut(Event<'_>)) {
        if self.line.is_empty() {
            let rest = self.lines(bytes, &mut event);
            self.line.extend_from_slice(rest);
            return;
        }
        let mut joined = std::mem::take(&mut self.line);
        joined.extend_from_slice(bytes);
        let rest = self.lines(&joined, &mut event).len();
        joined.drain(..joined.len() - rest);
        self.line = joined;
    }

    /// The id of the last event that had one.
    pub(super) fn last_id(&self) -> Option<&str> {
        std::str::from_utf8(&self.last_id).ok().filter(|id| !id.is_empty())
    }

    /// Gives back what follows the last line end.
    fn lines<'a>(&mut self, mut bytes: &'a [u8], event: &mut impl FnMut(Event<'_>)) -> &'a [u8] {
        // Data of an event of one line is not copied.
        let mut only: Option<&[u8]> = None;
        while let Some(length) = memchr(b'\n', bytes) {
            let line = bytes[..length].strip_suffix(b"\r").unwrap_or(&bytes[..length]);
            bytes = &bytes[length + 1..];
            if line.is_empty() {
                match only.take() {
                    Some(data) => event(Event { name: &self.name, data }),
                    None if self.has_data && !self.data.is_empty() => {
                        event(Event { name: &self.name, data: &self.data });
                    }
                    None => {}
                }
                self.name.clear();
                self.data.clear();
                self.has_data = false;
            } else if let Some(value) = field(line, b"data:") {
                if let Some(first) = only.take() {
                    self.keep(first);
                }
                match self.has_data {
                    false if !value.is_empty() => only = Some(value),
                    _ => self.keep(value),
                }
            } else if let Some(value) = field(line, b"id:") {
                self.last_id.clear();
                self.last_id.extend_from_slice(value);
            } else if let Some(value) = field(line, b"event:") {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
        }
        if let Some(data) = only {
            self.keep(data);
        }
        bytes
    }

    fn keep(&mut self, data: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(data);
        self.has_data = true;
    }
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_any_split() {
        let stream =
            b": hello\n\nid: 1\ndata: {\"a\":\r\ndata:1}\r\n\r\nevent: message\ndata: two\n\nid:9\ndata:\n\n";
        for split in 0..stream.len() {
            let (mut events, mut seen) = (Events::default(), Vec::new());
            for part in [&stream[..split], &stream[split..]] {
                events.feed(part, |event| seen.push((event.name.to_vec(), event.data.to_vec())));
            }
            let expected = [(b"".to_vec(), b"{\"a\":\n1}".to_vec()), (b"message".to_vec(), b"two".to_vec())];
            assert_eq!(seen, expected, "split at {split}");
            assert_eq!(events.last_id(), Some("9"), "split at {split}");
        }
    }
}
