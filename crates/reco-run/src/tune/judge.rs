//! Makes trials: fits an approach on train rows, and measures it on validation rows.
//!
//! Does not know which options are tried, nor in which order.
//!
//! **Invariant**: it holds no test row, as it is made of [`TrainingData`]; a trial depends on its approach, its share,
//! the data and the seed alone, so that trials can be made side by side.

use reco_core::options::did_you_mean;
use reco_core::random::keyed_user_hash;
use reco_core::{
    AnyApproach, DeviceChoice, FitError, Interactions, Progress, Requirement, Run, TestUser, Train, UserIdx,
};
use reco_eval::compare::{Averaged, Shared};
use reco_eval::metric::Better;
use reco_eval::{Column, EvalError, METRICS, MetricEntry, Protocol, TrainingCounts, UserValues};
use reco_features::{TrainingData, context_vector};

use super::error::TuneError;
use super::space::Options;
use crate::experiment::Configured;
use crate::folder::first_line;
use crate::validation::{Asked, Validation};
use crate::{Experiment, RunError};

/// What trials of any approach are made with.
pub(super) struct Judge<'a> {
    data: TrainingData,
    validation: Validation,
    known: TrainingCounts,
    moment: Vec<f32>,
    pub(super) entry: &'static MetricEntry,
    seed: u64,
    device: DeviceChoice,
    progress: &'a dyn Progress,
}

/// A trial's outcome.
pub(super) struct Measured {
    /// The metric's value; `None` where it does not apply.
    pub(super) value: Option<f64>,
    /// Of each user the rated rows, and the value if there is one.
    pub(super) users: Vec<(usize, Option<f64>)>,
}

/// Fits show no progress of their own: several run side by side.
struct Stoppable<'a>(&'a dyn Progress);

impl Progress for Stoppable<'_> {
    fn interrupted(&self) -> bool {
        self.0.interrupted()
    }
}

