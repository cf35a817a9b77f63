//! What is wrong with a configuration, one sentence per mistake.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag on the command line, such as `--grace`.
    Flag(String),
    /// A `WAGGLE_*` environment variable; its whole name.
    Env(String),
    /// A key of the configuration file.
    File {
        /// The path of the file as it was given.
        file: String,
        /// The key as it stands in the file.
        key: String,
    },
    /// The words after `--`.
    Command,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag `{}`", OneLine(name)),
            Self::Env(name) => write!(f, "`{}`", OneLine(name)),
            Self::File { file, key } => write!(f, "`{}: {}`", OneLine(file), OneLine(key)),
            Self::Command => f.write_str("the command after `--`"),
        }
    }
}

/// Where the effective value of each option that was given, and the command, comes from; `None` for an option of
/// which a value was refused, so that nothing can be said about the one in force.
pub(super) type Places = BTreeMap<&'static str, Option<Source>>;

/// One mistake in flags, environment or file. Displays as one sentence on one line, which names
/// the place, what stands there and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Mistake {
    /// A name that is no option.
    #[error("{place}: there is no such option{}", Suggested(.suggestion))]
    Unknown {
        /// Where it stands.
        place: Source,
        /// The nearest name that exists, written as this source would write it.
        suggestion: Option<String>,
    },
    /// A value the option cannot take.
    #[error("{place}: `{}` {problem}; write {expected}", OneLine(.value))]
    BadValue {
        /// Where it stands.
        place: Source,
        /// The refused value.
        value: String,
        /// What is wrong with it.
        problem: String,
        /// What the option takes.
        expected: String,
    },
    /// A flag without its value.
    #[error("{place} has no value; write {expected}")]
    NoValue {
        /// Where it stands.
        place: Source,
        /// What the option takes.
        expected: String,
    },
    /// An option that takes one value was given several times in one place.
    #[error("{place} is given {times} times; write it once")]
    Repeated {
        /// Where it stands.
        place: Source,
        /// How often.
        times: usize,
    },
    /// A command line with the command not set apart.
    #[error("`{}` is not an option; to put a server behind the proxy write `waggle-proxy -- {}`", OneLine(.word), OneLine(.command))]
    BareCommand {
        /// The first word that is not an option.
        word: String,
        /// That word and everything after it.
        command: String,
    },
    /// Something beside `demo`.
    #[error("`demo` takes no option and no command; write `waggle-proxy demo`")]
    BesideDemo,
    /// A subcommand that is not given what it needs.
    #[error("{}; see `waggle-proxy {mode} --help`", OneLine(.problem))]
    Misused {
        /// The subcommand.
        mode: String,
        /// What is wrong.
        problem: String,
    },
    /// A command line that cannot be read for another reason; the text is a sentence of its own.
    #[error("{}; see `waggle-proxy --help`", OneLine(.0))]
    Usage(String),
    /// The configuration file cannot be read.
    #[error("cannot read `{}`, named by {named_by}: {}; write the path of a readable YAML file", OneLine(.file), OneLine(.reason))]
    Unreadable {
        /// The path as it was given.
        file: String,
        /// What asked for it.
        named_by: Source,
        /// The operating system's words.
        reason: String,
    },
    /// The configuration file is not a YAML mapping.
    #[error("`{}`: {}; write one `key: value` per line", OneLine(.file), OneLine(.reason))]
    NotYaml {
        /// The path as it was given.
        file: String,
        /// What is wrong, with line and column when they are known.
        reason: String,
    },
    /// Values that are fine alone and not together.
    #[error("{0}")]
    Conflict(String),
}

impl Mistake {
    /// Sorts mistakes by their source, the strongest first.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::BareCommand { .. } | Self::BesideDemo | Self::Misused { .. } | Self::Usage(_) => 0,
            Self::Unknown { place, .. }
            | Self::BadValue { place, .. }
            | Self::NoValue { place, .. }
            | Self::Repeated { place, .. } => match place {
                Source::Flag(_) | Source::Command => 0,
                Source::Env(_) => 1,
                Source::File { .. } => 2,
            },
            Self::Unreadable { .. } | Self::NotYaml { .. } => 2,
            Self::Conflict(_) => 3,
        }
    }
}

/// `; did you mean x?`, or where to look.
struct Suggested<'a>(&'a Option<String>);

impl fmt::Display for Suggested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => f.write_str("; `waggle-proxy --help` lists them all"),
        }
    }
}

/// Foreign text inside a sentence: control characters escaped and the length bounded, so that a
/// mistake stays one readable line whatever was typed.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 200;
        for (shown, c) in self.0.chars().enumerate() {
            if shown == LONGEST {
                return f.write_str("…");
            }
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_one_line_whatever_the_value() {
        let value = format!("a\r\nb\u{2028}\u{1b}[31m{}", "x".repeat(10_000));
        let mistake = Mistake::BadValue {
            place: Source::Env("WAGGLE_MAX_BODY".into()),
            value,
            problem: "is not a size".into(),
            expected: "a size".into(),
        };
        let text = mistake.to_string();
        assert!(!text.contains(['\n', '\r', '\u{1b}', '\u{2028}']), "{text}");
        assert!(text.starts_with(r"`WAGGLE_MAX_BODY`: `a\r\nb\u{2028}\u{1b}[31mxxx"), "{text}");
        assert!(text.ends_with("x…` is not a size; write a size"), "{text}");
    }

    #[test]
    fn sources_are_written_as_the_user_wrote_them() {
        let file = Source::File { file: "w.yaml".into(), key: "max-body".into() };
        for (source, text) in [
            (Source::Flag("--max-body".into()), "flag `--max-body`"),
            (Source::Env("WAGGLE_MAX_BODY".into()), "`WAGGLE_MAX_BODY`"),
            (file, "`w.yaml: max-body`"),
        ] {
            assert_eq!(source.to_string(), text);
        }
    }
}
