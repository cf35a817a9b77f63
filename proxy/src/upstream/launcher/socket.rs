//! The Unix socket that a launcher connects to.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::Path,
};

use tokio::net::UnixListener;

/// The launcher runs as the user of the server's container, which need not be ours. Who may reach the folder is up
/// to the pod, which shares it between these two containers alone.
const MODE: u32 = 0o666;

/// Listens on `path`, in place of a socket that nobody listens on any more.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::other("there is something else; choose a path for a socket of its own"));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::other("another proxy listens on it; choose another path"));
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    Ok(listener)
}

/// Takes it away at the end. Nobody else can listen there while we do.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::debug!(%error, "cannot remove the socket");
    }
}
