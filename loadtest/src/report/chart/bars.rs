//! Numbers of several contenders beside each other.

use super::{RIGHT, TOP, WIDTH, axis::Scale, colour, escape, legend, number, open};

/// Of a name's letter, at the most on average, in the font of the plots.
const LETTER: f64 = 6.8;
/// The least space for names.
const NAMES: f64 = 250.0;
const BAR: f64 = 14.0;
const GAP: f64 = 10.0;

/// A number and its spread.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// As long as this.
    pub value: f64,
    /// The smallest that was seen.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

/// A plot of bars.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What it shows.
    pub title: String,
    /// The contenders.
    pub names: Vec<String>,
    /// What is measured, with a bar for each contender that has one.
    pub groups: Vec<(String, Vec<Option<Bar>>)>,
    /// A line to compare with.
    pub line: Option<f64>,
}

impl Bars {
    /// Draws it.
    pub fn svg(&self) -> String {
        let longest = self.groups.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        let left = (longest as f64 * LETTER + 16.0).round().max(NAMES);
        let group = BAR * self.names.len() as f64 + GAP;
        let height = TOP + group * self.groups.len() as f64 + 26.0;
        let bars = self.groups.iter().flat_map(|(_, bars)| bars.iter().flatten());
        let scale = Scale::over(bars.map(|bar| bar.high).chain(self.line), false);
        let right = |value: f64| left + scale.place(value) * (WIDTH - left - RIGHT - 40.0);
        let mut svg = open(height, &self.title);
        for mark in scale.marks() {
            let at = right(mark);
            svg.push_str(&format!(
                "<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.0}\"/><text x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
                height - 22.0,
                height - 8.0,
                number(mark)
            ));
        }
        for (index, (name, bars)) in self.groups.iter().enumerate() {
            let top = TOP + group * index as f64;
            svg.push_str(&format!(
                "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 8.0,
                top + group / 2.0 - 1.0,
                escape(name)
            ));
            for (index, bar) in bars.iter().enumerate() {
                let Some(bar) = bar else { continue };
                let y = top + BAR * index as f64;
                let (end, low, high) = (right(bar.value), right(bar.low), right(bar.high));
                svg.push_str(&format!(
                    "<rect x=\"{left}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.0}\" fill=\"{}\"/><line class=\"spread\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{m:.1}\" y2=\"{m:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\">{:.2}</text>",
                    end - left,
                    BAR - 2.0,
                    colour(index + 1),
                    high.max(end) + 4.0,
                    y + 10.0,
                    bar.value,
                    m = y + BAR / 2.0 - 1.0,
                ));
            }
        }
        if let Some(line) = self.line {
            let at = right(line);
            svg.push_str(&format!(
                "<line class=\"one\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.0}\"/>",
                height - 22.0
            ));
        }
        // The first colour is the floor's, which is the line.
        let names = self.line.map(|_| "floor").into_iter().chain(self.names.iter().map(String::as_str));
        svg.push_str(&legend(names));
        svg.push_str("</svg>");
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the bars begin beside a name of so many letters.
    fn begin(letters: usize) -> f64 {
        let bar = Bar { value: 1.0, low: 1.0, high: 1.0 };
        let groups = vec![("m".repeat(letters), vec![Some(bar)])];
        let bars = Bars { title: "title".to_owned(), names: vec!["name".to_owned()], groups, line: None };
        let svg = bars.svg();
        let rest = svg.split("<rect x=\"").nth(1).expect("a bar");
        rest.split('"').next().and_then(|x| x.parse().ok()).expect("where it begins")
    }

    #[test]
    fn the_longest_name_has_room_beside_the_bars() {
        assert_eq!(begin(1), NAMES);
        assert!(begin(50) >= 50.0 * LETTER);
    }
}
