//! The server's command, found before anything else is done.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, statvfs};

use crate::upstream::base_name;

/// Where programs are looked for when `PATH` is not set, as the C library does.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// A command whose program is there and may be executed.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// The file to execute.
    pub(crate) file: PathBuf,
    /// The command as it was given: program and arguments.
    pub(crate) words: Vec<String>,
}

/// The command can never be run. The text is a sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum NoCommand {
    /// There is no such program.
    #[error("{0}")]
    Missing(String),
    /// It is there and may not be executed.
    #[error("{0}")]
    Denied(String),
}

impl NoCommand {
    /// As shells exit.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Missing(_) => 127,
            Self::Denied(_) => 126,
        }
    }
}

impl Command {
    /// Finds the program, in `path` if its name has no slash.
    pub(crate) fn find(words: Vec<String>, path: Option<&OsStr>) -> Result<Self, NoCommand> {
        let program = words.first().cloned().unwrap_or_default();
        if program.contains('/') {
            let file = PathBuf::from(&program);
            return match executable(&file) {
                Ok(()) => Ok(Self { file, words }),
                Err(error) => Err(refusal(&program, &file, &error)),
            };
        }
        let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
        let mut denied = None;
        for file in std::env::split_paths(path).map(|folder| folder.join(&program)) {
            match executable(&file) {
                Ok(()) => return Ok(Self { file, words }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => denied = denied.or_else(|| Some(refusal(&program, &file, &error))),
            }
        }
        Err(denied.unwrap_or_else(|| {
            NoCommand::Missing(format!(
                "there is no command `{program}` in this container: PATH is `{}`; write its full path, or use an \
                 image that has it",
                path.to_string_lossy()
            ))
        }))
    }

    /// The last part of the program's path: the server's name.
    pub(crate) fn name(&self) -> &str {
        base_name(self.words.first().map(String::as_str).unwrap_or_default())
    }

    /// Why it could not be started although it is there: a sentence.
    pub(crate) fn cannot_start(&self, error: &io::Error) -> String {
        let program = self.file.display();
        match error.kind() {
            io::ErrorKind::NotFound => format!(
                "`{program}` cannot be started: what should run it is missing, the interpreter named in its first \
                 line or the loader of its C library"
            ),
            io::ErrorKind::PermissionDenied => match executable(&self.file) {
                Err(error) => refusal(&program.to_string(), &self.file, &error).to_string(),
                Ok(()) => format!(
                    "`{program}` cannot be started: the interpreter named in its first line may not be executed"
                ),
            },
            _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => format!(
                "`{program}` cannot be started: it is made for another kind of machine, or is a script without \
                 `#!` in its first line"
            ),
            _ => format!("`{program}` cannot be started: {error}"),
        }
    }
}

/// Whether this user may execute the file, here. Also false where the file system forbids it.
fn executable(file: &Path) -> io::Result<()> {
    if std::fs::metadata(file)?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(accessat(CWD, file, Access::EXEC_OK, AtFlags::EACCESS)?)
}

fn refusal(program: &str, file: &Path, error: &io::Error) -> NoCommand {
    use std::os::unix::fs::PermissionsExt as _;
    let place = file.display();
    let has_bit = || std::fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
    match error.kind() {
        io::ErrorKind::NotFound => NoCommand::Missing(format!(
            "there is no command `{program}` in this container; check the spelling, or use an image that has it"
        )),
        io::ErrorKind::IsADirectory => {
            NoCommand::Denied(format!("`{place}` is a folder and no program; write the path of a program"))
        }
        _ if on_noexec(file) => NoCommand::Denied(format!(
            "`{place}` may not be executed: its file system is mounted `noexec`; put the program into the image, or \
             on a volume that allows execution"
        )),
        _ if !has_bit() => NoCommand::Denied(format!(
            "`{place}` may not be executed: it has no execute permission; make it executable with `chmod +x`"
        )),
        _ => NoCommand::Denied(format!(
            "`{place}` may not be executed by user {}: {error}",
            rustix::process::geteuid().as_raw()
        )),
    }
}

fn on_noexec(file: &Path) -> bool {
    statvfs(file).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(program: &str, path: Option<&str>) -> Result<Command, NoCommand> {
        Command::find(vec![program.to_owned(), "-x".to_owned()], path.map(OsStr::new))
    }

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        for (program, path) in [("sh", Some("/nowhere:/bin")), ("sh", None), ("/bin/sh", Some(""))] {
            let command = find(program, path).unwrap();
            assert_eq!((command.file.as_path(), command.name()), (Path::new("/bin/sh"), "sh"));
            assert_eq!(command.words, [program, "-x"]);
        }
    }

    #[test]
    fn what_cannot_be_run_is_told_in_one_sentence_with_the_shells_status() {
        for (program, status, part) in [
            (
                "no-such-command",
                127,
                "there is no command `no-such-command` in this container: PATH is `/etc`",
            ),
            ("/no/such/command", 127, "there is no command `/no/such/command` in this container"),
            ("/etc", 126, "`/etc` is a folder"),
            ("/etc/passwd", 126, "`/etc/passwd` may not be executed: it has no execute permission"),
            ("passwd", 126, "`/etc/passwd` may not be executed"),
        ] {
            let refused = find(program, Some("/etc")).unwrap_err();
            assert_eq!(refused.exit_code(), status, "{program}");
            assert!(refused.to_string().starts_with(part), "{refused}");
            assert!(!refused.to_string().contains('\n'));
        }
    }
}
