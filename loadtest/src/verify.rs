//! Unique payloads, and what can be wrong with an answer.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Who asked, for what: it stands in the payload, so that an answer that went astray is seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tag {
    /// The number of the run's session.
    pub session: usize,
    /// The number of the session's call.
    pub call: u64,
}

impl Tag {
    /// A text of exactly `size` bytes, or a few more if the tag itself needs them.
    pub fn payload(self, run: u64, size: usize) -> String {
        let mut text = format!("{run:x}/s{}/c{}/", self.session, self.call);
        while text.len() < size {
            // Not the same bytes in every payload, so that a mixed-up one is not mistaken for a whole one.
            text.push(char::from(b'a' + ((text.len() as u64 * 7 + self.call) % 26) as u8));
        }
        text
    }
}

/// What was counted.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tally {
    /// Right answers.
    pub good: u64,
    /// Messages that belong to another session.
    pub leaks: u64,
    /// Answers with this session's payload of another call, or with another id.
    pub wrong: u64,
    /// Answers whose payload is nobody's.
    pub corrupt: u64,
    /// Calls that never got an answer.
    pub lost: u64,
    /// Second answers.
    pub duplicates: u64,
    /// Requests that were refused with an HTTP status.
    pub refused: u64,
    /// Calls that were answered with a JSON-RPC error.
    pub rpc_errors: u64,
    /// Connections that failed.
    pub broken: u64,
}

impl Tally {
    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        self.good += other.good;
        self.leaks += other.leaks;
        self.wrong += other.wrong;
        self.corrupt += other.corrupt;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.refused += other.refused;
        self.rpc_errors += other.rpc_errors;
        self.broken += other.broken;
    }

    /// Faults that no load excuses: something reached the wrong reader, or nobody.
    pub fn violations(&self) -> u64 {
        self.leaks + self.wrong + self.corrupt + self.lost + self.duplicates
    }

    /// Calls that ended in an honest error.
    pub fn errors(&self) -> u64 {
        self.refused + self.rpc_errors + self.broken
    }
}

/// The few fields of a JSON-RPC message that are looked at.
#[derive(Deserialize)]
pub struct Message<'a> {
    /// The id, byte for byte.
    #[serde(borrow, default)]
    pub id: Option<&'a RawValue>,
    /// The method of a request or notification.
    #[serde(default)]
    pub method: Option<String>,
    /// The result of a response.
    #[serde(borrow, default)]
    pub result: Option<&'a RawValue>,
    /// The error of a response.
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Called {
    content: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

/// Judges the answer to a call of the tool `echo`.
pub fn judge(tally: &mut Tally, message: &Message<'_>, id: &str, expected: &str) {
    if message.id.map(RawValue::get) != Some(id) {
        tally.wrong += 1;
        return;
    }
    if message.error.is_some() {
        tally.rpc_errors += 1;
        return;
    }
    let called = message.result.and_then(|result| serde_json::from_str::<Called>(result.get()).ok());
    let text = called.and_then(|called| called.content.into_iter().next()).map(|content| content.text);
    match text {
        Some(text) if text == expected => tally.good += 1,
        Some(text) => match (owner(&text), owner(expected)) {
            (Some(theirs), Some(ours)) if theirs != ours => tally.leaks += 1,
            (Some(_), _) if text.len() == expected.len() => tally.wrong += 1,
            _ => tally.corrupt += 1,
        },
        None => tally.corrupt += 1,
    }
}

/// Run and session of a payload.
fn owner(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.splitn(3, '/');
    Some((parts.next()?, parts.next().filter(|part| part.starts_with('s'))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(answer: &str, id: &str, expected: &str) -> Tally {
        let mut tally = Tally::default();
        judge(&mut tally, &serde_json::from_str(answer).unwrap(), id, expected);
        tally
    }

    fn answer(id: u64, text: &str) -> String {
        serde_json::json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": text}]}})
            .to_string()
    }

    #[test]
    fn payloads_have_their_size_and_differ() {
        let one = Tag { session: 1, call: 2 }.payload(7, 200);
        assert_eq!(one.len(), 200);
        assert_ne!(one, Tag { session: 1, call: 3 }.payload(7, 200));
        assert_ne!(one, Tag { session: 2, call: 2 }.payload(7, 200));
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        let ours = Tag { session: 1, call: 2 }.payload(7, 60);
        let theirs = Tag { session: 2, call: 2 }.payload(7, 60);
        let earlier = Tag { session: 1, call: 1 }.payload(7, 60);
        assert_eq!(judged(&answer(5, &ours), "5", &ours), Tally { good: 1, ..Tally::default() });
        assert_eq!(judged(&answer(5, &theirs), "5", &ours), Tally { leaks: 1, ..Tally::default() });
        assert_eq!(judged(&answer(5, &earlier), "5", &ours), Tally { wrong: 1, ..Tally::default() });
        assert_eq!(judged(&answer(6, &ours), "5", &ours), Tally { wrong: 1, ..Tally::default() });
        assert_eq!(judged(&answer(5, &ours[..30]), "5", &ours), Tally { corrupt: 1, ..Tally::default() });
        let error = r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32603,"message":"no"}}"#;
        assert_eq!(judged(error, "5", &ours), Tally { rpc_errors: 1, ..Tally::default() });
    }
}
