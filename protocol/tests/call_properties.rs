//! For any interleaving of modern callers, a legacy server that asks them things, failures and time: each message
//! reaches exactly the call that it is about, and every exchange ends once.

mod call_model;

use call_model::World;
use proptest::{collection::vec, prelude::*};
use waggle_protocol::mux::Sharing;

fn run(sharing: Sharing, steps: &[(u8, u8)]) {
    let mut world = World::new(sharing);
    world.connect();
    for (what, which) in steps {
        world.step(*what, *which);
    }
    world.finish();
}

proptest! {
    #[test]
    fn a_shared_server_keeps_its_calls_apart(steps in vec(any::<(u8, u8)>(), 0..300)) {
        run(Sharing::Shared, &steps);
    }

    #[test]
    fn a_leased_server_asks_the_right_one(steps in vec(any::<(u8, u8)>(), 0..300)) {
        run(Sharing::Exclusive, &steps);
    }
}
