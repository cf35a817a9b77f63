//! The plots, as SVG that needs nothing but itself.
//!
//! - [`mod@line`]: curves over an axis.
//! - [`bars`]: numbers of several contenders beside each other.
//! - `axis`: scales and their marks.

mod axis;
pub mod bars;
pub mod line;

pub use self::{axis::Axis, bars::Bars, line::Lines};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 50.0;

/// Colours that are told apart on light and on dark, also by those who see some of them alike.
const COLOURS: [&str; 7] = ["#7f7f7f", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#0072b2"];

const STYLE: &str = "<style>text{font:12px system-ui,sans-serif;fill:#444}.title{font-weight:600;font-size:14px}.axis{stroke:#8886}.one{stroke:#888;stroke-dasharray:4 3}.line{fill:none;stroke-width:1.8}.spread{stroke:#444}@media(prefers-color-scheme:dark){text{fill:#ccc}.spread{stroke:#ccc}}</style>";

fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

fn open(height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">{STYLE}<text class=\"title\" x=\"8\" y=\"18\">{title}</text>",
        title = escape(title)
    )
}

/// Names and their colours, below the title.
fn legend<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut svg = String::new();
    let width = |name: &str| name.chars().count() as f64 * 7.0 + 26.0;
    let mut x = 8.0;
    for (index, name) in names.enumerate() {
        let text = escape(name);
        svg.push_str(&format!(
            "<rect x=\"{x:.0}\" y=\"27\" width=\"10\" height=\"10\" fill=\"{}\"/><text x=\"{:.0}\" y=\"36\">{text}</text>",
            colour(index),
            x + 14.0
        ));
        x += width(name);
    }
    svg
}

/// Text that means nothing to the parser.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number as marks of an axis show it.
fn number(value: f64) -> String {
    match value.abs() {
        1e9.. => format!("{}G", short(value / 1e9)),
        1e6.. => format!("{}M", short(value / 1e6)),
        1e3.. => format!("{}k", short(value / 1e3)),
        _ => short(value),
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [(0.0, "0"), (0.25, "0.25"), (12.0, "12"), (1500.0, "1.5k"), (2e6, "2M")] {
            assert_eq!(number(value), text);
        }
    }
}
