//! Draws the learning curves of a training: loss and percentage error, epoch by epoch.
//!
//! Does not know what is trained.
//!
//! **Invariant**: train and validation share their axes.

use reco_core::{EpochLog, TrainingLog};

use super::chart::{Axis, Keys, Mark, Plot, Scale, TITLE, WIDTH, decimals, ends, titled, whole};
use crate::Drawing;
use crate::palette::{ACCENT, AXIS, SECOND};

/// A file's name, a title, what is drawn, and its values at an epoch: in training and in validation.
type Curve = (&'static str, &'static str, &'static str, fn(&EpochLog) -> (f64, Option<f64>));

const CURVES: [Curve; 2] = [
    ("loss", "loss", "mean absolute error of scaled ratings", |epoch| (epoch.train_loss, epoch.validation_loss)),
    ("mape", "MAPE, %", "mean absolute percentage error of scaled ratings", |epoch| {
        (epoch.train_mape, epoch.validation_mape)
    }),
];

/// Loss and percentage error.
pub(super) fn training(approach: &str, log: &TrainingLog) -> Vec<Drawing> {
    CURVES.into_iter().filter(|_| !log.epochs.is_empty()).map(|curve| draw(approach, log, curve)).collect()
}

fn draw(approach: &str, log: &TrainingLog, (file, title, about, of): Curve) -> Drawing {
    let points = |value: &dyn Fn(&EpochLog) -> Option<f64>| -> Vec<(f64, f64)> {
        log.epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, value(epoch)?))).collect()
    };
    let (train, validation) = (points(&|epoch| Some(of(epoch).0)), points(&|epoch| of(epoch).1));
    let last = |points: &[(f64, f64)]| points.last().map_or(0.0, |(_, value)| *value);
    let mut description =
        format!("The {about} over {} epochs: in training {:.4} at the end", train.len(), last(&train));
    if !validation.is_empty() {
        description += &format!(", in validation {:.4}", last(&validation));
    }
    description += &format!(". The weights of epoch {} were kept.", log.best_epoch);
    let (low, high) = ends(train.iter().chain(&validation).map(|(_, value)| *value), false);
    let epochs = train.iter().map(|(epoch, _)| *epoch).fold(1.0, f64::max);

    let title = format!("{approach}: {title}");
    let mut canvas = titled(&title, 230.0);
    let mut keys = vec![("train", ACCENT, Mark::Thick)];
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
