//! Notices that the configuration file has changed.
//!
//! It is looked at once a second. To be told by the kernel (inotify) would take a watch on every directory on the way
//! through the links of a mounted ConfigMap, which the kubelet replaces under us; a watch tells nothing on network
//! file systems, and cannot be had at all once a user's instances are used up, of which a node has 128 for all pods of
//! one user id. A look costs a microsecond and cannot miss the last state.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use tokio::time::sleep;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A file that has not changed for so long is taken to be complete: who writes one in place begins with an empty one,
/// which is a valid configuration too.
const REST: Duration = Duration::from_millis(100);

/// What tells one state of the file from another, whatever links lead to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stamp {
    /// It is not there, or cannot be looked at.
    Missing,
    Present {
        file: (u64, u64),
        size: u64,
        written: (i64, i64),
        changed: (i64, i64),
    },
}

impl Stamp {
    fn of(file: &Path) -> Self {
        fs::metadata(file).map_or(Self::Missing, |file| Self::Present {
            file: (file.dev(), file.ino()),
            size: file.size(),
            written: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

/// Waits until the file is at rest in another state than `seen`, which is that state then. Cancel-safe.
pub(super) async fn changed(file: &Path, seen: &mut Option<Stamp>) {
    loop {
        let found = Stamp::of(file);
        if *seen == Some(found) {
            sleep(LOOK).await;
            continue;
        }
        sleep(REST).await;
        if Stamp::of(file) == found {
            *seen = Some(found);
            return;
        }
    }
}
