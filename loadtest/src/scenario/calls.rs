//! `calls`: sessions that each make one call after the other.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::{sync::Barrier, task::JoinSet, time::timeout};

use crate::{
    endpoint::Endpoint,
    report::Report,
    transport::{Fault, Transport, streamable_http::Client},
    usage::{Usage, Which, usage},
    verify::{Message, Tag, Tally, judge},
};

/// What to do.
#[derive(Clone, Debug)]
pub struct Calls {
    /// Clients at once, each with a connection of its own.
    pub sessions: usize,
    /// Bytes of each payload.
    pub payload: usize,
    /// How long the measured part lasts.
    pub duration: Duration,
    /// How long one call may take before it counts as lost.
    pub patience: Duration,
    /// Tells this run's payloads from another's.
    pub run: u64,
}

struct Session {
    tally: Tally,
    latency: Histogram<u64>,
    fault: Option<String>,
}

/// Runs it; the processes in `watched` are measured from the first call to the last answer.
pub async fn run(endpoint: &Endpoint, transport: Transport, calls: &Calls, watched: &[Which]) -> Report {
    let ready = Arc::new(Barrier::new(calls.sessions + 1));
    let go = Arc::new(Barrier::new(calls.sessions + 1));
    let mut sessions = JoinSet::new();
    let opening = Instant::now();
    for number in 0..calls.sessions {
        let (endpoint, calls) = (endpoint.clone(), calls.clone());
        let (ready, go) = (ready.clone(), go.clone());
        sessions.spawn(async move {
            let client = timeout(calls.patience, Client::open(&endpoint, transport)).await;
            ready.wait().await;
            go.wait().await;
            session(client.unwrap_or(Err(Fault::Lost)), number, &calls).await
        });
    }
    ready.wait().await;
    let opened = opening.elapsed();
    let before: Vec<Usage> = watched.iter().map(usage).collect();
    let start = Instant::now();
    go.wait().await;
    let mut report = Report::new(calls.sessions, calls.payload, opened);
    while let Some(session) = sessions.join_next().await {
        // A session does not panic; if it did, its calls are missing from the report.
        let Ok(session) = session else { continue };
        report.tally.add(&session.tally);
        // Both have the same bounds.
        let _ = report.latency.add(session.latency);
        report.note(session.fault);
    }
    report.finish(start.elapsed(), watched, &before);
    report
}

async fn session(client: Result<Client, Fault>, number: usize, calls: &Calls) -> Session {
    let mut session = Session { tally: Tally::default(), latency: Report::histogram(), fault: None };
    let mut client = match client {
        Ok(client) => client,
        Err(fault) => {
            session.count(&fault);
            return session;
        }
    };
    let end = Instant::now() + calls.duration;
    let mut call = 0;
    while Instant::now() < end {
        call += 1;
        let text = Tag { session: number, call }.payload(calls.run, calls.payload);
        let begun = Instant::now();
        let mut answers = Tally::default();
        let mut count = 0;
        let id = call.to_string();
        let answered = client.echo(call, &text, |message| {
            let Ok(message) = serde_json::from_slice::<Message<'_>>(message) else {
                answers.corrupt += 1;
                return;
            };
            if message.method.is_none() {
                count += 1;
                judge(&mut answers, &message, &id, &text);
            }
        });
        let answered = timeout(calls.patience, answered).await.unwrap_or(Err(Fault::Lost));
        session.tally.add(&answers);
        session.tally.duplicates += u64::saturating_sub(count, 1);
        match answered {
            Ok(()) if count == 0 => session.count(&Fault::Lost),
            Ok(()) => {
                session.latency.saturating_record(begun.elapsed().as_nanos().try_into().unwrap_or(u64::MAX))
            }
            Err(fault) => {
                session.count(&fault);
                if !matches!(fault, Fault::Refused(_)) {
                    break;
                }
            }
        }
    }
    session
}

impl Session {
    fn count(&mut self, fault: &Fault) {
        match fault {
            Fault::Refused(_) => self.tally.refused += 1,
            Fault::Broken(_) => self.tally.broken += 1,
            Fault::Lost => self.tally.lost += 1,
        }
        self.fault.get_or_insert_with(|| fault.to_string());
    }
}
