//! One session's calls, for whichever scenario.

use std::time::Instant;

use hdrhistogram::Histogram;

use super::{Context, pace::Pace};
use crate::{
    echo::RESOURCE,
    report::histogram,
    transport::{Client, Fault, Request, Target, request::tool},
    verify::{Exchange, Tag, Tally, answer::Expected},
};

/// A session that calls, and what it has seen.
#[derive(Debug)]
pub(super) struct Caller {
    /// `None` when its connection has failed.
    pub(super) client: Option<Client>,
    pub(super) tally: Tally,
    pub(super) latency: Histogram<u64>,
    pub(super) fault: Option<String>,
    /// Milliseconds that the server is to take for each answer.
    delay: u32,
    number: usize,
    calls: u64,
    /// Ids begin here. They are the same in every session, unless all share one pipe.
    base: u64,
}

impl Caller {
    pub(super) fn new(context: &Context, number: usize, client: Result<Client, Fault>) -> Self {
        let base = match context.target {
            Target::Http(..) => 0,
            Target::Pipe(_) => (number as u64 + 1) << 32,
        };
        let mut caller = Self {
            client: None,
            tally: Tally::default(),
            latency: histogram(),
            fault: None,
            delay: 0,
            number,
            calls: 0,
            base,
        };
        match client {
            Ok(client) => caller.client = Some(client),
            Err(fault) => caller.count(&fault),
        }
        caller
    }

    /// The same of a server that takes so many milliseconds for each answer.
    pub(super) fn delayed(self, delay: u32) -> Self {
        Self { delay, ..self }
    }

    /// Calls the tool `echo` with payloads of this size, at this pace, for as long as the connection holds.
    pub(super) async fn echo(&mut self, context: &Context, size: usize, pace: &Pace) {
        while self.client.is_some() {
            let Some(due) = pace.turn().await else { return };
            self.echo_once(context, size, due).await;
        }
    }

    pub(super) async fn echo_once(&mut self, context: &Context, size: usize, due: Instant) {
        let tag = self.next_tag();
        let text = tag.payload(context.run, size);
        let mut arguments = format!(r#""text":"{text}""#);
        let name = match self.delay {
            0 => "echo",
            delay => {
                arguments.push_str(&format!(r#","milliseconds":{delay}"#));
                "sleep"
            }
        };
        let fields = tool(name, &arguments);
        let request = Request::call(self.id(tag), name, &fields);
        self.exchange(context, &request, Expected::Text(&text), due).await;
    }

    /// Makes a call of which only the faults count.
    pub(super) async fn warm(&mut self, context: &Context) {
        self.echo_once(context, 0, Instant::now()).await;
        self.tally.good = 0;
        self.latency.reset();
    }

    /// The next call's.
    pub(super) fn next_tag(&mut self) -> Tag {
        self.calls += 1;
        Tag { session: self.number, call: self.calls }
    }

    /// The id of a call.
    pub(super) fn id(&self, tag: Tag) -> u64 {
        self.base + tag.call
    }

    /// Makes a request, and judges what comes back. Its time is counted from `due`.
    pub(super) async fn exchange(
        &mut self,
        context: &Context,
        request: &Request<'_>,
        expected: Expected<'_>,
        due: Instant,
    ) {
        self.exchange_heard(context, request, expected, due, |_| {}).await;
    }

    /// The same; what comes beside the answer is given to `heard`, too.
    pub(super) async fn exchange_heard(
        &mut self,
        context: &Context,
        request: &Request<'_>,
        expected: Expected<'_>,
        due: Instant,
        mut heard: impl FnMut(&[u8]),
    ) {
        let Some(client) = &mut self.client else { return };
        let mut exchange = Exchange::new(request.id, expected);
        let judge = |message: &[u8]| {
            let is_answer = exchange.judge(message);
            if !is_answer {
                heard(message);
            }
            is_answer
        };
        match context.patiently(client.request(request, judge)).await {
            Ok(()) => {
                if exchange.end() {
                    let time = due.elapsed().as_nanos().try_into().unwrap_or(u64::MAX);
                    self.latency.saturating_record(time);
                } else {
                    self.fault.get_or_insert_with(|| Fault::Lost.to_string());
                }
            }
            Err(fault) => self.count(&fault),
        }
        context.counter.add(exchange.tally.good);
        if exchange.tally.violations() + exchange.tally.errors() > 0 {
            self.fault
                .get_or_insert_with(|| format!("{} {}: {:?}", request.method, request.id, exchange.tally));
        }
        self.tally.add(&exchange.tally);
    }

    /// Counts a fault; after most of them the connection is of no more use.
    pub(super) fn count(&mut self, fault: &Fault) {
        self.tally.count(fault);
        self.fault.get_or_insert_with(|| fault.to_string());
        if !matches!(fault, Fault::Refused(_)) {
            self.client = None;
        }
    }
}

/// Subscribes the session to the echo server's resource, where that takes a request.
pub(super) async fn subscribe(client: &mut Client) -> Result<(), Fault> {
    let fields = format!(r#""uri":"{RESOURCE}""#);
    let request = Request { fields: &fields, ..Request::plain(1, "resources/subscribe") };
    let mut exchange = Exchange::new(1, Expected::Anything);
    client.request(&request, |message| exchange.judge(message)).await?;
    match exchange.tally.good {
        0 => Err(Fault::Broken("the subscription was answered with an error".to_owned())),
        _ => Ok(()),
    }
}
