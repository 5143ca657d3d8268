//! The training loop of networks for lists: epochs over users, and the epoch that is kept.
//!
//! An epoch is judged by the NDCG@10 (Järvelin and Kekäläinen 2002) of validation rows, a mean over users, among all
//! items that a user did not meet in training. Does not know how a step is computed.
//!
//! **Invariant**: the result follows from the seed alone; no validation row is learned from.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use reco_core::{
    Candidates, EpochLog, FitError, ItemIdx, Query, Recommender as _, Run, Seen, Train, TrainingLog, UserIdx, Who,
};

use super::events::{Asked, Events};
use super::fitted::FittedLists;
use super::step::Step;
use super::{Shape, Table, Tables, centred};
use crate::batches::shuffled;
use crate::description::Description;
use crate::options::{NetworkOptions, Part, Shuffle};

/// Items of a list that is judged.
const K: usize = 10;

/// How much later epochs weigh more in the average of weights, the article's η.
const ETA: f32 = 8.0;

/// Trains the network of `description` for lists.
pub(crate) fn train(
    description: &Description,
    data: &Train,
    options: &NetworkOptions,
    run: &Run<'_>,
) -> Result<FittedLists, FitError> {
    let (name, started) = (description.name, Instant::now());
    let catalogue = &data.catalogue;
    let shape = Shape::of(description.lists, options, catalogue);
    let sizes = [shape.n_users, shape.n_items];
    let contexts = if shape.rows(Table::Contexts).is_some() { &catalogue.contexts[..] } else { &[] };
    let of = |rows, range| Events::of(rows, range, options.event_threshold, sizes, contexts);
    let n = data.fit.len();
    let cut = (n as f64 * (1.0 - options.validation_split)) as usize;
    let (events, validation) = match &data.validation {
        Some(validation) if cut == n => (of(&data.fit, 0..n), of(validation, 0..validation.len())),
        _ => (of(&data.fit, 0..cut), of(&data.fit, cut..n)),
    };
    let users = events.users();
    if users.is_empty() {
        return Err(FitError::NoRows { approach: name });
    }
    let met = Seen::by_user(shape.n_users, [&data.fit.select(&(0..cut).collect::<Vec<_>>())]);
    let judge = Judge::new(&met, &validation, data);
    let learned: Vec<Seen> = events.of_users.iter().map(|items| seen(items, data)).collect();
    let learned = Arc::new(learned);
    let model = |tables| {
        let names = [name, description.title];
        FittedLists::new(
            names,
            tables,
            Arc::clone(&learned),
            options.event_threshold,
            catalogue,
            TrainingLog::default(),
        )
    };

    let n_asked = options.batch_size.min(users.len());
    let [items, attributes] = [&catalogue.item_features, &catalogue.user_features].map(|all| centred(all.matrix()));
    let mut step = Step::new(&Tables::drawn(shape, run.seed), options, &items, &attributes);
    let mut log = TrainingLog { n_train: events.len(), n_validation: validation.len(), ..TrainingLog::default() };
    let mut average: Option<Tables> = None;
    let mut best: Option<(f64, FittedLists)> = None;
    let has_history = shape.has(Part::History);
    run.progress.begin(name, options.epochs, events.len());
    for epoch in 1..=options.epochs {
        let order = shuffled(users.len(), run.seed, if options.shuffle == Shuffle::Once { 1 } else { epoch });
        let (mut loss, mut n_targets) = (0.0, 0);
        for rows in order.chunks(n_asked) {
            if run.progress.interrupted() {
                return Err(FitError::Interrupted);
            }
            let ask = |row: &u32| events.ask(users[*row as usize], epoch, run.seed, options, has_history);
            let asked: Vec<Asked> = rows.par_iter().flat_map_iter(ask).collect();
            // By a thread of the pool: one from outside would sleep and be woken twice in every step.
            loss += rayon::scope(|_| step.step(&asked, &events));
            n_targets += asked.iter().map(|one| one.targets.len()).sum::<usize>();
            let n_events = |row: &u32| events.of_users[users[*row as usize] as usize].len();
            run.progress.advance(rows.iter().map(n_events).sum());
        }
        let train_loss = loss / n_targets.max(1) as f64;
        let diverged = |loss| FitError::Diverged { approach: name, epoch, loss };
        if !train_loss.is_finite() {
            return Err(diverged(train_loss));
        }
        let share = if options.averaged { (ETA + 1.0) / (epoch as f32 + ETA) } else { 1.0 };
        let tables = step.tables();
        match &mut average {
            Some(average) if share < 1.0 => average.move_to(&tables, share),
            _ => average = Some(tables),
        }
        let is_judged = validation.len() > 0;
        let current =
            average.clone().filter(|_| is_judged).map(|tables| model(tables).ok_or_else(|| diverged(f64::NAN)));
        let current = current.transpose()?;
        let judged = current.as_ref().map(|model| judge.ndcg(model)).transpose()?;
        let entry = EpochLog {
            epoch,
            train_loss,
            train_mape: None,
            validation_loss: None,
            validation_mape: None,
            validation_ndcg: judged,
        };
        run.progress.epoch(&entry);
        log.epochs.push(entry);
        log.best_epoch = epoch;
        if let (true, Some(ndcg), Some(current)) = (options.patience > 0, judged, current) {
            if best.as_ref().is_none_or(|(highest, _)| ndcg > *highest) {
                best = Some((ndcg, current));
            }
            log.best_epoch = best_epoch(&log);
            if epoch - log.best_epoch >= options.patience {
                break;
            }
        }
    }
    run.progress.end();
    let diverged = FitError::Diverged { approach: name, epoch: options.epochs, loss: f64::NAN };
    let model = match best {
        Some((_, model)) => model,
        None => average.and_then(model).ok_or(diverged)?,
    };
    log.train_seconds = started.elapsed().as_secs_f64();
    Ok(model.with_log(log))
}

