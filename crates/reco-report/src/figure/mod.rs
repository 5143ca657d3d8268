//! Draws all figures of a report.
//!
//! Does not know the page around them.
//!
//! **Invariant**: a figure without data is left out; each has a name of its own, which names its file.

mod bars;
mod chart;
mod curves;
mod dates;
mod heat;
mod history;
mod leads;
mod metrics;
mod tail;
mod tuning;

pub(crate) use history::HistoryOf;
pub use tuning::tuning_figures;

use crate::{Counts, Drawing, Facts, Results};

/// All figures of a report, in the order in which it tells them.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// How far every other approach is behind the best: one drawing, or none.
    pub leads: Vec<Drawing>,
    /// One per metric: every approach with its bounds.
    pub metrics: Vec<Drawing>,
    /// One per main metric and side: every approach by how many training ratings there are.
    pub history: Vec<Drawing>,
    /// The ratings: who, what, how many stars, when.
    pub ratings: Vec<Drawing>,
    /// The items' features.
    pub features: Vec<Drawing>,
    /// One per context.
    pub contexts: Vec<Drawing>,
    /// The course of each training: loss and percentage error, by the approach's name.
    pub training: Vec<(String, Vec<Drawing>)>,
    /// Each network as layers, by the approach's name.
    pub diagrams: Vec<(String, Drawing)>,
}

impl Figures {
    /// Draws whatever `results` and `facts` have.
    pub fn new(results: &Results, facts: &Facts) -> Self {
        let mut figures = Self {
            leads: results.summary.as_ref().and_then(leads::leads).into_iter().collect(),
            metrics: metrics::metrics(results),
            history: history::by_history(results),
            ..Self::default()
        };
        if let Some(counts) = &facts.counts {
            let ratings: [fn(&Counts) -> Option<Drawing>; 5] =
                [heat::rated, bars::per_user, bars::stars, tail::popularity, dates::over_time];
            figures.ratings = ratings.into_iter().filter_map(|draw| draw(counts)).collect();
            figures.features.extend(heat::features(counts));
            figures.contexts = counts.contexts.iter().filter_map(bars::context).collect();
        }
        for (name, log) in &facts.training {
            figures.training.push((name.clone(), curves::training(name, log)));
        }
        for approach in &facts.approaches {
            if let Some(layers) = approach.layers.as_ref().filter(|graph| !graph.layers.is_empty()) {
                figures.diagrams.push((approach.name.clone(), crate::diagram(&approach.name, layers)));
            }
        }
        figures
    }

    /// Every drawing, in order.
    pub fn all(&self) -> impl Iterator<Item = &Drawing> {
        let plain = [&self.leads, &self.metrics, &self.history, &self.ratings, &self.features, &self.contexts];
        let training = self.training.iter().flat_map(|(_, drawings)| drawings);
        plain.into_iter().flatten().chain(self.diagrams.iter().map(|(_, drawing)| drawing)).chain(training)
    }
}

#[cfg(test)]
pub(crate) mod tests;
