//! Draws the learning curves of a training: loss, percentage error and NDCG, epoch by epoch.
//!
//! Does not know what is trained.
//!
//! **Invariant**: train and validation share their axes.

use reco_core::{EpochLog, TrainingLog};

use super::chart::{Axis, Keys, Mark, Plot, Scale, TITLE, WIDTH, decimals, ends, titled, whole};
use crate::Drawing;
use crate::palette::{ACCENT, AXIS, SECOND};

/// A file's name, a title, what is drawn, and its values at an epoch: in training and in validation.
type Curve = (&'static str, &'static str, &'static str, fn(&EpochLog) -> [Option<f64>; 2]);

const CURVES: [Curve; 3] = [
    ("loss", "loss", STARS, |epoch| [Some(epoch.train_loss), epoch.validation_loss]),
    ("mape", "MAPE, %", "mean absolute percentage error of scaled ratings", |epoch| {
        [epoch.train_mape, epoch.validation_mape]
    }),
    ("ndcg", "NDCG@10", "NDCG@10 of lists", |epoch| [None, epoch.validation_ndcg]),
];

/// What the loss is of a network that predicts stars, and of one that is trained for lists.
const STARS: &str = "mean absolute error of scaled ratings";
const LISTS: &str = "loss of an event";

/// Those of which the log has a number.
pub(super) fn training(approach: &str, log: &TrainingLog) -> Vec<Drawing> {
    let is_there = |curve: &Curve| log.epochs.iter().any(|epoch| curve.3(epoch) != [None; 2]);
    let is_for_lists = log.epochs.iter().all(|epoch| epoch.train_mape.is_none());
    let about = |about| if about == STARS && is_for_lists { LISTS } else { about };
    let curves = CURVES.into_iter().filter(is_there);
    curves.map(|(file, title, of, value)| draw(approach, log, (file, title, about(of), value))).collect()
}

fn draw(approach: &str, log: &TrainingLog, (file, title, about, of): Curve) -> Drawing {
    let points = |value: &dyn Fn(&EpochLog) -> Option<f64>| -> Vec<(f64, f64)> {
        log.epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, value(epoch)?))).collect()
    };
    let (train, validation) = (points(&|epoch| of(epoch)[0]), points(&|epoch| of(epoch)[1]));
    let last = |points: &[(f64, f64)]| points.last().map_or(0.0, |(_, value)| *value);
    let parts = [("training", &train), ("validation", &validation)];
    let ends_at = parts.iter().filter(|(_, points)| !points.is_empty());
    let ends_at: Vec<String> = ends_at.map(|(part, points)| format!("in {part} {:.4}", last(points))).collect();
    let [first, rest @ ..] = &ends_at[..] else { unreachable!("a curve is drawn where it has a number") };
    let rest: String = rest.iter().map(|one| format!(", {one}")).collect();
    let mut description = format!("The {about} over {} epochs: {first} at the end{rest}", log.epochs.len());
    description += &format!(". The weights of epoch {} were kept.", log.best_epoch);
    let (low, high) = ends(train.iter().chain(&validation).map(|(_, value)| *value), false);
    let epochs = log.epochs.len().max(1) as f64;

    let title = format!("{approach}: {title}");
    let mut canvas = titled(&title, 230.0);
    let mut keys = Vec::new();
    if !train.is_empty() {
        keys.push(("train", ACCENT, Mark::Thick));
    }
    if !validation.is_empty() {
        keys.push(("validation", SECOND, Mark::Thick));
    }
    keys.push(("epoch kept", AXIS, Mark::Thin));
    let keys = Keys(keys);
    keys.draw(&mut canvas, TITLE - 4.0);
    let across = if epochs > 1.0 { Scale::Linear(1.0, epochs) } else { Scale::Linear(0.5, 1.5) };
    let x = Axis { scale: across, title: "epoch", ticks: 6, format: &whole };
    let y = Axis { scale: Scale::Linear(low, high), title: "", ticks: 5, format: &decimals(low, high, 5) };
    let mut plot = Plot::new(&mut canvas, [0.0, TITLE + keys.height(), WIDTH - 14.0, 230.0], &x, &y);
    plot.mark(log.best_epoch as f64, AXIS);
    for (points, colour) in [(&train, ACCENT), (&validation, SECOND)] {
        if points.len() > 1 {
            plot.line(points, colour, 2.0);
        }
        if points.len() < 15 {
            points.iter().for_each(|at| plot.dot(*at, 3.0, colour, false));
        }
    }
    canvas.finish(&format!("{file}-{}", crate::file_name(approach)), &title, &description)
}