/// The first epoch with the highest NDCG.
fn best_epoch(log: &TrainingLog) -> usize {
    let mut best = (f64::NEG_INFINITY, 0);
    for entry in &log.epochs {
        let ndcg = entry.validation_ndcg.unwrap_or(f64::NEG_INFINITY);
        if ndcg > best.0 || best.1 == 0 {
            best = (ndcg, entry.epoch);
        }
    }
    best.1
}

fn seen(items: &[u32], data: &Train) -> Seen {
    Seen::new(items.iter().filter_map(|item| data.catalogue.items.at(*item as usize)).collect())
}

/// Judges a network by the lists of the users who have validation rows.
struct Judge<'a> {
    /// The user, what was met in training, and what should be found.
    users: Vec<(UserIdx, &'a Seen, Seen)>,
}

impl<'a> Judge<'a> {
    fn new(met: &'a [Seen], validation: &Events, data: &Train) -> Self {
        let users = data.catalogue.users.indices().zip(met).zip(&validation.of_users);
        let users = users.filter(|(_, wanted)| !wanted.is_empty());
        Self { users: users.map(|((user, met), wanted)| (user, met, seen(wanted, data))).collect() }
    }

    /// The mean NDCG@10 over all users.
    fn ndcg(&self, model: &FittedLists) -> Result<f64, FitError> {
        let queries: Vec<Query<'_>> = self
            .users
            .iter()
            .map(|(user, met, _)| Query {
                who: Who::Known(*user),
                context: &[],
                candidates: Candidates::AllExcept(met),
            })
            .collect();
        let k = NonZeroUsize::new(K).expect("it is not 0");
        let lists = model.recommend(&queries, k).map_err(|error| FitError::Other(error.into()))?;
        let gain = |place: usize| 1.0 / libm::log2(place as f64 + 2.0);
        let mut sum = 0.0;
        for (list, (_, _, wanted)) in lists.iter().zip(&self.users) {
            let found = list.items().enumerate().filter(|(_, item): &(usize, ItemIdx)| wanted.contains(*item));
            let ideal: f64 = (0..K.min(wanted.items().len())).map(gain).sum();
            sum += found.map(|(place, _)| gain(place)).sum::<f64>() / ideal;
        }
        Ok(sum / self.users.len().max(1) as f64)
    }
}