impl<'a> Judge<'a> {
    /// A judge by `chosen`, as [`metric`] gives it.
    ///
    /// # Errors
    /// No validation rows; a context that the data do not have.
    pub(super) fn new(
        data: TrainingData,
        experiment: &Experiment,
        (protocol, column, entry): (Protocol, Column, &'static MetricEntry),
        progress: &'a dyn Progress,
    ) -> Result<Self, RunError> {
        let genres = data.details.iter().map(|item| item.genres.as_slice());
        let known = TrainingCounts::new(&data.fit, &data.catalogue).with_genres(genres);
        let chosen = Some((protocol, column));
        let validation = Validation::new(data.validation.as_ref(), &data.fit, &known, &experiment.split, chosen)
            .map_err(|why| TuneError::NoValidation { why })?;
        let moment = context_vector(&data.catalogue, &experiment.evaluate.context)?;
        let (seed, device) = (experiment.seed, experiment.device);
        Ok(Self { data, validation, known, moment, entry, seed, device, progress })
    }

    /// The metric that decides.
    pub(super) fn column(&self) -> &Column {
        &self.validation.column
    }

    /// Whether less of it is better.
    pub(super) fn lower_is_better(&self) -> bool {
        self.entry.better == Better::Lower
    }

    /// The name of the data set, users who are asked about, and their rows.
    pub(super) fn measured_on(&self) -> (&str, usize, usize) {
        let users = &self.validation.test_users;
        (&self.data.info.dataset.name, users.len(), users.iter().map(|user| user.rows().len()).sum())
    }

    /// What `approach` requires and the data do not have, or needs and the machine has not.
    pub(super) fn refusal(&self, approach: &dyn AnyApproach, largest: Option<&dyn AnyApproach>) -> Option<String> {
        let train = self.data.train();
        let unmet = |need: Requirement| need.check(approach.name(), &train).err().map(|error| error.to_string());
        let memory =
            |approach| reco_core::memory::affordable(approach, &self.data.catalogue, self.data.fit.len()).err();
        let unmet = approach.requires().into_iter().find_map(unmet);
        unmet.or_else(|| memory(largest.unwrap_or(approach)).map(|error| error.to_string()))
    }

    /// How many fits of `approach` fit into this machine side by side: half of its memory is theirs.
    pub(super) fn at_once(&self, approach: &dyn AnyApproach) -> usize {
        let need = approach.memory(&self.data.catalogue).bytes().max(1);
        usize::try_from(u128::from(reco_core::memory::of_machine() / 2) / need).unwrap_or(usize::MAX).max(1)
    }

    /// Fits `configured` with `options` and measures it; or says why there is no value.
    ///
    /// # Errors
    /// An interruption.
    pub(super) fn measure(
        &self,
        configured: &Configured,
        options: &Options,
        share: f64,
    ) -> Result<Result<Measured, String>, RunError> {
        let with = |options: &Options| configured.with(options);
        let mut options = options.clone();
        let mut train = self.data.train();
        let mut asked: Vec<&TestUser> = self.validation.test_users.iter().collect();
        if share < 1.0 {
            let all = with(&options).map(|approach| approach.options()).unwrap_or_default();
            match all["epochs"].as_u64() {
                Some(epochs) => {
                    let fewer = ((epochs as f64 * share).round() as u64).max(1);
                    options.insert("epochs".to_owned(), fewer.into());
                }
                None => {
                    let users = self.some_users(share);
                    train = of_users(&train, &users);
                    asked.retain(|user| users[user.user().index()]);
                }
            }
        }
        let approach = match with(&options) {
            Ok(approach) => approach,
            Err(error) => return Ok(Err(first_line(&error))),
        };
        let progress = &Stoppable(self.progress);
        let run = Run { seed: self.seed, device: self.device, progress };
        let fitted = match approach.fit(&train, &run) {
            Err(FitError::Interrupted) => return Err(RunError::Interrupted),
            Err(error) => return Ok(Err(first_line(&error))),
            Ok(_) if progress.interrupted() => return Err(RunError::Interrupted),
            Ok(fitted) => fitted,
        };
        let of_asked = Asked { known: &self.known, moment: &self.moment, seed: self.seed, progress };
        let measured = match asked.len() == self.validation.test_users.len() {
            true => self.validation.measure(fitted.as_ref(), &of_asked),
            false => {
                let some: Vec<TestUser> = asked.into_iter().cloned().collect();
                self.validation.measure_of(&some, fitted.as_ref(), &of_asked)
            }
        };
        let evaluation = match measured {
            Err(EvalError::Interrupted) => return Err(RunError::Interrupted),
            Err(error) => return Ok(Err(first_line(&error))),
            Ok(evaluation) => evaluation,
        };
        let of_user = |user: &UserValues| (user.n_rated, user.values.first().copied().flatten());
        Ok(Ok(Measured {
            value: evaluation.metrics.get(self.column()),
            users: evaluation.per_user.iter().map(of_user).collect(),
        }))
    }

    /// Which users take part in a training with `share` of them: the more, the same and others.
    fn some_users(&self, share: f64) -> Vec<bool> {
        let catalogue = &self.data.catalogue;
        let mut order: Vec<UserIdx> = catalogue.users.indices().collect();
        order.sort_by_cached_key(|user| keyed_user_hash(self.seed, catalogue.users.id(*user)));
        let mut takes_part = vec![false; order.len()];
        let n = ((order.len() as f64 * share).ceil() as usize).max(1);
        order.iter().take(n).for_each(|user| takes_part[user.index()] = true);
        takes_part
    }

    /// By how much `b` is better than `a`, with its 95 % interval over users where there is one.
    pub(super) fn difference(&self, a: &Measured, b: &Measured) -> Option<Averaged> {
        let both = a.users.iter().zip(&b.users);
        let shared = both.filter_map(|((n_rated, a), (_, b))| Some(Shared { n_rated: *n_rated, a: (*a)?, b: (*b)? }));
        Averaged::of(&shared.collect::<Vec<_>>(), self.entry.measure.average()?)
    }
}

/// The rows of the users who take part.
fn of_users(train: &Train, takes_part: &[bool]) -> Train {
    let some = |rows: &Interactions| {
        let is = |row: &usize| takes_part[rows.users()[*row].index()];
        rows.select(&(0..rows.len()).filter(is).collect::<Vec<_>>())
    };
    let validation = train.validation.as_ref().map(some).filter(|rows| !rows.is_empty());
    Train { catalogue: train.catalogue.clone(), fit: some(&train.fit), validation }
}

/// The metric called `name`, or the one that tells lists apart where that is empty, and the rules to measure it alone.
///
/// # Errors
/// No such metric; one of which neither more nor less is better.
pub(super) fn metric(name: &str, evaluate: &Protocol) -> Result<(Protocol, Column, &'static MetricEntry), RunError> {
    let refuse = |metric: &str, reason: &str, hint: String| {
        RunError::from(TuneError::Metric { metric: metric.to_owned(), reason: reason.to_owned(), hint })
    };
    let name = match name {
        "" => match evaluate.of_lists(METRICS)? {
            Some((_, column)) => column.to_string(),
            None => return Err(refuse("", "none is named", "state one: `metric = \"ndcg@10\"`".to_owned())),
        },
        name => name.to_owned(),
    };
    let unknown = || {
        let known = METRICS.iter().map(|entry| entry.name.replace("@k", "@10")).collect::<Vec<_>>();
        refuse(&name, "there is no such metric", did_you_mean(&name, known.iter().map(String::as_str)))
    };
    let column: Column = name.parse().map_err(|_| unknown())?;
    let entry = column.entry(METRICS).ok_or_else(unknown)?;
    if entry.better == Better::Neither {
        let hint = "take one of which more or less is better, such as `ndcg@10` or `rmse`".to_owned();
        return Err(refuse(&name, "neither more nor less of it is better", hint));
    }
    let protocol = Protocol {
        k: column.k().map_or_else(|| evaluate.k.clone(), |k| vec![k]),
        metrics: vec![name],
        buckets: Vec::new(),
        detail_user: String::new(),
        detail_users: 0,
        ..evaluate.clone()
    };
    let found = protocol.columns(METRICS)?.first().cloned();
    Ok((protocol, found.unwrap_or(column), entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_that_decides_is_known_and_has_a_better_side() {
        let evaluate = Protocol::default();
        let column =
            |name: &str| metric(name, &evaluate).map(|(protocol, column, _)| (protocol.k.len(), column.to_string()));
        assert_eq!(column("").unwrap(), (1, "ndcg@10".to_owned()));
        assert_eq!(column("recall@50").unwrap().1, "recall@50", "a length that `evaluate.k` does not have");
        assert_eq!(column("rmse").unwrap().1, "rmse");
        let sampled = Protocol { sampled_negatives: 99, ..Protocol::default() };
        assert_eq!(metric("ndcg@10", &sampled).unwrap().1.to_string(), "sampled99_ndcg@10");
        let refused = |name: &str| column(name).unwrap_err().to_string();
        assert_eq!(
            refused("ndgc@10"),
            "`ndgc@10` cannot decide in [tune]: there is no such metric\nhint: did you mean `ndcg@10`?"
        );
        assert!(refused("average_popularity@10").contains("neither more nor less"));
    }
}
