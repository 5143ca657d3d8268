//! Draws heat maps of which users rated which items, and of which items have which features.
//!
//! Does not know how many there are: it draws cells of a [`Grid`](crate::Grid).
//!
//! **Invariant**: a cell with nothing in it has a colour of its own, so that a single rating among thousands of pairs
//! is seen.

use super::chart::{SMALL, TITLE, WIDTH, label, titled, widest};
use crate::canvas::{Anchor, Canvas, fitted, text_width};
use crate::cells::count;
use crate::palette::{HEAT, SOFT};
use crate::{Counts, Drawing, Grid};

/// The right edge of cells.
const RIGHT: f64 = WIDTH - 12.0;

/// The height of the axis and the legend below the cells.
const BELOW: f64 = 56.0;

/// Users × items: the more of a cell's pairs are rated, the further along the scale its colour is.
pub(super) fn rated(counts: &Counts) -> Option<Drawing> {
    let grid = &counts.rated;
    let greatest = grid.greatest();
    if greatest <= 0.0 {
        return None;
    }
    let (users, items) = (count(grid.n_rows), count(grid.n_columns));
    let description = format!(
        "{users} users downwards, {items} items across, both in catalogue order, in {} by {} cells. {} of all pairs \
         are rated; in the fullest cell, {}.",
        grid.height,
        grid.width,
        percent(grid.overall()),
        percent(greatest),
    );
    let title = "Users × items";
    let left = text_width(&users, SMALL) + 8.0;
    let bottom = TITLE + (240.0 / grid.height as f64).clamp(2.0, 10.0) * grid.height as f64;
    let mut canvas = titled(title, bottom + BELOW);
    cells(&mut canvas, grid, [left, TITLE, RIGHT, bottom]);
    label(&mut canvas, "1", left - 5.0, TITLE + 6.0, SOFT, Anchor::End);
    if bottom > TITLE + 24.0 {
        label(&mut canvas, &users, left - 5.0, bottom - 6.0, SOFT, Anchor::End);
    }
    item_axis(&mut canvas, left, bottom, &items);
    legend(&mut canvas, left, bottom + 26.0, "rated", greatest);
    Some(canvas.finish("users-items", title, &description))
}

/// Features × items.
pub(super) fn features(counts: &Counts) -> Option<Drawing> {
    let grid = &counts.features;
    let greatest = grid.greatest();
    if greatest <= 0.0 {
        return None;
    }
    let items = count(grid.n_columns);
    let description = format!(
        "{} features downwards, {items} items across in catalogue order, in {} columns; a cell is the mean of the \
         feature over its items.",
        grid.n_rows, grid.width,
    );
    let title = "Items × features";
    let names: Vec<String> = counts.feature_names.iter().map(|name| fitted(name, SMALL, 110.0)).collect();
    let left = widest(&names) + 8.0;
    let cell = (420.0 / grid.height as f64).clamp(5.0, 15.0);
    // Names are 14 pixels high.
    let every = (14.0 / cell).ceil() as usize;
    let bottom = TITLE + cell * grid.height as f64;
    let mut canvas = titled(title, bottom + BELOW);
    cells(&mut canvas, grid, [left, TITLE, RIGHT, bottom]);
    for (row, name) in names.iter().enumerate().step_by(every) {
        label(&mut canvas, name, left - 5.0, TITLE + cell * (row as f64 + 0.5), SOFT, Anchor::End);
    }
    item_axis(&mut canvas, left, bottom, &items);
    legend(&mut canvas, left, bottom + 26.0, "of items", greatest);
    Some(canvas.finish("items-features", title, &description))
}

/// The axis below the cells.
fn item_axis(canvas: &mut Canvas, left: f64, bottom: f64, n_items: &str) {
    for (text, x, anchor) in
        [("1", left, Anchor::Start), ("items", (left + RIGHT) / 2.0, Anchor::Middle), (n_items, RIGHT, Anchor::End)]
    {
        label(canvas, text, x, bottom + 11.0, SOFT, anchor);
    }
}

/// Draws cells within `[left, top, right, bottom]`. Colours follow the square root, so that cells with little differ
/// from those with nothing.
fn cells(canvas: &mut Canvas, grid: &Grid, [left, top, right, bottom]: [f64; 4]) {
    let (high, wide, greatest) = (grid.height, grid.width, grid.greatest());
    let colour = |at: usize| match grid.mean(at / wide, at % wide) {
        share if share <= 0.0 => 0,
        share => (((share / greatest).sqrt() * 5.0).ceil() as usize).clamp(1, 5),
    };
    let colours: Vec<usize> = (0..high * wide).map(colour).collect();
    let x = |across: usize| left + (right - left) * across as f64 / wide as f64;
    let y = |down: usize| top + (bottom - top) * down as f64 / high as f64;
    canvas.area([left, top, right, bottom], HEAT[0]);
    // Colour by colour and run by run, so that a picture of thousands of cells is only a few paths.
    for (at, heat) in HEAT.iter().enumerate().skip(1) {
        for (down, row) in colours.chunks(wide).enumerate() {
            let mut from = 0;
            for run in row.chunk_by(|one, next| one == next) {
                if run[0] == at {
                    canvas.area([x(from), y(down), x(from + run.len()), y(down + 1)], *heat);
                }
                from += run.len();
            }
        }
    }
}

/// Boxes from nothing to `greatest`, with what some of them mean.
fn legend(canvas: &mut Canvas, left: f64, top: f64, what: &str, greatest: f64) {
    let step = (RIGHT - left - text_width(what, SMALL) - 12.0).min(264.0) / 6.0;
    for (at, heat) in HEAT.iter().enumerate() {
        let x = left + step * at as f64;
        canvas.area([x, top, x + step - 2.0, top + 9.0], *heat);
    }
    for at in [0, 1, 3, 5] {
        let most = percent((at as f64 / 5.0).powi(2) * greatest);
        let text = if at == 0 { "none" } else { &most };
        label(canvas, text, left + step * (at as f64 + 0.5) - 1.0, top + 19.0, SOFT, Anchor::Middle);
    }
    label(canvas, what, left + step * 6.0 + 6.0, top + 5.0, SOFT, Anchor::Start);
}

/// A share in few characters.
fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent >= 10.0 => format!("{percent:.0} %"),
        percent if percent >= 1.0 => format!("{percent:.1} %"),
        percent if percent >= 0.1 => format!("{percent:.2} %"),
        percent => format!("{percent:.3} %"),
    }
}
