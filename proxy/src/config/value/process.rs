//! What server processes are given, and who starts them.

use std::path::PathBuf;

use super::{HIDDEN, Kind};
use crate::config::server_env::{ServerVariable, VariableSource};
use crate::secret::Secret;

/// `NAME=VALUE` or `NAME=@FILE`.
pub(in crate::config) struct Variable;

/// The path of a Unix socket.
pub(in crate::config) struct Socket;

/// The longest path that the address of a Unix socket holds.
const LONGEST_PATH: usize = 107;

/// The same on a command line that has no table of options; the error is a sentence.
pub(crate) fn parse_socket(text: &str) -> Result<PathBuf, String> {
    Socket.read(text).map_err(|problem| format!("{problem}; write {}", Socket.expected()))
}

impl Kind for Variable {
    type Value = ServerVariable;
    const NAME: &'static str = "NAME=VALUE";

    fn expected(&self) -> String {
        "a variable as `NAME=VALUE`, or as `NAME=@FILE` with its value in a file".to_owned()
    }

    fn read(&self, text: &str) -> Result<ServerVariable, String> {
        let (name, value) = text.split_once('=').ok_or_else(|| "has no `=`".to_owned())?;
        let name = name.trim();
        if name.is_empty() || name.contains(|c: char| c == '\0' || c.is_whitespace()) {
            return Err("does not start with a variable's name".to_owned());
        }
        let value = match value {
            HIDDEN => return Err("does not hold the value".to_owned()),
            "@" => return Err("names no file".to_owned()),
            value if value.contains('\0') => return Err("holds a NUL byte".to_owned()),
            value => match value.strip_prefix('@') {
                Some(file) => VariableSource::File(PathBuf::from(file)),
                None => VariableSource::Given(Secret::new(value.to_owned())),
            },
        };
        Ok(ServerVariable { name: name.to_owned(), value })
    }

    fn write(&self, value: &ServerVariable) -> String {
        match &value.value {
            VariableSource::Given(_) => format!("{}={HIDDEN}", value.name),
            VariableSource::File(file) => format!("{}=@{}", value.name, file.display()),
        }
    }

    fn quote(&self, text: &str) -> String {
        match text.split_once('=') {
            Some((name, _)) => format!("{name}={HIDDEN}"),
            None => HIDDEN.to_owned(),
        }
    }
}

impl Kind for Socket {
    type Value = PathBuf;
    const NAME: &'static str = "PATH";

    fn expected(&self) -> String {
        "the path of a Unix socket, such as `/run/waggle/launcher.sock`".to_owned()
    }

    fn read(&self, text: &str) -> Result<PathBuf, String> {
        match text.len() {
            0..=LONGEST_PATH => Ok(PathBuf::from(text)),
            _ => Err(format!("is longer than the {LONGEST_PATH} bytes that a socket's path may have")),
        }
    }

    fn write(&self, value: &PathBuf) -> String {
        value.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::refuses;
    use super::super::{Arity as _, Lines, Shown};
    use super::*;

    #[test]
    fn variables_are_read_and_their_values_never_written() {
        let given = ["KEY=a=b,c\nEMPTY=".to_owned(), "FILE=@/run/key".to_owned()];
        let variables = Lines(Variable).read(&given).unwrap();
        let read: Vec<_> = variables[..2].iter().map(|variable| variable.read().unwrap()).collect();
        assert_eq!((read[0].0.as_str(), read[0].1.expose()), ("KEY", "a=b,c"));
        assert_eq!((read[1].0.as_str(), read[1].1.expose()), ("EMPTY", ""));
        let shown = ["KEY=<hidden>", "EMPTY=<hidden>", "FILE=@/run/key"].map(str::to_owned);
        assert_eq!(Lines(Variable).show(&variables), Shown::Many(shown.to_vec()));
        assert!(!format!("{variables:?}").contains("a=b,c"));
    }

    #[test]
    fn what_is_no_variable_is_refused_without_its_value() {
        refuses(
            &Variable,
            &[
                ("KEY", "has no `=`"),
                ("=1", "does not start with a variable's name"),
                ("A KEY=1", "does not start with a variable's name"),
                ("KEY=@", "names no file"),
                ("KEY=a\0b", "holds a NUL byte"),
                ("KEY=<hidden>", "does not hold the value"),
            ],
        );
        assert_eq!(Lines(Variable).read(&["A B=sesame".to_owned()]).unwrap_err().value, "A B=<hidden>");
    }

    #[test]
    fn a_path_fits_into_an_address() {
        assert_eq!(Socket.read("/run/waggle.sock"), Ok(PathBuf::from("/run/waggle.sock")));
        assert_eq!(Socket.read(&"x".repeat(107)).map(|path| path.as_os_str().len()), Ok(107));
        assert!(Socket.read(&"x".repeat(108)).unwrap_err().contains("longer than the 107 bytes"));
    }
}
