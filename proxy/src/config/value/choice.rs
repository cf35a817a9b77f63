//! One word out of a few.

use std::marker::PhantomData;

use super::Kind;

/// A type whose values have names.
pub(in crate::config) trait Named: Copy + PartialEq + 'static {
    /// Every value with its name.
    const NAMES: &'static [(&'static str, Self)];
    /// The names with `|` between them, for `--help`.
    const USAGE: &'static str;
}

/// The name of one of the values of `T`.
pub(in crate::config) struct Choice<T>(PhantomData<T>);

impl<T> Choice<T> {
    pub(in crate::config) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Named> Kind for Choice<T> {
    type Value = T;
    const NAME: &'static str = T::USAGE;

    fn expected(&self) -> String {
        let names: Vec<String> = T::NAMES.iter().map(|(name, _)| format!("`{name}`")).collect();
        match names.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => names.concat(),
        }
    }

    fn read(&self, text: &str) -> Result<T, String> {
        let found = T::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| "is not one of the choices".to_owned())
    }

    fn write(&self, value: &T) -> String {
        let found = T::NAMES.iter().find(|(_, named)| named == value);
        found.map(|(name, _)| (*name).to_owned()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepts, refuses};
    use super::*;
    use crate::config::{LogFormat, ProcessMode};

    #[test]
    fn choices() {
        accepts(
            &Choice::new(),
            &[
                ("auto", ProcessMode::Auto),
                ("session", ProcessMode::Session),
                ("shared", ProcessMode::Shared),
            ],
        );
        accepts(
            &Choice::new(),
            &[("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)],
        );
        let kind = Choice::<ProcessMode>::new();
        refuses(&kind, &[("Shared", "is not one of the choices"), ("pool", "is not one of the choices")]);
        assert_eq!(kind.expected(), "`auto`, `session` or `shared`");
    }

    #[test]
    fn usage_lists_every_name() {
        fn check<T: Named>() {
            let names: Vec<&str> = T::NAMES.iter().map(|(name, _)| *name).collect();
            assert_eq!(T::USAGE, names.join("|"));
        }
        check::<ProcessMode>();
        check::<LogFormat>();
    }
}
