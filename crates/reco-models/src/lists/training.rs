//! The training loop of networks for lists: epochs over users, and the epoch that is kept.
//!
//! An epoch is judged by the NDCG@10 (Järvelin and Kekäläinen 2002) of validation rows, a mean over users, among all
//! items that a user did not meet in training. Does not know how a step is computed.
//!
//! **Invariant**: the result follows from the seed alone, however often the training was stopped and went on; no
//! validation row is learned from.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use reco_core::{
    Candidates, EpochLog, FitError, ItemIdx, Query, Recommender as _, Run, Seen, Train, TrainingLog, UserIdx, Who,
};

use super::events::{Asked, Events};
use super::fitted::FittedLists;
use super::standing::Standing;
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
    let left = run.from_checkpoint(name, catalogue, |state| {
        let (standing, kept) = Standing::take(state, shape, options.epochs)?;
        let words = format!("epoch {} of {}, step {}", standing.epoch, options.epochs, standing.n_steps);
        Ok(((standing, kept), words))
    });
    let mut standing = match left {
        None => Standing::new(events.len(), validation.len()),
        Some((standing, kept)) => {
            kept.iter().enumerate().for_each(|(which, tables)| step.set(which, tables));
            step.set_counts(standing.counts);
            standing
        }
    };
    // The networks of epochs were finite when they were judged.
    let mut best = standing.best.take().and_then(model);
    let has_history = shape.has(Part::History);
    let n_events = |row: &u32| events.of_users[users[*row as usize] as usize].len();
    let order = |epoch| shuffled(users.len(), run.seed, if options.shuffle == Shuffle::Once { 1 } else { epoch });
    run.progress.begin(name, options.epochs, events.len());
    let begun: usize = match standing.n_steps {
        0 => 0,
        n => order(standing.epoch).iter().take(n.saturating_mul(n_asked)).map(n_events).sum(),
    };
    run.progress.skip(standing.epoch.saturating_sub(1).saturating_mul(events.len()).saturating_add(begun));
    for epoch in standing.epoch..=options.epochs {
        for rows in order(epoch).chunks(n_asked).skip(standing.n_steps) {
            run.keep_if_due(|| Ok::<_, Infallible>(standing.state(&step, best.as_ref(), (name, catalogue))));
            if run.progress.interrupted() {
                return Err(FitError::Interrupted);
            }
            let ask = |row: &u32| events.ask(users[*row as usize], epoch, run.seed, options, has_history);
            let asked: Vec<Asked> = rows.par_iter().flat_map_iter(ask).collect();
            // By a thread of the pool: one from outside would sleep and be woken twice in every step.
            standing.loss += rayon::scope(|_| step.step(&asked, &events));
            standing.n_targets += asked.iter().map(|one| one.targets.len()).sum::<usize>();
            standing.n_steps += 1;
            run.progress.advance(rows.iter().map(n_events).sum());
        }
        let train_loss = standing.loss / standing.n_targets.max(1) as f64;
        let diverged = |loss| FitError::Diverged { approach: name, epoch, loss };
        if !train_loss.is_finite() {
            return Err(diverged(train_loss));
        }
        let share = if options.averaged { (ETA + 1.0) / (epoch as f32 + ETA) } else { 1.0 };
        let tables = step.tables(0);
        match &mut standing.average {
            Some(average) if share < 1.0 => average.move_to(&tables, share),
            average => *average = Some(tables),
        }
        let judged = standing.average.clone().filter(|_| validation.len() > 0);
        let current = judged.map(|tables| model(tables).ok_or_else(|| diverged(f64::NAN)));
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
        standing.log.epochs.push(entry);
        standing.log.best_epoch = epoch;
        if options.patience > 0 && judged.is_some() {
            let best_epoch = best_epoch(&standing.log);
            standing.log.best_epoch = best_epoch;
            if best_epoch == epoch {
                best = current;
            }
            if epoch - best_epoch >= options.patience {
                break;
            }
        }
        standing.end_epoch();
    }
    run.progress.end();
    let diverged = FitError::Diverged { approach: name, epoch: options.epochs, loss: f64::NAN };
    let train_seconds = started.elapsed().as_secs_f64();
    let model = match best {
        Some(model) => model,
        None => standing.average.and_then(model).ok_or(diverged)?,
    };
    Ok(model.with_log(TrainingLog { train_seconds, ..standing.log }))
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
