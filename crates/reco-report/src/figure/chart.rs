//! Provides what all charts share: size, type, scales, axes and legends.
//!
//! Does not know what a chart shows.
//!
//! **Invariant**: a chart is [`WIDTH`] wide, so that it needs no shrinking on a phone; a tick stands at a round number.

use crate::canvas::{Anchor, Canvas, Words, text_width};
use crate::palette::{ACCENT, AXIS, Colour, GRID, INK, SOFT};

/// The width of a chart in pixels.
pub(super) const WIDTH: f64 = 400.0;

/// The font size of labels and ticks.
pub(super) const SMALL: f64 = 12.0;

/// The height that the title takes.
pub(super) const TITLE: f64 = 30.0;

/// From the middle of a line of small text down to its baseline.
const BASELINE: f64 = 0.35 * SMALL;

/// A drawing under its title.
pub(super) fn titled(title: &str, height: f64) -> Canvas {
    let mut canvas = Canvas::new(WIDTH, height);
    canvas.text(title, 2.0, 17.0, Words::new(14.0, INK).bold());
    canvas
}

/// Small text whose middle, from top to bottom, is at `y`.
pub(super) fn label(canvas: &mut Canvas, text: &str, x: f64, y: f64, colour: Colour, anchor: Anchor) {
    canvas.text(text, x, y + BASELINE, Words::new(SMALL, colour).at(anchor));
}

/// The width of the widest of these small texts; 0 without any.
pub(super) fn widest<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> f64 {
    texts.into_iter().map(|text| text_width(text.as_ref(), SMALL)).fold(0.0, f64::max)
}

/// The ends of a linear axis with some room around `values`, which begins at zero at the latest if `from_zero`.
pub(super) fn ends(values: impl Iterator<Item = f64>, from_zero: bool) -> (f64, f64) {
    let ends = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = values.fold(ends, |(low, high), value| (low.min(value), high.max(value)));
    let low = if from_zero { low.min(0.0) } else { low };
    let room = if high > low { (high - low) * 0.06 } else { high.abs().max(1.0) * 0.1 };
    // Values without a sign have an axis without one.
    let least = if low < 0.0 { f64::NEG_INFINITY } else { 0.0 };
    ((low - room).max(least), high + room)
}

/// Maps numbers to places along an axis.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scale {
    /// Equal steps.
    Linear(f64, f64),
    /// Equal factors; both ends are positive.
    Log(f64, f64),
}

impl Scale {
    /// Its lowest and its highest number.
    fn ends(self) -> (f64, f64) {
        let (Self::Linear(low, high) | Self::Log(low, high)) = self;
        (low, high)
    }

    /// 0 at its lowest number, 1 at its highest.
    fn share(self, value: f64) -> f64 {
        match self {
            Self::Linear(low, high) => (value - low) / (high - low),
            Self::Log(low, high) => (value / low).ln() / (high / low).ln(),
        }
    }

    /// Round numbers within it, at most `most` of them, or powers of ten.
    fn ticks(self, most: usize) -> Vec<f64> {
        match self {
            Self::Linear(low, high) => {
                let step = step(high - low, most);
                let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
                (first..=last).map(|n| n as f64 * step).collect()
            }
            Self::Log(low, high) => {
                let (first, last) = (low.log10().ceil() as i32, (high.log10() + 1e-9).floor() as i32);
                (first..=last).map(|power| 10.0_f64.powi(power)).collect()
            }
        }
    }
}

/// The smallest of 1, 2 and 5, times a power of ten, that divides `span` into at most `most` steps.
fn step(span: f64, most: usize) -> f64 {
    let least = span / most.max(1) as f64;
    let power = 10.0_f64.powf(least.log10().floor());
    let found = [1.0, 2.0, 5.0, 10.0].into_iter().find(|digit| digit * power >= least * (1.0 - 1e-9));
    found.unwrap_or(10.0) * power
}

/// What an axis says.
pub(super) struct Axis<'a> {
    pub(super) scale: Scale,
    /// What is counted; empty for nothing.
    pub(super) title: &'a str,
    /// How many ticks there may be; none for an axis whose labels are put there by hand.
    pub(super) ticks: usize,
    pub(super) format: &'a dyn Fn(f64) -> String,
}

impl Axis<'_> {
    /// The ticks that have a label.
    fn labelled(&self) -> Vec<(f64, String)> {
        let ticks = if self.ticks > 0 { self.scale.ticks(self.ticks) } else { Vec::new() };
        ticks.into_iter().map(|at| (at, (self.format)(at))).filter(|(_, label)| !label.is_empty()).collect()
    }
}

