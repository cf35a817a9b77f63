//! What the system lets this process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process, and those that it starts, open as many files as the system allows without asking: each session is
/// one or two.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // Without it fewer sessions fit, which is seen.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
