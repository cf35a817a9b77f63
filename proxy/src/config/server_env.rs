//! Environment variables for server processes.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::secret::Secret;

/// An environment variable for each server process. Its value is taken to be a secret: nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerVariable {
    pub(super) name: String,
    pub(super) value: VariableSource,
}

/// Where the value of a variable comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VariableSource {
    /// The value itself.
    Given(Secret),
    /// A file that holds it.
    File(PathBuf),
}

/// The value of a variable cannot be had; the text names the file and never the value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerVariableError {
    /// The file cannot be read as text.
    #[error("cannot read `{}`, which holds the value of the variable `{name}`: {why}", .file.display())]
    Unreadable {
        /// The variable.
        name: String,
        /// The file.
        file: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// The file holds what no variable can.
    #[error("`{}` holds a NUL byte, which the variable `{name}` cannot; write text", .file.display())]
    Nul {
        /// The variable.
        name: String,
        /// The file.
        file: PathBuf,
    },
}

impl ServerVariable {
    /// Name and value. Reads the file if the value is in one, without the line breaks at its end.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds no text.
    pub(crate) fn read(&self) -> Result<(String, Secret), ServerVariableError> {
        let name = self.name.clone();
        let file = match &self.value {
            VariableSource::Given(value) => return Ok((name, value.clone())),
            VariableSource::File(file) => file.clone(),
        };
        match std::fs::read_to_string(&file) {
            Ok(text) if text.contains('\0') => Err(ServerVariableError::Nul { name, file }),
            Ok(text) => Ok((name, Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))),
            Err(why) => Err(ServerVariableError::Unreadable { name, file, why }),
        }
    }
}

impl fmt::Debug for ServerVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_a_file_is_read_without_its_line_end_and_shown_nowhere() {
        let file = std::env::temp_dir().join(format!("waggle-variable-{}", std::process::id()));
        std::fs::write(&file, " sesame-7741 \nsecond\r\n\n").unwrap();
        let variable = ServerVariable { name: "KEY".to_owned(), value: VariableSource::File(file.clone()) };
        let (name, value) = variable.read().unwrap();
        assert_eq!((name.as_str(), value.expose()), ("KEY", " sesame-7741 \nsecond"));
        assert!(!format!("{value:?}{variable:?}").contains("sesame"));
        std::fs::write(&file, "a\0sesame").unwrap();
        let refused = variable.read().unwrap_err().to_string();
        assert!(refused.contains("KEY") && !refused.contains("sesame"), "{refused}");
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(variable.read(), Err(ServerVariableError::Unreadable { .. })));
    }
}
