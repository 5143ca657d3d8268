//! Draws what a search found of one approach: each trial's value against each option, the best and the default marked.
//!
//! Does not know how options are searched for.
//!
//! **Invariant**: one figure for each option, all with one axis of values; trials of other shares of the training are
//! left out, since they are other numbers.

use serde_json::Value;

use super::chart::{Axis, Keys, Mark, Plot, Scale, TITLE, WIDTH, decimals, ends, short, titled};
use crate::canvas::fitted;
use crate::palette::{ACCENT, AXIS, SECOND};
use crate::tuning::{SearchedOption, SearchedValues, Tuned, Tuning, TuningTrial, word};
use crate::{Drawing, file_name};

/// Pixels of a figure upwards.
const HEIGHT: f64 = 230.0;

/// One figure for each option that was searched for; none where no trial has a value.
pub fn tuning_figures(tuning: &Tuning, tuned: &Tuned) -> Vec<Drawing> {
    let with_value: Vec<(&TuningTrial, f64)> =
        tuned.trials.iter().filter_map(|trial| Some((trial, trial.value?))).collect();
    let count = |share: f64| with_value.iter().filter(|(trial, _)| trial.share == share).count();
    // Of equally many, the larger share.
    let most =
        with_value.iter().map(|(trial, _)| trial.share).max_by(|a, b| count(*a).cmp(&count(*b)).then(a.total_cmp(b)));
    let Some(share) = most else { return Vec::new() };
    let shown: Vec<(&TuningTrial, f64)> = with_value.into_iter().filter(|(trial, _)| trial.share == share).collect();
    tuned.searched.iter().map(|searched| draw(tuning, tuned, searched, &shown)).collect()
}

fn draw(tuning: &Tuning, tuned: &Tuned, searched: &SearchedOption, trials: &[(&TuningTrial, f64)]) -> Drawing {
    let SearchedOption { option, values, explains } = searched;
    let explained = explains.map_or_else(String::new, |share| format!(", {:.0} % explained", 100.0 * share));
    let title = format!("{}: {option}{explained}", tuned.name);
    let mut canvas = titled(&fitted(&title, 1.12 * 14.0, WIDTH - 4.0), HEIGHT);
    let keys =
        Keys(vec![("trial", AXIS, Mark::Dotted), ("default", SECOND, Mark::Ringed), ("best", ACCENT, Mark::Dotted)]);
    keys.draw(&mut canvas, TITLE - 4.0);
    let (low, high) = ends(trials.iter().map(|(_, value)| *value), false);
    // A share of a small span begins where its values do.
    let (scale, ticks) = match values {
        SearchedValues::Range(from, to, true) => (Scale::Log(*from, *to), 5),
        SearchedValues::Range(from, to, false) => (Scale::Linear(*from, *to), 5),
        SearchedValues::List(list) => (Scale::Linear(-0.5, list.len() as f64 - 0.5), 0),
    };
    let x = Axis { scale, title: option, ticks, format: &short };
    let metric = tuning.metric.to_string();
    let y = Axis { scale: Scale::Linear(low, high), title: &metric, ticks: 5, format: &decimals(low, high, 5) };
    let mut plot = Plot::new(&mut canvas, [0.0, TITLE + keys.height(), WIDTH - 14.0, HEIGHT], &x, &y);
    if let SearchedValues::List(list) = values {
        let room = 300.0 / list.len() as f64 - 4.0;
        for (at, value) in list.iter().enumerate() {
            plot.below(at as f64, &fitted(&word(value), super::chart::SMALL, room));
        }
    }
    let place = |value: &Value| match values {
        SearchedValues::Range(from, to, _) => value.as_f64().filter(|value| (*from..=*to).contains(value)),
        SearchedValues::List(list) => list.iter().position(|known| known == value).map(|at| at as f64),
    };
    let points =
        trials.iter().filter_map(|(trial, value)| Some((*trial, (place(trial.options.get(option)?)?, *value))));
    let mut marked: Vec<(&TuningTrial, (f64, f64))> = points.collect();
    // What is marked is drawn last, over the others.
    let rank = |trial: &TuningTrial| if trial.options == tuned.options { 2 } else { u8::from(trial.trial == 0) };
    marked.sort_by_key(|(trial, _)| rank(trial));
    for (trial, point) in marked {
        match rank(trial) {
            2 => plot.dot(point, 5.0, ACCENT, false),
            1 => plot.dot(point, 4.0, SECOND, true),
            _ => plot.dot(point, 3.0, AXIS, false),
        }
    }
    let best = tuned.options.get(option).map(word).unwrap_or_default();
    let description = format!(
        "{metric} of {} trials of {} by {option}; the best has {option} {best} and a value of {:.4}{explained}.",
        trials.len(),
        tuned.name,
        tuned.value
    );
    canvas.finish(&format!("tuning-{}-{}", file_name(&tuned.name), file_name(option)), &title, &description)
}
