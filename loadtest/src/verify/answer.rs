//! Answers of tools, and what comes before them.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{tag::owner, tally::Tally};

/// A string that is copied only if it has escapes.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The few fields of a message that are looked at, read in one pass.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Text<'a>>,
    #[serde(borrow, default)]
    params: Option<Params<'a>>,
    #[serde(borrow, default)]
    result: Option<Called<'a>>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, default, rename = "progressToken")]
    token: Option<&'a RawValue>,
    #[serde(default)]
    progress: Option<f64>,
    #[serde(borrow, default)]
    message: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Called<'a> {
    #[serde(borrow, default)]
    content: Vec<Content<'a>>,
    #[serde(default)]
    tools: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
}

/// What must come back.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// This text, from a tool.
    Text(&'a str),
    /// As many progress notifications with this text, then the text.
    Progress(&'a str, u64),
    /// A list of tools that is not empty.
    Tools,
    /// Any result.
    Anything,
    /// An answer or none, since the request was cancelled; if it is this text, it is right too.
    Cancelled(&'a str),
}

/// Judges what comes back for one request.
#[derive(Debug)]
pub struct Exchange<'a> {
    id: u64,
    expected: Expected<'a>,
    answers: u64,
    steps: u64,
    /// What was counted. The lack of an answer is counted by [`Exchange::end`].
    pub tally: Tally,
}

impl<'a> Exchange<'a> {
    /// Of the request with this id.
    pub fn new(id: u64, expected: Expected<'a>) -> Self {
        Self { id, expected, answers: 0, steps: 0, tally: Tally::default() }
    }

    /// Judges a message; true if it is an answer to this very request. A second answer of an earlier one is not.
    pub fn judge(&mut self, bytes: &[u8]) -> bool {
        let Ok(message) = serde_json::from_slice::<Message<'_>>(bytes) else {
            self.tally.corrupt += 1;
            // Whatever it was, nothing better is going to come.
            self.answers += 1;
            return true;
        };
        if let Some(method) = &message.method {
            // Notifications without a number, such as logs, are nobody's business here.
            if method.0 == "notifications/progress" {
                self.progress(message.params);
            }
            return false;
        }
        let id = message.id.and_then(|id| id.get().parse::<u64>().ok());
        if id != Some(self.id) {
            match id {
                // Ids of a session only grow, and each of them was waited for.
                Some(id) if id < self.id && !self.is_foreign(&message) => self.tally.duplicates += 1,
                _ => self.answer_of_another(&message),
            }
            return false;
        }
        self.answers += 1;
        if self.answers > 1 {
            self.tally.duplicates += 1;
        } else if message.error.is_some() && !matches!(self.expected, Expected::Cancelled(_)) {
            self.tally.rpc_errors += 1;
        } else {
            self.content(&message);
        }
        true
    }

    fn is_foreign(&self, message: &Message<'_>) -> bool {
        match (self.text().and_then(owner), text(message).and_then(owner)) {
            (Some(ours), Some(theirs)) => ours != theirs,
            _ => false,
        }
    }

    fn answer_of_another(&mut self, message: &Message<'_>) {
        match self.is_foreign(message) {
            true => self.tally.leaks += 1,
            false => self.tally.wrong += 1,
        }
    }

    fn text(&self) -> Option<&'a str> {
        match self.expected {
            Expected::Text(text) | Expected::Progress(text, _) | Expected::Cancelled(text) => Some(text),
            Expected::Tools | Expected::Anything => None,
        }
    }

    fn content(&mut self, message: &Message<'_>) {
        match self.expected {
            Expected::Cancelled(_) if message.error.is_some() => self.tally.good += 1,
            Expected::Text(expected) | Expected::Progress(expected, _) | Expected::Cancelled(expected) => {
                match text(message) {
                    Some(text) => self.compare(text, expected),
                    None => self.tally.corrupt += 1,
                }
            }
            Expected::Tools => {
                let tools = message.result.as_ref().and_then(|result| result.tools.as_ref());
                match tools.is_some_and(|tools| !tools.is_empty()) {
                    true => self.tally.good += 1,
                    false => self.tally.corrupt += 1,
                }
            }
            Expected::Anything if message.result.is_some() => self.tally.good += 1,
            Expected::Anything => self.tally.corrupt += 1,
        }
    }

    fn compare(&mut self, text: &str, expected: &str) {
        match text == expected {
            true => self.tally.good += 1,
            false => mismatch(&mut self.tally, text, expected),
        }
    }

    fn progress(&mut self, params: Option<Params<'_>>) {
        let token = params.as_ref().and_then(|params| params.token?.get().parse::<u64>().ok());
        let Expected::Progress(expected, steps) = self.expected else {
            // Of an earlier call that has ended, or of somebody else.
            self.tally.wrong += 1;
            return;
        };
        let message = params.as_ref().and_then(|params| params.message.as_ref()).map(|message| &*message.0);
        let step = params.as_ref().and_then(|params| params.progress).unwrap_or_default();
        match message {
            Some(text) if text != expected => mismatch(&mut self.tally, text, expected),
            _ if token != Some(self.id) => self.tally.wrong += 1,
            None => self.tally.corrupt += 1,
            Some(_) if step <= self.steps as f64 => self.tally.duplicates += 1,
            Some(_) if step > steps as f64 => self.tally.corrupt += 1,
            Some(_) => {
                let skipped = step as u64 - self.steps - 1;
                self.tally.lost += skipped;
                self.steps = step as u64;
            }
        }
    }

    /// Counts what is missing when nothing more can come. True if there was an answer.
    pub fn end(&mut self) -> bool {
        if let (Expected::Progress(_, steps), true) = (self.expected, self.tally.good > 0) {
            self.tally.lost += steps - self.steps;
        }
        match (self.answers, self.expected) {
            // That is what was asked for.
            (0, Expected::Cancelled(_)) => self.tally.good += 1,
            (0, _) => self.tally.lost += 1,
            _ => {}
        }
        self.answers > 0
    }
}

