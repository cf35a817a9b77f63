//! Copies this program to where another container can execute it, and becomes the copy if that is wanted.

use std::{
    convert::Infallible,
    ffi::OsString,
    fs,
    io::{self, BufRead as _, BufReader},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

/// The name that the copy has.
const NAME: &str = "waggle-proxy";

/// This program, whatever its path is.
const SELF: &str = "/proc/self/exe";

/// What is compared at once.
const PIECE: usize = 64 * 1024;

/// Copies this program into `folder`: a whole file under the final name, or none. A copy that is there is kept, since
/// processes of one file share the memory that its program takes.
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
    if is_copy(&target).unwrap_or(false) {
        return Ok(target);
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

/// Goes on as the copy, in this very process. Where that may not be executed, goes on as this program: whoever else is
/// to run the copy then says why not.
///
/// # Errors
/// Neither can be executed.
pub fn go_on(copy: &Path, arguments: &[OsString]) -> io::Result<Infallible> {
    let _denied = Command::new(copy).args(arguments).exec();
    Err(Command::new(SELF).args(arguments).exec())
}

/// Not synchronized with the disk: what a failure of power leaves is no copy, and is replaced by the next start.
fn copy(to: &Path) -> io::Result<()> {
    let mut from = fs::File::open(SELF)?;
    let mut file = fs::File::create(to)?;
    io::copy(&mut from, &mut file)?;
    // Whoever runs the server may execute it.
    file.set_permissions(fs::Permissions::from_mode(0o755))
}

/// Whether this very program is there, for everybody to execute.
fn is_copy(there: &Path) -> io::Result<bool> {
    let (ours, theirs) = (fs::File::open(SELF)?, fs::File::open(there)?);
    let found = theirs.metadata()?;
    if found.len() != ours.metadata()?.len() || found.permissions().mode() & 0o111 != 0o111 {
        return Ok(false);
    }
    let [mut ours, mut theirs] = [ours, theirs].map(|file| BufReader::with_capacity(PIECE, file));
    loop {
        let (a, b) = (ours.fill_buf()?, theirs.fill_buf()?);
        let length = a.len().min(b.len());
        if length == 0 {
            return Ok(a.len() == b.len());
        }
        if a[..length] != b[..length] {
            return Ok(false);
        }
        ours.consume(length);
        theirs.consume(length);
    }
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
