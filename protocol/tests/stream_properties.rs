//! For any pushes, readers and broken connections: a client that resumes after the last event it got sees
//! every response once and everything in order, unless it was told that something is gone; and what a
//! stream holds is bounded.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use waggle_protocol::{
    session::{Class, Gone, Read, ReplayLimits, Stream, StreamLimits, Ticket},
    time::Timestamp,
};

const LARGEST: usize = 40;
const AGE: Duration = Duration::from_secs(1000);

#[derive(Clone, Debug)]
enum Step {
    Push {
        response: bool,
        length: usize,
    },
    Read {
        budget: usize,
    },
    /// The connection breaks; the client got only so many of the events that were written to it.
    Break {
        arrived: prop::sample::Index,
    },
    /// The client comes (back), perhaps while its old connection still seems open.
    Come,
    Wait {
        seconds: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), 1..=LARGEST).prop_map(|(response, length)| Step::Push { response, length }),
        4 => (0..100usize).prop_map(|budget| Step::Read { budget }),
        2 => any::<prop::sample::Index>().prop_map(|arrived| Step::Break { arrived }),
        2 => Just(Step::Come),
        1 => (0..30u64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn limits() -> impl Strategy<Value = StreamLimits> {
    let replay =
        (0..200usize, 0..20usize).prop_map(|(bytes, events)| ReplayLimits { bytes, events, age: AGE });
    (0..100usize, replay).prop_map(|(queue_bytes, replay)| StreamLimits { queue_bytes, replay })
}

/// A stream, its client, and all that is known of either.
struct World {
    stream: Stream,
    limits: StreamLimits,
    now: Duration,
    /// The length of each message, and whether it is a response.
    pushed: Vec<(usize, bool)>,
    dropped: usize,
    /// Sequences written to any connection.
    written: BTreeSet<u64>,
    connection: Option<Ticket>,
    /// Sequences on their way to the client.
    on_the_way: Vec<u64>,
    /// The client's last event id.
    last: u64,
    got: Vec<u64>,
    /// Whether the connection was promised to be without gaps.
    whole: bool,
}

impl World {
    fn new(limits: StreamLimits, requests: Option<usize>) -> Self {
        Self {
            stream: requests.map_or_else(Stream::standalone, Stream::for_requests),
            limits,
            now: Duration::ZERO,
            pushed: Vec::new(),
            dropped: 0,
            written: BTreeSet::new(),
            connection: None,
            on_the_way: Vec::new(),
            last: 0,
            got: Vec::new(),
            whole: true,
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Push { response, length } => self.push(*response, *length),
            Step::Read { budget } => drop(self.read(*budget)),
            Step::Break { arrived } => {
                let arrived = arrived.index(self.on_the_way.len() + 1);
                self.on_the_way.truncate(arrived);
                self.arrive();
                if let Some(ticket) = self.connection.take() {
                    self.stream.detach(ticket);
                }
            }
            Step::Come => {
                self.arrive();
                self.come();
            }
            Step::Wait { seconds } => {
                self.now += Duration::from_secs(*seconds);
            }
        }
        // As drivers do from time to time: what has been read just now may exceed the limits.
        self.dropped += self.stream.trim(&self.limits, Timestamp::new(self.now));
        self.check_bounds();
    }

    fn push(&mut self, response: bool, length: usize) {
        self.pushed.push((length, response));
        let class = if response { Class::Response } else { Class::Message };
        let payload = Bytes::from(vec![b'x'; length]);
        let now = Timestamp::new(self.now);
        self.dropped += self.stream.push(payload.into(), class, &self.limits, now).dropped;
    }

    fn come(&mut self) {
        let old = self.connection.take();
        let ticket = match self.stream.attach(self.last) {
            Ok(ticket) => {
                self.whole = true;
                ticket
            }
            Err(Gone) => {
                self.whole = false;
                self.stream.resume()
            }
        };
        if let Some(old) = old {
            assert_eq!(self.stream.read(old, 1, |_, _| panic!("a replaced reader reads")), Read::Replaced);
            self.stream.detach(old);
            assert!(self.stream.has_reader());
        }
        self.connection = Some(ticket);
    }

    fn read(&mut self, budget: usize) -> Option<Read> {
        let ticket = self.connection?;
        let mut before = self.on_the_way.last().copied().unwrap_or(self.last);
        let (mut taken, mut events) = (0, 0);
        let read = self.stream.read(ticket, budget, |sequence, event| {
            assert!(!self.whole || sequence == before + 1, "a gap before {sequence}");
            assert!(sequence > before, "{sequence} comes after {before}");
            assert_eq!((event.payload.len(), event.lasting), self.pushed[sequence as usize - 1]);
            assert!(taken < budget.max(1), "more is read than was asked for");
            (before, taken, events) = (sequence, taken + event.payload.len(), events + 1);
            self.on_the_way.push(sequence);
            self.written.insert(sequence);
        });
        assert_eq!(read == Read::Events, events > 0);
        if read == Read::Lagged {
            self.connection = None;
            self.stream.detach(ticket);
            self.arrive();
        }
        Some(read)
    }

    /// What is on its way reaches the client.
    fn arrive(&mut self) {
        self.got.append(&mut self.on_the_way);
        self.last = self.got.last().copied().unwrap_or(0);
    }

    fn check_bounds(&self) {
        let unread = |(index, (length, response)): (usize, &(usize, bool))| {
            (*response && !self.written.contains(&(index as u64 + 1))).then_some(*length)
        };
        let responses: usize = self.pushed.iter().enumerate().filter_map(unread).sum();
        let limits = self.limits.replay.bytes + self.limits.queue_bytes;
        assert!(
            self.stream.bytes() <= limits + LARGEST + responses,
            "{} bytes are held",
            self.stream.bytes()
        );
    }

    /// The client stays until it has all that is left.
    fn finish(mut self) {
        self.stream.close();
        self.arrive();
        let gone = self.stream.attach(self.last).is_err();
        self.come();
        assert_eq!(self.whole, !gone);
        while self.read(50) == Some(Read::Events) {}
        self.arrive();
        assert_eq!(self.read(50), Some(Read::End));
        assert!(self.got.is_sorted_by(|one, next| one < next), "an event came twice");
        assert_eq!(self.written.len() + self.dropped, self.pushed.len(), "something was lost uncounted");
        let responses = (1..).zip(&self.pushed).filter(|(_, (_, response))| *response);
        for (sequence, _) in responses {
            assert!(self.written.contains(&sequence), "the response {sequence} was never sent");
        }
        if !gone {
            assert_eq!(self.last as usize, self.pushed.len(), "the client has not come to the end");
        }
    }
}

proptest! {
    #[test]
    fn who_resumes_misses_nothing_unknowingly(
        limits in limits(), requests in prop::option::of(0..50usize), steps in vec(step(), 0..120),
    ) {
        // Responses beyond the requests of a stream do not come; on a standalone one any may (HTTP+SSE).
        let mut world = World::new(limits, requests.map(|_| usize::MAX));
        for step in &steps {
            world.step(step);
        }
        world.finish();
    }
}
