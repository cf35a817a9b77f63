//! Texts of others, made to fit into ours.

/// The beginning of a text, of at most so many bytes.
pub(crate) fn shortened(text: &str, longest: usize) -> &str {
    if text.len() <= longest {
        return text;
    }
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

/// A text as a sentence.
pub(crate) fn full_stop(text: &str) -> String {
    match text.trim_end() {
        text if text.ends_with(['.', '!', '?']) => text.to_owned(),
        text => format!("{text}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("longer", 5), "longe");
        assert_eq!(shortened("äää", 5), "ää");
        assert_eq!(shortened("ä", 1), "");
    }

    #[test]
    fn a_sentence_ends_with_one_full_stop() {
        assert_eq!([full_stop("no"), full_stop("no.\n"), full_stop("no!")], ["no.", "no.", "no!"]);
    }
}
