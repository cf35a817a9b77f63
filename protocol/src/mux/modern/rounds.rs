//! How far a legacy client's call is in being asked for input.

use bytes::Bytes;

use super::{input::Input, metadata::Members};
use crate::{jsonrpc::Field, time::Timestamp};

/// Where a call is.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// The request as it came, if the server may ask for input.
    pub(super) message: Option<Bytes>,
    /// Rounds so far.
    pub(super) count: u32,
    /// When the client must have answered everything.
    pub(super) until: Option<Timestamp>,
    /// What the client is asked in this round; empty while the server is at work.
    pub(super) questions: Vec<Asked>,
    /// The raw `requestState` of this round.
    pub(super) state: Option<Bytes>,
}

/// What the client is asked.
#[derive(Debug)]
pub(super) struct Asked {
    /// The client's id for it.
    pub(super) number: u64,
    pub(super) input: Input,
    /// The raw response.
    pub(super) response: Option<Bytes>,
}

impl Rounds {
    pub(super) fn new(message: Option<Bytes>) -> Self {
        Self { message, ..Self::default() }
    }

    /// Whether the client is being asked.
    pub(super) fn asks(&self) -> bool {
        !self.questions.is_empty()
    }

    /// Ends the round; yields what the retry bears besides the request's own params.
    pub(super) fn close(&mut self) -> Members {
        let mut members = Vec::new();
        if self.asks() {
            let mut responses = vec![b'{'];
            for asked in self.questions.drain(..) {
                if responses.len() > 1 {
                    responses.push(b',');
                }
                responses.extend_from_slice(&asked.input.key);
                responses.push(b':');
                responses.extend_from_slice(&asked.response.unwrap_or_default());
            }
            responses.push(b'}');
            members.push((Field::ParamsInputResponses, responses.into()));
        }
        members.extend(self.state.take().map(|state| (Field::ParamsRequestState, state)));
        Members::new(members)
    }
}
