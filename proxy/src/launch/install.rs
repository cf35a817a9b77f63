//! Copies this program to where another container can execute it.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// The name that the copy has.
const NAME: &str = "waggle-proxy";

/// This program, whatever its path is.
const SELF: &str = "/proc/self/exe";

/// Copies this program into `folder`: a whole file under the final name, or none.
///
/// # Errors
/// A sentence that names the folder and the cause.
pub fn install(folder: &Path) -> Result<PathBuf, String> {
    let target = folder.join(NAME);
    let cannot = |why: &str| format!("cannot copy this program to `{}`: {why}", target.display());
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(cannot("that is no folder; write the path of one")),
        Err(error) => return Err(cannot(&sentence(&error, folder))),
    }
    // Beside the target, so that the rename is one step; of our own name, so that two may run at once.
    let temporary = folder.join(format!(".{NAME}.{}", std::process::id()));
    let copied = copy(&temporary).and_then(|()| fs::rename(&temporary, &target));
    if let Err(error) = copied {
        let _ = fs::remove_file(&temporary);
        return Err(cannot(&sentence(&error, folder)));
    }
    Ok(target)
}

fn copy(to: &Path) -> io::Result<()> {
    let mut from = fs::File::open(SELF)?;
    let mut file = fs::File::create(to)?;
    io::copy(&mut from, &mut file)?;
    // Whoever runs the server may execute it.
    file.set_permissions(fs::Permissions::from_mode(0o755))?;
    file.sync_all()
}

fn sentence(error: &io::Error, folder: &Path) -> String {
    let folder = folder.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no folder `{folder}`; mount a volume there"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("no space is left on `{folder}`; give the volume room for 32 MiB")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!("`{folder}` is mounted read-only; mount it writable"),
        io::ErrorKind::PermissionDenied => format!(
            "user {} may not write to `{folder}`; make the volume writable for that user (`fsGroup`)",
            rustix::process::geteuid().as_raw()
        ),
        _ => error.to_string(),
    }
}
