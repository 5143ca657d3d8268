//! Draws the learning curves of a training: loss and percentage error, epoch by epoch.
//!
//! Does not know what is trained.
//!
//! **Invariant**: train and validation share their axes.

use reco_core::{EpochLog, TrainingLog};

use super::chart::{Axis, Keys, Mark, Plot, Scale, TITLE, WIDTH, decimals, titled, whole};
use crate::Drawing;
use crate::palette::{ACCENT, AXIS, SECOND};

/// Loss and percentage error.
pub(super) fn training(approach: &str, log: &TrainingLog) -> Vec<Drawing> {
    let file = crate::file_name(approach);
    let loss = Curves {
        name: format!("loss-{file}"),
        title: format!("{approach}: loss"),
        about: "mean absolute error of scaled ratings",
        train: log.epochs.iter().map(|epoch| (epoch, epoch.train_loss)).map(point).collect(),
        validation: log.epochs.iter().filter_map(|epoch| Some((epoch, epoch.validation_loss?))).map(point).collect(),
    };
    let mape = Curves {
        name: format!("mape-{file}"),
        title: format!("{approach}: MAPE, %"),
        about: "mean absolute percentage error of scaled ratings",
        train: log.epochs.iter().map(|epoch| (epoch, epoch.train_mape)).map(point).collect(),
        validation: log.epochs.iter().filter_map(|epoch| Some((epoch, epoch.validation_mape?))).map(point).collect(),
    };
    [loss, mape].iter().filter(|curves| !curves.train.is_empty()).map(|curves| curves.draw(log.best_epoch)).collect()
}

fn point((epoch, value): (&EpochLog, f64)) -> (f64, f64) {
    (epoch.epoch as f64, value)
}

struct Curves {
    name: String,
    title: String,
    about: &'static str,
    train: Vec<(f64, f64)>,
    validation: Vec<(f64, f64)>,
}

impl Curves {
    fn draw(&self, best_epoch: usize) -> Drawing {
        let last = |points: &[(f64, f64)]| points.last().map_or(0.0, |(_, value)| *value);
        let mut description = format!(
            "The {} over {} epochs: in training {:.4} at the end",
            self.about,
            self.train.len(),
            last(&self.train)
        );
        if !self.validation.is_empty() {
            description += &format!(", in validation {:.4}", last(&self.validation));
        }
        description += &format!(". The weights of epoch {best_epoch} were kept.");
        let values = || self.train.iter().chain(&self.validation).map(|(_, value)| *value);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        let room = if high > low { (high - low) * 0.06 } else { high.abs().max(1.0) * 0.1 };
        let (low, high) = ((low - room).max(0.0), high + room);
        let epochs = self.train.iter().map(|(epoch, _)| *epoch).fold(1.0, f64::max);

        let mut canvas = titled(&self.title, 230.0);
        let mut keys = vec![("train", ACCENT, Mark::Thick)];
        if !self.validation.is_empty() {
            keys.push(("validation", SECOND, Mark::Thick));
        }
        keys.push(("epoch kept", AXIS, Mark::Thin));
        let keys = Keys(keys);
        keys.draw(&mut canvas, TITLE - 4.0);
        let across = if epochs > 1.0 { Scale::Linear(1.0, epochs) } else { Scale::Linear(0.5, 1.5) };
        let x = Axis { scale: across, title: "epoch", ticks: 6, format: &whole };
        let y = Axis { scale: Scale::Linear(low, high), title: "", ticks: 5, format: &decimals(low, high, 5) };
        let mut plot = Plot::new(&mut canvas, [0.0, TITLE + keys.height(), WIDTH - 14.0, 230.0], &x, &y);
        plot.mark(best_epoch as f64, AXIS);
        for (points, colour) in [(&self.train, ACCENT), (&self.validation, SECOND)] {
            if points.len() > 1 {
                plot.line(points, colour, 2.0);
            }
            if points.len() < 15 {
                points.iter().for_each(|at| plot.dot(*at, 3.0, colour, false));
            }
        }
        canvas.finish(&self.name, &self.title, &description)
    }
}