/// A field of numbers within a canvas.
pub(super) struct Plot<'a> {
    pub(super) canvas: &'a mut Canvas,
    x: Scale,
    y: Scale,
    /// Left, top, right, bottom.
    field: [f64; 4],
}

impl<'a> Plot<'a> {
    /// Axes to the left and below, and lines of a grid across, within `[left, top, right, bottom]` of `canvas`.
    pub(super) fn new(
        canvas: &'a mut Canvas,
        [left, top, right, bottom]: [f64; 4],
        x: &Axis<'_>,
        y: &Axis<'_>,
    ) -> Self {
        let (x_ticks, y_ticks) = (x.labelled(), y.labelled());
        // The widest label decides how much room the left axis takes.
        let widest = widest(y_ticks.iter().map(|(_, label)| label));
        let title = if y.title.is_empty() { 0.0 } else { 18.0 };
        let below = if x.title.is_empty() { 20.0 } else { 38.0 };
        let field = [left + title + widest + 8.0, top, right, bottom - below];
        let plot = Self { canvas, x: x.scale, y: y.scale, field };
        let [left, top, right, bottom] = field;
        for (at, text) in &y_ticks {
            let height = plot.height(*at);
            plot.canvas.line(&[(left, height), (right, height)], GRID, 1.0);
            label(plot.canvas, text, left - 6.0, height, SOFT, Anchor::End);
        }
        plot.canvas.line(&[(left, top), (left, bottom), (right, bottom)], AXIS, 1.0);
        for (at, text) in &x_ticks {
            label(plot.canvas, text, plot.across(*at), bottom + 11.0, SOFT, Anchor::Middle);
        }
        if !x.title.is_empty() {
            label(plot.canvas, x.title, (left + right) / 2.0, bottom + 29.0, SOFT, Anchor::Middle);
        }
        if !y.title.is_empty() {
            let words = Words::new(SMALL, SOFT).at(Anchor::Middle);
            plot.canvas.text_upwards(y.title, left - widest - 14.0, (top + bottom) / 2.0, words);
        }
        plot
    }

    /// Where a number is across, in pixels.
    pub(super) fn across(&self, value: f64) -> f64 {
        let [left, _, right, _] = self.field;
        left + (right - left) * self.x.share(value)
    }

    /// Where a number is upwards, in pixels.
    pub(super) fn height(&self, value: f64) -> f64 {
        let [_, top, _, bottom] = self.field;
        bottom - (bottom - top) * self.y.share(value)
    }

    /// Bars upwards from the axis: from, to, height.
    pub(super) fn bars(&mut self, bars: impl Iterator<Item = (f64, f64, f64)>) {
        let bottom = self.field[3];
        for (from, to, height) in bars {
            let (left, right, top) = (self.across(from), self.across(to), self.height(height));
            self.canvas.area([left, top, right, bottom], ACCENT);
        }
    }

    /// A line through points.
    pub(super) fn line(&mut self, points: &[(f64, f64)], colour: Colour, width: f64) {
        let points: Vec<_> = points.iter().map(|&(x, y)| (self.across(x), self.height(y))).collect();
        self.canvas.line(&points, colour, width);
    }

    /// A dot, or a ring.
    pub(super) fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: Colour, hollow: bool) {
        let (x, y) = (self.across(x), self.height(y));
        self.canvas.dot((x, y), radius, colour, hollow);
    }

    /// A line upwards over the whole field.
    pub(super) fn mark(&mut self, x: f64, colour: Colour) {
        let (low, high) = self.y.ends();
        self.line(&[(x, low), (x, high)], colour, 1.0);
    }

    /// A label below the axis.
    pub(super) fn below(&mut self, x: f64, text: &str) {
        let (x, y) = (self.across(x), self.field[3] + 11.0);
        label(self.canvas, text, x, y, SOFT, Anchor::Middle);
    }

    /// A label near a point, `right` and `down` pixels off it.
    pub(super) fn near(&mut self, (x, y): (f64, f64), (right, down): (f64, f64), text: &str, anchor: Anchor) {
        let (x, y) = (self.across(x) + right, self.height(y) + down);
        label(self.canvas, text, x, y, INK, anchor);
    }
}

/// A legend: what lines and dots stand for, in rows as wide as a chart.
pub(super) struct Keys<'a>(pub(super) Vec<(&'a str, Colour, Mark)>);

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Thin,
    Thick,
    Dotted,
    Ringed,
}

