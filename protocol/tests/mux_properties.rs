//! For any interleaving of clients, a server, failures and time: each message reaches exactly its owner.

mod mux_model;

use mux_model::{Finale, World};
use proptest::{collection::vec, prelude::*};
use waggle_protocol::mux::Sharing;

fn finale() -> impl Strategy<Value = Finale> {
    prop_oneof![Just(Finale::Answered), Just(Finale::Died), Just(Finale::TimedOut), Just(Finale::Left)]
}

fn run(sharing: Sharing, steps: &[(u8, u8, u8)], finale: Finale) {
    let mut world = World::new(sharing);
    for (what, who, which) in steps {
        world.step(*what, *who, *which);
        world.junk(&[*what, *who, *which]);
    }
    world.finish(finale);
}

/// Begins with a process and sessions, so that most cases have something to do.
fn steps(length: usize) -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    let start = [(30, 0, 0), (29, 0, 255), (0, 0, 0), (0, 0, 0), (0, 0, 0), (2, 1, 0)];
    vec(any::<(u8, u8, u8)>(), 0..length).prop_map(move |steps| start.iter().copied().chain(steps).collect())
}

proptest! {

    #[test]
    fn a_shared_server_keeps_its_clients_apart(steps in steps(300), finale in finale()) {
        run(Sharing::Shared, &steps, finale);
    }

    #[test]
    fn an_exclusive_server_loses_nothing(steps in steps(300), finale in finale()) {
        run(Sharing::Exclusive, &steps, finale);
    }
}