fn text<'a>(message: &'a Message<'_>) -> Option<&'a str> {
    message.result.as_ref()?.content.first()?.text.as_ref().map(|text| &*text.0)
}

/// Tells what a text is that is not the expected one.
fn mismatch(tally: &mut Tally, text: &str, expected: &str) {
    match (owner(text), owner(expected)) {
        (Some(theirs), Some(ours)) if theirs != ours => tally.leaks += 1,
        (Some(_), _) if text.len() == expected.len() => tally.wrong += 1,
        _ => tally.corrupt += 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verify::Tag;

    fn judged(expected: Expected<'_>, messages: &[String]) -> Tally {
        let mut exchange = Exchange::new(5, expected);
        for message in messages {
            exchange.judge(message.as_bytes());
        }
        exchange.end();
        exchange.tally
    }

    fn answer(id: u64, text: &str) -> String {
        json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": text}]}})
            .to_string()
    }

    fn progress(token: u64, step: u64, text: &str) -> String {
        let params = json!({"progressToken": token, "progress": step, "message": text});
        json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}).to_string()
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        let ours = Tag { session: 1, call: 2 }.payload(7, 60);
        let theirs = Tag { session: 2, call: 2 }.payload(7, 60);
        let earlier = Tag { session: 1, call: 1 }.payload(7, 60);
        let none = Tally::default;
        let expected = Expected::Text(&ours);
        let right = answer(5, &ours);
        assert_eq!(judged(expected, std::slice::from_ref(&right)), Tally { good: 1, ..none() });
        assert_eq!(judged(expected, &[]), Tally { lost: 1, ..none() });
        assert_eq!(judged(expected, &[answer(5, &theirs)]), Tally { leaks: 1, ..none() });
        assert_eq!(judged(expected, &[answer(5, &earlier)]), Tally { wrong: 1, ..none() });
        assert_eq!(judged(expected, &[answer(5, &ours[..30])]), Tally { corrupt: 1, ..none() });
        assert_eq!(judged(expected, &["{\"id\":5,\"resu".to_owned()]), Tally { corrupt: 1, ..none() });
        assert_eq!(
            judged(expected, &[right.clone(), right.clone()]),
            Tally { good: 1, duplicates: 1, ..none() }
        );
        // On a stream that all answers share, others come between.
        assert_eq!(
            judged(expected, &[answer(4, &earlier), right.clone()]),
            Tally { good: 1, duplicates: 1, ..none() }
        );
        assert_eq!(
            judged(expected, &[answer(4, &theirs), right.clone()]),
            Tally { good: 1, leaks: 1, ..none() }
        );
        assert_eq!(judged(expected, &[answer(6, &ours), right]), Tally { good: 1, wrong: 1, ..none() });
        let error = r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32603,"message":"no"}}"#.to_owned();
        assert_eq!(judged(expected, &[error]), Tally { rpc_errors: 1, ..none() });
    }

    #[test]
    fn progress_is_counted_and_owned() {
        let ours = Tag { session: 1, call: 2 }.payload(7, 40);
        let theirs = Tag { session: 2, call: 2 }.payload(7, 40);
        let none = Tally::default;
        let expected = Expected::Progress(&ours, 2);
        let (one, two, end) = (progress(5, 1, &ours), progress(5, 2, &ours), answer(5, &ours));
        let judged = |messages: &[&String]| {
            judged(expected, &messages.iter().map(|text| (*text).clone()).collect::<Vec<_>>())
        };
        assert_eq!(judged(&[&one, &two, &end]), Tally { good: 1, ..none() });
        assert_eq!(judged(&[&one, &end]), Tally { good: 1, lost: 1, ..none() });
        assert_eq!(judged(&[&two, &end]), Tally { good: 1, lost: 1, ..none() });
        assert_eq!(judged(&[&one, &one, &two, &end]), Tally { good: 1, duplicates: 1, ..none() });
        assert_eq!(
            judged(&[&one, &two, &progress(5, 1, &theirs), &end]),
            Tally { good: 1, leaks: 1, ..none() }
        );
        assert_eq!(
            judged(&[&one, &two, &progress(6, 1, &ours), &end]),
            Tally { good: 1, wrong: 1, ..none() }
        );
    }

    #[test]
    fn a_cancelled_call_may_end_either_way() {
        let expected = Expected::Cancelled("7/s1/c1/abc");
        for messages in [vec![], vec![answer(5, "7/s1/c1/abc")]] {
            assert_eq!(judged(expected, &messages), Tally { good: 1, ..Tally::default() });
        }
        assert_eq!(judged(expected, &[answer(5, "7/s2/c1/abc")]), Tally { leaks: 1, ..Tally::default() });
    }
}
