//! What the server asks the client of one modern call, which cannot be asked while it waits.
//!
//! ```text
//!             first question            silence
//!   Running ─────────────────▶ Gathering ─────────▶ Parked (a round)
//!    ▲  ▲                          │                  │  ▲
//!    │  └──── all withdrawn ───────┘                  │  └── not all answered
//!    └────────────────── resume: all answered ────────┘
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::ability::Ask;
use crate::{
    jsonrpc::{self, COMPACT_LIMIT, Edit, Payload, Span},
    mux::same,
};

/// Questions of one call that may be open at once.
const QUESTIONS: usize = 64;

/// Messages kept for a client that is away.
const KEPT: usize = 16;

/// The questions of one call, and what waits for its client.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    state: State,
    /// Questions that are open, oldest first.
    open: Vec<Question>,
    /// Questions ever asked.
    count: u32,
    /// Rounds that the client has been told.
    round: u32,
    /// What came while the client was away.
    kept: Vec<Notification>,
    /// The look at the call's deadline came while it was not running, and is to be set anew.
    unwatched: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Running,
    Gathering,
    Parked,
}

#[derive(Debug)]
struct Question {
    /// Its name in `inputRequests`.
    key: String,
    ask: Ask,
    params: Option<Bytes>,
    /// The server's raw id.
    id: Bytes,
    /// The client has been told it.
    told: bool,
}

impl Dialogue {
    /// Whether the client is to come back.
    pub(super) fn is_parked(&self) -> bool {
        self.state == State::Parked
    }

    /// The last round that the client has been told, from 1.
    pub(super) fn round(&self) -> u32 {
        self.round
    }

    /// Whether no further question may be opened.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= QUESTIONS
    }

    /// A look at the call's deadline has come; true if it does not count now.
    pub(super) fn suspends(&mut self) -> bool {
        self.unwatched = self.state != State::Running;
        self.unwatched
    }

    /// The call runs (again); true if the look at its deadline is to be set anew.
    pub(super) fn run(&mut self) -> bool {
        self.state = State::Running;
        std::mem::take(&mut self.unwatched)
    }

    /// Opens a question; true if a silence is to be waited for, false if it is for the next round.
    pub(super) fn ask(&mut self, ask: Ask, params: Option<Bytes>, id: Bytes) -> bool {
        self.count += 1;
        let key = format!("{}-{}", ask.name(), self.count);
        self.open.push(Question { key, ask, params, id, told: false });
        if self.state == State::Running {
            self.state = State::Gathering;
        }
        self.state == State::Gathering
    }

    /// Whether the question with the server's raw id is open.
    pub(super) fn asks(&self, id: &[u8]) -> bool {
        self.open.iter().any(|question| same(&question.id, id))
    }

    /// Closes the question with the server's raw id; true if the call is to run, as nothing was told and nothing is
    /// left to tell.
    pub(super) fn withdraw(&mut self, id: &[u8]) -> bool {
        self.open.retain(|question| !same(&question.id, id));
        self.open.is_empty() && !self.is_parked()
    }

    /// Closes the questions that have been answered; returns the responses to the server.
    pub(super) fn take_answers(&mut self, answers: &BTreeMap<String, &RawValue>) -> Vec<Bytes> {
        let mut responses = Vec::new();
        self.open.retain(|question| {
            let answer = answers.get(&question.key).filter(|_| question.told);
            responses.extend(answer.map(|raw| jsonrpc::build::response(&question.id, raw.get().as_bytes())));
            answer.is_none()
        });
        responses
    }

    /// Closes every question; yields the server's raw ids.
    pub(super) fn close(&mut self) -> impl Iterator<Item = Bytes> {
        self.open.drain(..).map(|question| question.id)
    }

    /// A new round and its raw `inputRequests`, if anything is open.
    pub(super) fn tell(&mut self) -> Option<(u32, Bytes)> {
        if self.open.is_empty() {
            return None;
        }
        self.state = State::Parked;
        self.round += 1;
        let mut requests = String::from("{");
        for question in &mut self.open {
            question.told = true;
            let comma = if requests.len() > 1 { "," } else { "" };
            let (key, method) = (&question.key, question.ask.method());
            requests.push_str(&format!(r#"{comma}"{key}":{{"method":"{method}""#));
            if let Some(params) = &question.params {
                requests.push_str(r#","params":"#);
                requests.push_str(&String::from_utf8_lossy(params));
            }
            requests.push('}');
        }
        requests.push('}');
        Some((self.round, requests.into()))
    }

    /// Keeps a notification for when the client comes back; false if it is too much.
    pub(super) fn keep(&mut self, notification: &Notification) -> bool {
        let Notification { line, token } = notification;
        let fits = self.kept.len() < KEPT && line.len() < COMPACT_LIMIT;
        if fits {
            // A copy, so as not to pin the read buffer.
            self.kept.push(Notification { line: Bytes::copy_from_slice(line), token: *token });
        }
        fits
    }

    /// What came while the client was away.
    pub(super) fn take_kept(&mut self) -> Vec<Notification> {
        std::mem::take(&mut self.kept)
    }
}

/// A notification, and where its progress token is: the client's may be another when it comes back.
#[derive(Debug)]
pub(super) struct Notification {
    pub(super) line: Bytes,
    pub(super) token: Option<Span>,
}

impl Notification {
    /// It under the client's own token; none if the client has asked for no progress.
    pub(super) fn message(self, token: Option<&Bytes>) -> Option<Payload> {
        match (self.token, token) {
            (Some(at), Some(token)) => Some(jsonrpc::splice(&self.line, &[Edit { at, with: token.clone() }])),
            (Some(_), None) => None,
            (None, _) => Some(self.line.into()),
        }
    }
}
