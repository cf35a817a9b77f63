//! The `waggle-proxy` program.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// What connections and large messages have taken goes back to the system; and it is the same one, and a quick one,
/// whatever C library the program is linked with.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    waggle_proxy::program::main()
}
