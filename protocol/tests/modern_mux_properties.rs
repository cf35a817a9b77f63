//! For any interleaving of clients of both eras, a server of 2026-07-28, failures and time: each message
//! reaches exactly its owner.

mod modern_model;

use modern_model::World;
use proptest::{collection::vec, prelude::*};

proptest! {
    #[test]
    fn a_modern_server_keeps_its_clients_apart(
        steps in vec(any::<(u8, u8, u8)>(), 0..300),
        dies in any::<bool>(),
    ) {
        let mut world = World::new();
        // Begins with a process and sessions, so that most cases have something to do.
        let start = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 0), (3, 1, 0)];
        for (what, who, which) in start.into_iter().chain(steps) {
            world.step(what, who, which);
        }
        world.finish(dies);
    }
}
