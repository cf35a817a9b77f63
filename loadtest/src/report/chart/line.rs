//! Curves.

use super::{Axis, LEFT, RIGHT, TOP, WIDTH, axis::Scale, colour, escape, legend, number, open};

const HEIGHT: f64 = 316.0;
const BOTTOM: f64 = 42.0;

/// A plot of curves.
#[derive(Clone, Debug)]
pub struct Lines {
    /// What it shows.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// Names and points.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
    /// How marks of the x axis are named in place of their numbers.
    pub marks: Option<fn(f64) -> String>,
}

impl Lines {
    /// Draws it.
    pub fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|(_, points)| points.iter().copied());
        let x = Scale::over(points().map(|point| point.0), self.x.logarithmic);
        let y = Scale::over(points().map(|point| point.1), self.y.logarithmic);
        let right = |value: f64| LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
        let up = |value: f64| HEIGHT - BOTTOM - y.place(value) * (HEIGHT - BOTTOM - TOP);
        let mut svg = open(HEIGHT, &self.title);
        for mark in y.marks() {
            let at = up(mark);
            svg.push_str(&format!(
                "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0,
                number(mark)
            ));
        }
        for mark in x.marks() {
            let name = self.marks.map_or_else(|| number(mark), |name| name(mark));
            svg.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
                right(mark),
                HEIGHT - BOTTOM + 16.0,
                escape(&name)
            ));
        }
        svg.push_str(&format!(
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text><text transform=\"translate(14,{:.0}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(LEFT, WIDTH),
            HEIGHT - 8.0,
            escape(self.x.label),
            HEIGHT / 2.0,
            escape(self.y.label)
        ));
        for (index, (_, points)) in self.series.iter().enumerate() {
            let drawn = points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
            let drawn: Vec<_> = drawn.map(|(x, y)| format!("{:.1},{:.1}", right(*x), up(*y))).collect();
            svg.push_str(&format!(
                "<polyline class=\"line\" stroke=\"{}\" points=\"{}\"/>",
                colour(index),
                drawn.join(" ")
            ));
        }
        if self.series.len() > 1 {
            svg.push_str(&legend(self.series.iter().map(|(name, _)| name.as_str())));
        }
        svg.push_str("</svg>");
        svg
    }
}