impl Keys<'_> {
    /// The row and the left edge of each entry.
    fn places(&self) -> Vec<(usize, f64)> {
        let (mut row, mut x) = (0, 4.0);
        let place = |(text, _, _): &(&str, Colour, Mark)| {
            let width = 21.0 + text_width(text, SMALL) + 12.0;
            if x + width > WIDTH && x > 4.0 {
                (row, x) = (row + 1, 4.0);
            }
            let place = (row, x);
            x += width;
            place
        };
        self.0.iter().map(place).collect()
    }

    /// Pixels from the first row to below the last.
    pub(super) fn height(&self) -> f64 {
        18.0 * self.places().last().map_or(0, |(row, _)| row + 1) as f64
    }

    /// Draws the legend below `top`.
    pub(super) fn draw(&self, canvas: &mut Canvas, top: f64) {
        for ((text, colour, mark), (row, x)) in self.0.iter().zip(self.places()) {
            let middle = top + 7.0 + 18.0 * row as f64;
            let width = if *mark == Mark::Thin { 1.0 } else { 2.0 };
            canvas.line(&[(x, middle), (x + 16.0, middle)], *colour, width);
            if matches!(mark, Mark::Dotted | Mark::Ringed) {
                canvas.dot((x + 8.0, middle), 3.5, *colour, *mark == Mark::Ringed);
            }
            label(canvas, text, x + 21.0, middle, SOFT, Anchor::Start);
        }
    }
}

/// A count in few characters: `940`, `1,682`, `25k`, `1.2M`.
pub(super) fn short(value: f64) -> String {
    let scaled = |by: f64, unit: &str| {
        let value = (value / by * 10.0).round() / 10.0;
        format!("{value}{unit}")
    };
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 1.0 => format!("{value:.2}"),
        size if size < 10_000.0 && value.fract() == 0.0 => crate::cells::count(value as usize),
        size if size < 10_000.0 => format!("{value:.1}"),
        size if size < 1e6 => scaled(1e3, "k"),
        size if size < 1e9 => scaled(1e6, "M"),
        _ => scaled(1e9, "G"),
    }
}

/// A whole number as text, and an empty text for any other: for ticks of counts.
pub(super) fn whole(value: f64) -> String {
    if value.fract() == 0.0 { short(value) } else { String::new() }
}

/// A number with as many decimals as `ticks` ticks from `low` to `high` need.
pub(super) fn decimals(low: f64, high: f64, ticks: usize) -> impl Fn(f64) -> String + use<> {
    let places = (-step(high - low, ticks).log10().floor()).clamp(0.0, 6.0) as usize;
    // Not `-0.0`.
    move |value| format!("{:.places$}", value + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_round() {
        assert_eq!(Scale::Linear(0.0, 100.0).ticks(5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Scale::Linear(1.0, 50.0).ticks(6), [10.0, 20.0, 30.0, 40.0, 50.0]);
        assert_eq!(Scale::Linear(-0.3, 0.3).ticks(3), [-0.2, 0.0, 0.2]);
        assert_eq!(Scale::Log(1.0, 1700.0).ticks(4), [1.0, 10.0, 100.0, 1000.0]);
        for (low, high) in [(0.0, 7.0), (0.71, 0.93), (3.0, 3.0001), (0.0, 1e9), (-5.0, 1234.5)] {
            let ticks = Scale::Linear(low, high).ticks(5);
            assert!((2..=6).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
            let label = decimals(low, high, 5);
            let labels: Vec<String> = ticks.iter().map(|at| label(*at)).collect();
            assert!(labels.windows(2).all(|pair| pair[0] != pair[1]), "{labels:?}");
        }
    }

    #[test]
    fn scales_lead_from_one_end_to_the_other() {
        assert_eq!([0.0, 5.0, 10.0].map(|x| Scale::Linear(0.0, 10.0).share(x)), [0.0, 0.5, 1.0]);
        assert_eq!([1.0, 10.0, 100.0].map(|x| Scale::Log(1.0, 100.0).share(x)), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn labels_are_short() {
        let numbers = [0.0, 0.25, 940.0, 1682.0, 25_000.0, 1.25e6, 3e9];
        assert_eq!(numbers.map(short), ["0", "0.25", "940", "1,682", "25k", "1.3M", "3G"]);
        assert_eq!([1.0, 1.5].map(whole), ["1", ""]);
        assert_eq!([0.1, 0.15, -0.0].map(decimals(0.0, 0.2, 5)), ["0.10", "0.15", "0.00"]);
        assert_eq!(decimals(10.0, 90.0, 5)(50.0), "50");
    }

    #[test]
    fn keys_go_on_in_the_next_row() {
        let keys = Keys((0..12).map(|_| ("collaborative", ACCENT, Mark::Thick)).collect());
        let places = keys.places();
        assert!(places.iter().all(|(_, x)| x + 21.0 + text_width("collaborative", SMALL) <= WIDTH));
        assert_eq!(keys.height(), 18.0 * (places[11].0 + 1) as f64);
        assert_eq!(Keys(Vec::new()).height(), 0.0);
    }
}
