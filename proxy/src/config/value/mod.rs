//! What the values of options look like as text.
//!
//! A [`Kind`] knows one form: it reads a typed value from text, says what it expected when it
//! cannot, and writes the value back so that reading it again gives the same one.

use serde::{Serialize, Serializer};

pub(super) mod address;
pub(super) mod choice;
pub(super) mod duration;
pub(super) mod filter;
pub(super) mod number;
pub(super) mod origin;
pub(super) mod process;
pub(super) mod upstream;

/// Stands for a value that is not shown.
const HIDDEN: &str = "<hidden>";

/// Why a text was refused: the rest of a sentence that starts with the text, such as
/// `is not a size`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The refused text.
    pub(super) value: String,
    /// What is wrong with it.
    pub(super) problem: String,
}

/// One form of values.
pub(super) trait Kind {
    /// What the text becomes.
    type Value;
    /// Stands for the value in `--help`, such as `SIZE`.
    const NAME: &'static str;

    /// Ends the sentence "write …".
    fn expected(&self) -> String;

    /// Reads one text; the error says what is wrong with it.
    fn read(&self, text: &str) -> Result<Self::Value, String>;

    /// The text that reads back as `value`.
    fn write(&self, value: &Self::Value) -> String;

    /// A text that was refused, as the mistake repeats it.
    fn quote(&self, text: &str) -> String {
        text.to_owned()
    }
}

/// A value as `--check-config` prints it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Nothing is set.
    Nothing,
    /// One text; digits alone are printed as a number.
    One(String),
    /// Any number of texts.
    Many(Vec<String>),
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_unit(),
            Self::One(text) => match text.parse::<u64>() {
                Ok(number) => serializer.serialize_u64(number),
                Err(_) => serializer.serialize_str(text),
            },
            Self::Many(texts) => texts.serialize(serializer),
        }
    }
}

/// How often an option may be given, and so what its field looks like.
pub(super) trait Arity {
    /// The type of the field.
    type Field;
    /// What sets apart the entries of one text, if the option takes a list.
    const SEPARATOR: Option<&'static str>;
    /// Stands for one value in `--help`.
    const NAME: &'static str;

    /// Ends the sentence "write …".
    fn expected(&self) -> String;
    /// Reads all texts given in one place; never called with none unless the option repeats.
    fn read(&self, texts: &[String]) -> Result<Self::Field, Refusal>;
    /// The texts that read back as `field`.
    fn show(&self, field: &Self::Field) -> Shown;
}

/// Exactly one value.
pub(super) struct One<K>(pub(super) K);

/// One value, or none when the option is not given at all.
pub(super) struct Optional<K>(pub(super) K);

/// Any number of values, by repeating the option or with commas.
pub(super) struct Many<K>(pub(super) K);

/// Any number of values that may hold commas, by repeating the option or on lines of their own.
pub(super) struct Lines<K>(pub(super) K);

fn read_one<K: Kind>(kind: &K, texts: &[String]) -> Result<K::Value, Refusal> {
    let text = texts.first().map(|text| text.trim()).unwrap_or_default();
    read(kind, text)
}

fn read<K: Kind>(kind: &K, text: &str) -> Result<K::Value, Refusal> {
    let refuse = |problem| Refusal { value: kind.quote(text), problem };
    if text.is_empty() { Err(refuse("is empty".to_owned())) } else { kind.read(text).map_err(refuse) }
}

impl<K: Kind> Arity for One<K> {
    type Field = K::Value;
    const SEPARATOR: Option<&'static str> = None;
    const NAME: &'static str = K::NAME;

    fn expected(&self) -> String {
        self.0.expected()
    }

    fn read(&self, texts: &[String]) -> Result<K::Value, Refusal> {
        read_one(&self.0, texts)
    }

    fn show(&self, field: &K::Value) -> Shown {
        Shown::One(self.0.write(field))
    }
}

