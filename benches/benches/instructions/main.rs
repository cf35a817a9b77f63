//! The instructions that the hot paths take, counted by valgrind: the same on every run, unlike time.
//!
//! `make instructions` runs these and compares with the counts in `benches/instructions.json`. Each is of many
//! operations, so that what the first one pays (an empty allocator, for one) does not show.

#![expect(missing_docs, reason = "the macros make public items")]

use std::{hint::black_box, iter};

use bytes::{Buf, BufMut, Bytes};
use gungraun::{library_benchmark, library_benchmark_group, main};
use waggle_benches::{
    hive::{BROADCAST, Direction, Hive, Outcome, answer, id_of, progress},
    list, modern_request, picture, request, response,
};
use waggle_protocol::{
    Gather,
    jsonrpc::{Edit, Envelope, Field, Payload, scan, splice},
    line::LineDecoder,
    modern::{check::check, claim::claim, header},
    sse::{EventId, SseDecoder, encode},
};

const TIMES: usize = 100;
const SMALL: usize = 200;
const LARGE: usize = 64 * 1024;
const READ: usize = 64 * 1024;
const LIMIT: usize = 64 * 1024 * 1024;
const SESSIONS: usize = 1000;

#[library_benchmark]
#[bench::request(request(), TIMES)]
#[bench::modern_request(modern_request(), TIMES)]
#[bench::response(response(SMALL), TIMES)]
#[bench::text(response(LARGE), 1)]
#[bench::picture(picture(LARGE), 1)]
#[bench::list(list(LARGE), 1)]
fn scanned(message: Vec<u8>, times: usize) -> Vec<u8> {
    for _ in 0..times {
        assert!(black_box(scan(black_box(&message))).is_ok());
    }
    message
}

fn edited(message: Vec<u8>) -> (Bytes, Vec<Edit>) {
    let message = Bytes::from(message);
    let envelope: Envelope = scan(&message).expect("the bench's messages are valid");
    let edit = |field| envelope.span(field).map(|at| Edit { at, with: Bytes::from_static(b"4294967297") });
    let mut edits: Vec<_> = [Field::Id, Field::ProgressToken].into_iter().filter_map(edit).collect();
    edits.sort_by_key(|edit| edit.at);
    (message, edits)
}

// New ids, and everything ready for one write.
#[library_benchmark]
#[bench::request(edited(request()))]
#[bench::response(edited(response(SMALL)))]
#[bench::text(edited(response(LARGE)))]
fn spliced((message, edits): (Bytes, Vec<Edit>)) -> (Bytes, Vec<Edit>, Gather) {
    let mut out = Gather::new();
    for _ in 0..TIMES {
        out.append_payload(&splice(black_box(&message), black_box(&edits)));
        out.copy(b"\n");
    }
    (message, edits, out)
}

fn lines() -> Vec<u8> {
    let mut line = response(SMALL - 1);
    line.push(b'\n');
    line.repeat(10 * TIMES)
}

#[library_benchmark]
#[bench::lines(lines())]
fn cut(input: Vec<u8>) -> Vec<u8> {
    let mut decoder = LineDecoder::new(LIMIT);
    let mut found = 0;
    for read in input.chunks(READ) {
        decoder.buffer(READ).put_slice(read);
        found += iter::from_fn(|| decoder.next_line()).count();
    }
    assert_eq!(found, 10 * TIMES);
    input
}

fn payload(size: usize) -> Payload {
    Payload::from(Bytes::from(response(size)))
}

#[library_benchmark]
#[bench::response(payload(SMALL))]
#[bench::text(payload(LARGE))]
fn encoded(payload: Payload) -> (Payload, Gather) {
    let mut out = Gather::new();
    for sequence in 0..TIMES as u64 {
        encode::event(&mut out, Some(EventId { stream: 7, sequence }), black_box(&payload));
    }
    (payload, out)
}

/// Ten events.
fn stream(size: usize) -> Bytes {
    let (payload, mut out) = (payload(size), Gather::new());
    for sequence in 0..10 {
        encode::event(&mut out, Some(EventId { stream: 7, sequence }), &payload);
    }
    out.copy_to_bytes(out.remaining())
}

