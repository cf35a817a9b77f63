//! Words of others in our sentences: short, on one line, without what a terminal would obey or nobody may see.

use super::secrets;

/// The longest quotation, in characters.
const LONGEST: usize = 300;

/// All of it on one line, as far as it fits.
pub(super) fn quoted(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = secrets::hidden(words);
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// As much of it as `bytes` hold.
pub(in super::super) fn clipped(text: &str, bytes: usize) -> String {
    const MORE: &str = "…";
    if text.len() <= bytes {
        return text.to_owned();
    }
    let room = bytes.saturating_sub(MORE.len());
    let end = text
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|end| *end <= room)
        .last()
        .unwrap_or(0);
    format!("{}{MORE}", &text[..end])
}

/// The last line with something on it: what a program says when it gives up.
pub(super) fn last_line(text: &str) -> Option<String> {
    text.lines().rev().map(quoted).find(|line| !line.is_empty())
}

/// Without a full stop, for the middle of a sentence.
pub(super) fn clause(text: &str) -> String {
    quoted(text).trim_end_matches('.').to_owned()
}
