//! Any bytes as a conversation with a legacy server: clients, the server, failures and time, in any order.
//!
//! The first byte says how the server is shared, and which of three worlds it is. In two of them, one of sessions and
//! one of modern calls, all that is said is correct, and each message is followed to its owner (the worlds of the
//! property tests). In the third, either side says what it likes.
#![no_main]

#[path = "../../protocol/tests/call_model/mod.rs"]
mod call_model;
#[path = "../../protocol/tests/mux_model/mod.rs"]
mod mux_model;
mod wild;

use libfuzzer_sys::fuzz_target;
use mux_model::Finale;
use waggle_protocol::mux::{LegacyMux, Sharing};

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    let sharing = if first & 1 == 0 { Sharing::Shared } else { Sharing::Exclusive };
    if first & 2 != 0 {
        wild::run(wild::Mux::Legacy(LegacyMux::new(sharing, wild::LIMITS)), sharing, rest);
    } else if first & 16 != 0 {
        calls(sharing, rest);
    } else {
        sessions(sharing, first, rest);
    }
});

fn sessions(sharing: Sharing, first: u8, steps: &[u8]) {
    let mut world = mux_model::World::new(sharing);
    for step in steps.chunks_exact(3) {
        world.step(step[0], step[1], step[2]);
        world.junk(step);
    }
    world.finish(match first >> 2 & 3 {
        0 => Finale::Answered,
        1 => Finale::Died,
        2 => Finale::TimedOut,
        _ => Finale::Left,
    });
}

fn calls(sharing: Sharing, steps: &[u8]) {
    let mut world = call_model::World::new(sharing);
    world.connect();
    for step in steps.chunks_exact(2) {
        world.step(step[0], step[1]);
    }
    world.finish();
}