#[library_benchmark]
#[bench::responses(stream(SMALL))]
#[bench::texts(stream(LARGE))]
fn decoded(stream: Bytes) -> Bytes {
    let mut decoder = SseDecoder::new(LIMIT);
    let mut found = 0;
    for read in stream.chunks(READ) {
        decoder.feed(black_box(read));
        found += iter::from_fn(|| decoder.next_event()).count();
    }
    assert_eq!(found, 10);
    stream
}

fn scanned_modern_request() -> (Vec<u8>, Envelope) {
    let message = modern_request();
    let envelope = scan(&message).expect("a message");
    (message, envelope)
}

fn headers(name: &str) -> Option<&'static str> {
    match name {
        header::PROTOCOL_VERSION => Some("2026-07-28"),
        header::METHOD => Some("tools/call"),
        header::NAME => Some("echo"),
        _ => None,
    }
}

#[library_benchmark]
#[bench::request(scanned_modern_request())]
fn checked((message, envelope): (Vec<u8>, Envelope)) -> (Vec<u8>, Envelope) {
    for _ in 0..TIMES {
        black_box(claim(black_box(&message), &envelope, headers(header::PROTOCOL_VERSION)));
        assert!(check(black_box(&message), &envelope, headers).is_ok());
    }
    (message, envelope)
}

/// Tables of their final size.
fn warm(direction: Direction) -> Hive {
    let (mut hive, answers) = called(direction);
    for line in answers {
        hive.hear(&line);
    }
    hive
}

/// As many calls as are measured, and their answers.
fn called(direction: Direction) -> (Hive, Vec<Bytes>) {
    let mut hive = Hive::new(direction);
    let answers = (0..TIMES).map(|_| answer(&id_of(&hive.call()), SMALL)).collect();
    (hive, answers)
}

#[library_benchmark]
#[bench::legacy_to_legacy(warm(Direction::LegacyToLegacy))]
#[bench::modern_to_legacy(warm(Direction::ModernToLegacy))]
#[bench::legacy_to_modern(warm(Direction::LegacyToModern))]
#[bench::modern_to_modern(warm(Direction::ModernToModern))]
fn call(mut hive: Hive) -> Hive {
    for _ in 0..TIMES {
        black_box(hive.call());
    }
    hive
}

#[library_benchmark]
#[bench::legacy_to_legacy(called(Direction::LegacyToLegacy))]
#[bench::modern_to_legacy(called(Direction::ModernToLegacy))]
#[bench::legacy_to_modern(called(Direction::LegacyToModern))]
#[bench::modern_to_modern(called(Direction::ModernToModern))]
fn answered((mut hive, answers): (Hive, Vec<Bytes>)) -> (Hive, Vec<Bytes>) {
    for line in &answers {
        assert!(matches!(black_box(hive.hear(line)), Some(Outcome::Answer { .. })));
    }
    (hive, answers)
}

fn in_progress() -> (Hive, Bytes) {
    let mut hive = Hive::new(Direction::LegacyToLegacy);
    let line = progress(&id_of(&hive.call()));
    (hive, line)
}

#[library_benchmark]
#[bench::progress(in_progress())]
fn notified((mut hive, line): (Hive, Bytes)) -> (Hive, Bytes) {
    for _ in 0..TIMES {
        assert!(matches!(black_box(hive.hear(&line)), Some(Outcome::Related { .. })));
    }
    (hive, line)
}

#[library_benchmark]
#[bench::thousand_sessions(Hive::shared(SESSIONS))]
fn broadcast(mut hive: Hive) -> Hive {
    let first = hive.hear(&Bytes::from_static(BROADCAST));
    let copies = first.into_iter().chain(hive.outcomes()).map(black_box);
    assert!(copies.filter(|effect| matches!(effect, Outcome::Background { .. })).count() == SESSIONS);
    hive
}

library_benchmark_group!(name = wire; benchmarks = scanned, spliced, cut, encoded, decoded, checked);
library_benchmark_group!(name = mux; benchmarks = call, answered, notified, broadcast);

main!(library_benchmark_groups = wire, mux);