impl<K: Kind> Arity for Optional<K> {
    type Field = Option<K::Value>;
    const SEPARATOR: Option<&'static str> = None;
    const NAME: &'static str = K::NAME;

    fn expected(&self) -> String {
        self.0.expected()
    }

    fn read(&self, texts: &[String]) -> Result<Option<K::Value>, Refusal> {
        read_one(&self.0, texts).map(Some)
    }

    fn show(&self, field: &Option<K::Value>) -> Shown {
        field.as_ref().map_or(Shown::Nothing, |value| Shown::One(self.0.write(value)))
    }
}

impl<K: Kind> Arity for Many<K>
where
    K::Value: PartialEq,
{
    type Field = Vec<K::Value>;
    const SEPARATOR: Option<&'static str> = Some("commas");
    const NAME: &'static str = K::NAME;

    fn expected(&self) -> String {
        self.0.expected()
    }

    fn read(&self, texts: &[String]) -> Result<Vec<K::Value>, Refusal> {
        let mut values = Vec::new();
        for text in texts {
            for entry in text.split(',').map(str::trim) {
                if entry.is_empty() && text.contains(',') {
                    return Err(Refusal { value: text.clone(), problem: "has an empty entry".to_owned() });
                }
                let value = read(&self.0, entry)?;
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        Ok(values)
    }

    fn show(&self, field: &Vec<K::Value>) -> Shown {
        Shown::Many(field.iter().map(|value| self.0.write(value)).collect())
    }
}

impl<K: Kind> Arity for Lines<K> {
    type Field = Vec<K::Value>;
    const SEPARATOR: Option<&'static str> = Some("line breaks");
    const NAME: &'static str = K::NAME;

    fn expected(&self) -> String {
        self.0.expected()
    }

    fn read(&self, texts: &[String]) -> Result<Vec<K::Value>, Refusal> {
        let entries = texts.iter().flat_map(|text| text.trim().split('\n'));
        entries.map(|entry| read(&self.0, entry.trim())).collect()
    }

    fn show(&self, field: &Vec<K::Value>) -> Shown {
        Shown::Many(field.iter().map(|value| self.0.write(value)).collect())
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Tables for the parser tests.

    use super::Kind;

    /// Every text reads as its value, and what is written of that value reads as it again.
    pub(in crate::config) fn accepts<K: Kind>(kind: &K, table: &[(&str, K::Value)])
    where
        K::Value: PartialEq + std::fmt::Debug,
    {
        for (text, value) in table {
            assert_eq!(kind.read(text).as_ref(), Ok(value), "{text}");
            let written = kind.write(value);
            assert_eq!(kind.read(&written).as_ref(), Ok(value), "{text} written as {written}");
        }
    }

    /// Every text is refused with its problem.
    pub(in crate::config) fn refuses<K: Kind>(kind: &K, table: &[(&str, &str)])
    where
        K::Value: std::fmt::Debug,
    {
        for (text, problem) in table {
            assert_eq!(kind.read(text).err().as_deref(), Some(*problem), "{text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::number::Count;
    use super::*;

    #[test]
    fn lists_split_at_commas_and_drop_repeats() {
        let kind = Many(Count(1..=9));
        let given = ["1, 2".to_owned(), "2".to_owned(), "3".to_owned()];
        assert_eq!(kind.read(&given), Ok(vec![1, 2, 3]));
        assert_eq!(kind.read(&[]), Ok(vec![]));
        assert_eq!(
            kind.read(&["1,,2".to_owned()]),
            Err(Refusal { value: "1,,2".into(), problem: "has an empty entry".into() })
        );
    }

    #[test]
    fn an_empty_text_is_refused_by_every_single_value() {
        for text in ["", "  "] {
            assert!(One(Count(0..=9)).read(&[text.to_owned()]).is_err());
            assert!(Optional(Count(0..=9)).read(&[text.to_owned()]).is_err());
        }
    }
}
