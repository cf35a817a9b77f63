//! How the table of options in [`super::options`] becomes structs and descriptions.

use super::Config;
use super::value::{Refusal, Shown};

/// One option: its names, its texts, and the way between text and its field of [`Config`].
pub(crate) struct OptionSpec {
    /// The key in the file; the flag is `--name`, the variable [`OptionSpec::env`].
    pub(crate) name: &'static str,
    /// The group under which `--help` and the reference list it.
    pub(crate) heading: &'static str,
    /// Stands for the value in `--help`.
    pub(crate) value_name: &'static str,
    /// What sets apart the entries of one text, if it takes a list.
    pub(crate) separator: Option<&'static str>,
    /// What it is for; as written in the source, see [`OptionSpec::meaning`].
    pub(super) help: &'static str,
    /// What happens when the limit is reached or the address is taken.
    pub(crate) at_limit: &'static str,
    /// Whether a running proxy takes over a new value.
    pub(crate) reloadable: bool,
    /// Ends the sentence "write …".
    pub(super) expected: fn() -> String,
    /// Reads all texts given in one place and sets the field.
    pub(super) set: fn(&mut Config, &[String]) -> Result<(), Refusal>,
    /// Writes the field so that it reads back the same.
    pub(super) show: fn(&Config) -> Shown,
    /// Sets the field to what it is in the other; returns whether it was something else.
    pub(super) keep: fn(&mut Config, &Config) -> bool,
}

impl OptionSpec {
    /// The environment variable: `WAGGLE_MAX_BODY` for `max-body`.
    pub(crate) fn env(&self) -> String {
        env_name(self.name)
    }

    /// Whether it takes a list.
    pub(crate) fn repeatable(&self) -> bool {
        self.separator.is_some()
    }

    /// What the option is for: full sentences on one line.
    pub(crate) fn meaning(&self) -> String {
        self.help.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What the option takes; ends the sentence "write …".
    pub(crate) fn expected(&self) -> String {
        (self.expected)()
    }

    /// The documented default, empty when there is none.
    pub(crate) fn default_text(&self) -> String {
        self.text_in(&Config::default())
    }

    /// The value the option has in `config`, as it would be given.
    pub(super) fn text_in(&self, config: &Config) -> String {
        match (self.show)(config) {
            Shown::Nothing => String::new(),
            Shown::One(text) => text,
            Shown::Many(texts) => texts.join(","),
        }
    }
}

/// The environment variable of the option `name`.
pub(super) fn env_name(name: &str) -> String {
    format!("{ENV_PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// What the name of every variable of the proxy starts with.
pub(super) const ENV_PREFIX: &str = "WAGGLE_";

/// The key of the file that holds the server to run; no option, as it has neither a flag nor a variable.
pub(super) const COMMAND_KEY: &str = "command";

/// Declares a struct of settings with its defaults and the descriptions of its options.
///
/// One entry says everything about an option: its meaning (which is also the documentation of its
/// field), its name, its field and type, its default, the form of its value, and what happens at
/// the limit. A new value is taken over by a running proxy, unless `restart` stands at the end.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $section:ident = |$config:ident| $place:expr;
        $(also { $($(#[$other_meta:meta])* $other:ident: $other_type:ty,)* })?
        $(
            $heading:literal {
                $(
                    $(#[doc = $help:literal])+
                    $name:literal => $field:ident: $type:ty = $default:expr,
                        $arity:ident($kind:expr), $at_limit:literal $(, $restart:ident)?;
                )*
            }
        )*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $section {
            $($(
                $(#[doc = $help])+
                #[doc = concat!("\n\n", $at_limit)]
                pub $field: $type,
            )*)*
            $($($(#[$other_meta])* pub $other: $other_type,)*)?
        }

        impl Default for $section {
            fn default() -> Self {
                Self {
                    $($($field: $default,)*)*
                    $($($other: Default::default(),)*)?
                }
            }
        }

        impl $section {
            /// The options whose values live in this struct.
            pub(super) const OPTIONS: &'static [OptionSpec] = &[
                $($(OptionSpec {
                    name: $name,
                    heading: $heading,
                    value_name: kind_name(&$arity($kind)),
                    separator: separator(&$arity($kind)),
                    help: concat!($($help, "\n"),+),
                    at_limit: $at_limit,
                    reloadable: true $(&& !needs::$restart)?,
                    expected: || $arity($kind).expected(),
                    set: |$config, texts| {
                        $place.$field = $arity($kind).read(texts)?;
                        Ok(())
                    },
                    show: |$config| $arity($kind).show(&$place.$field),
                    keep: |config, other| {
                        let value = {
                            let $config = other;
                            $place.$field.clone()
                        };
                        let $config = config;
                        std::mem::replace(&mut $place.$field, value) != $place.$field
                    },
                },)*)*
            ];
        }
    };
}
pub(super) use settings;

/// What may stand at the end of an entry.
pub(super) mod needs {
    /// A new value takes effect when the proxy is started anew.
    #[expect(non_upper_case_globals, reason = "written as a word of the table")]
    pub(in super::super) const restart: bool = true;
}

/// The name that stands for a value of `A`.
pub(super) const fn kind_name<A: super::value::Arity>(_: &A) -> &'static str {
    A::NAME
}

/// What sets apart the entries of one text of `A`.
pub(super) const fn separator<A: super::value::Arity>(_: &A) -> Option<&'static str> {
    A::SEPARATOR
}

/// Every option, in the order of `--help` and of the reference.
pub(crate) fn options() -> impl Iterator<Item = &'static OptionSpec> {
    let sections = [Config::OPTIONS, super::Limits::OPTIONS, super::Times::OPTIONS];
    sections.into_iter().flatten()
}
