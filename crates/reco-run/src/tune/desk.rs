//! Makes the trials of one approach that a search asks for, side by side, and records each when it is done.
//!
//! Does not know how a search chooses trials, nor how one is measured.
//!
//! **Invariant**: trials are in the order of their numbers, whichever was done first; what is recorded is not made
//! again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use reco_core::parallel;
use reco_report::TunedDifference;

use super::config::Method;
use super::judge::{Judge, Measured};
use super::record::Record;
use super::search::{Proposal, Search, Trial};
use super::space::Space;
use crate::RunError;
use crate::experiment::Configured;
use crate::stage::Context;

/// Trials that are made side by side, at most: those of a round.
const AT_ONCE: usize = 4;

/// Where the trials of one approach are made and recorded.
pub(super) struct Desk<'a> {
    context: &'a Context<'a>,
    judge: &'a Judge<'a>,
    configured: &'a Configured,
    record: Mutex<Record<'a>>,
    /// What was measured of each trial since the search began, by its number.
    measured: Mutex<BTreeMap<u32, Measured>>,
}

impl<'a> Desk<'a> {
    /// A desk that has made nothing yet, beside what `record` holds.
    pub(super) fn new(
        context: &'a Context<'a>,
        judge: &'a Judge<'a>,
        configured: &'a Configured,
        record: Record<'a>,
    ) -> Self {
        Self { context, judge, configured, record: Mutex::new(record), measured: Mutex::default() }
    }

    fn record(&self) -> MutexGuard<'_, Record<'a>> {
        // What a panicking thread left is whole: a trial is recorded or not.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measured(&self) -> MutexGuard<'_, BTreeMap<u32, Measured>> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wall time of the search so far.
    pub(super) fn seconds(&self) -> f64 {
        self.record().seconds()
    }

    /// All trials of `search`, and whether time ended it.
    ///
    /// # Errors
    /// An interruption; what the system says.
    pub(super) fn make_all(&self, search: &Search<'_>) -> Result<(Vec<Trial>, bool), RunError> {
        let mut trials: Vec<Trial> = Vec::new();
        let mut round = 0;
        while let Some(proposals) = search.round(round, &trials) {
            let n = proposals.len();
            let made = self.make(&proposals, search, true)?;
            let is_whole = made.len() == n;
            trials.extend(made);
            if !is_whole {
                let last = search.last_round(&trials);
                trials.extend(self.make(&last, search, false)?);
                self.record().keep(&trials)?;
                return Ok((trials, true));
            }
            round += 1;
        }
        if search.method == Method::SuccessiveHalving {
            self.record().keep(&trials)?;
        }
        Ok((trials, false))
    }

    /// The trials of a round, in their order; where time ends it, those that had begun.
    fn make(&self, proposals: &[Proposal], search: &Search<'_>, is_limited: bool) -> Result<Vec<Trial>, RunError> {
        let progress = self.context.progress.train();
        let mut trials = Vec::new();
        let limit = self.context.experiment.tune.seconds.filter(|_| is_limited);
        let mut rest = proposals;
        while let Some(next) = rest.first() {
            self.context.go_on()?;
            if let Some(known) = self.known(next)? {
                trials.push(known);
                progress.advance(1);
                rest = &rest[1..];
                continue;
            }
            // The first trial is what all others are compared with, however little time there is.
            if limit.is_some_and(|limit| self.seconds() >= limit) && next.number > 0 {
                break;
            }
            let n = rest
                .iter()
                .take(self.at_once(search.space))
                .take_while(|one| self.record().find(one).is_none())
                .count();
            let (now, later) = rest.split_at(n);
            rest = later;
            trials.extend(self.fit_side_by_side(now)?);
            progress.advance(n);
            let best = trials.iter().filter(|trial| trial.value.is_ok());
            let best = best.min_by(|a, b| a.loss(search.lower_is_better).total_cmp(&b.loss(search.lower_is_better)));
            if let Some(value) = best.and_then(|trial| trial.value.as_ref().ok()) {
                let n = now.last().map_or(0, |last| last.number + 1);
                self.context.progress.told(&format!("{n} trials, {} {value:.4}", self.judge.column()));
            }
        }
        Ok(trials)
    }

    /// The trial of `proposal`, if it was made before, under this number or another.
    fn known(&self, proposal: &Proposal) -> Result<Option<Trial>, RunError> {
        let mut record = self.record();
        let Some(trial) = record.find(proposal) else { return Ok(None) };
        if !record.holds(&trial) {
            record.add(trial.clone(), 0.0)?;
        }
        Ok(Some(trial))
    }

    /// How many fits run side by side: one where a fit is of a network, which may be alone on its device, or of several
    /// approaches.
    fn at_once(&self, space: &Space) -> usize {
        let Configured { kind, approach, .. } = self.configured;
        let largest = space.largest(self.configured);
        let is_light = reco_classic::APPROACHES.iter().any(|entry| entry.name == *kind);
        let most = if is_light { AT_ONCE.min(parallel::threads()) } else { 1 };
        most.min(self.judge.at_once(largest.as_deref().unwrap_or(approach.as_ref())))
    }

    /// Makes trials that are not recorded, each on a thread of its own, and records each when it is done.
    fn fit_side_by_side(&self, proposals: &[Proposal]) -> Result<Vec<Trial>, RunError> {
        let started = Instant::now();
        let mut made: Vec<Option<Result<Trial, RunError>>> = proposals.iter().map(|_| None).collect();
        let rows: Vec<_> = proposals.iter().zip(&mut made).collect();
        parallel::each_on(proposals.len(), rows, || (), |(), (proposal, made)| *made = Some(self.fit(proposal)));
        let trials = made.into_iter().map(|trial| trial.expect("every row is worked on")).collect::<Result<_, _>>()?;
        self.record().spend(started.elapsed().as_secs_f64())?;
        Ok(trials)
    }

    fn fit(&self, proposal: &Proposal) -> Result<Trial, RunError> {
        let started = Instant::now();
        let measured = self.judge.measure(self.configured, &proposal.options, proposal.share)?;
        let value = match measured {
            Err(failure) => Err(failure),
            Ok(measured) => {
                let value = measured.value;
                self.measured().insert(proposal.number, measured);
                value.ok_or_else(|| format!("`{}` does not apply to it", self.judge.column()))
            }
        };
        let trial = Trial { proposal: proposal.clone(), value };
        self.record().add(trial.clone(), started.elapsed().as_secs_f64())?;
        Ok(trial)
    }

    /// By how much `best` differs from `default`, user by user. A trial that was made by another process is made again
    /// for it.
    ///
    /// # Errors
    /// An interruption.
    pub(super) fn difference(&self, default: &Trial, best: &Trial) -> Result<Option<TunedDifference>, RunError> {
        for Trial { proposal: Proposal { number, options, share }, .. } in [default, best] {
            if !self.measured().contains_key(number)
                && let Ok(measured) = self.judge.measure(self.configured, options, *share)?
            {
                self.measured().insert(*number, measured);
            }
        }
        let measured = self.measured();
        let [a, b] = [default, best].map(|trial| measured.get(&trial.proposal.number));
        let found = a.zip(b).and_then(|(a, b)| self.judge.difference(a, b));
        Ok(found.map(|found| TunedDifference { difference: found.difference, interval: found.interval }))
    }
}
