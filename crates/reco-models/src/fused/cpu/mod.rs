//! The fused training step on the CPU, by SIMD on all cores.
//!
//! Vectors have the width of the processor's. Does not know GPUs.
//!
//! **Invariant**: the result depends neither on that width nor on the number of threads. A batch is divided into shares
//! by its length alone; gradients are summed row by row within a share, then over shares in their order, and over the
//! places of an embedding row in theirs.

mod adam;
mod step;

use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor};
use pulp::Arch;
use rayon::prelude::*;
use reco_core::lanes::{arch, padded};
use reco_core::{FitError, Run};

pub(crate) use self::adam::step as adam_step;

use self::adam::{MetRows, RowStates};
use self::step::{DenseLayer, Gradients, Output, Share, Touch, UpdateDense, UpdateRows};
use crate::adam::{Adam, Clock};
use crate::arithmetic::Padded;
use crate::batches::Columns;
use crate::buffers::Buffer;
use crate::description::{Reader, Side};
use crate::learner::{Learner, Pass, ROWS_BETWEEN_LOOKS};
use crate::modules::bias_of;
use crate::network::Network;
use crate::options::NetworkOptions;
use crate::tensors::{numbers, rows};

/// Rows that are worked on together: what they need stays in the nearest cache.
const BLOCK: usize = 32;

/// Shares of a batch, at most, and so threads that work on it.
const SHARES: usize = 16;

/// A network's numbers, laid out for the CPU, with all that the optimizer keeps.
pub(super) struct OnCpu {
    /// With its initial weights.
    network: Network,
    tables: Vec<Tower>,
    users: MetRows,
    items: MetRows,
    layers: Vec<DenseLayer>,
    output: Output,
    /// `[n_items, n_features]`, where a layer reads them.
    features: Padded,
    shares: Vec<Share>,
    /// Where the shares' dense gradients are added up.
    total: Option<Share>,
    /// A row of zeros, as wide as any layer.
    zeros: Vec<f32>,
    pace: Pace,
    adam: Adam,
    step: u32,
}

/// An embedding table, and the one branch that reads it.
struct Tower {
    states: RowStates,
    side: Side,
    reader: Reader,
}

impl OnCpu {
    /// Copies the numbers of `network`.
    ///
    /// # Errors
    /// A device that fails.
    pub(super) fn new(
        network: &Network,
        item_features: Option<&Tensor<2>>,
        options: &NetworkOptions,
    ) -> Result<Self, FitError> {
        let architecture = network.architecture();
        let towers = architecture.towers.iter().map(|tower| Tower {
            states: RowStates::zeros(tower.n_rows, architecture.sizes.embedding_size),
            side: tower.side,
            reader: *tower.readers.first().expect("a tower is there because a branch reads it"),
        });
        let features = match item_features {
            Some(features) => Padded::of(&numbers(features.clone())?, features.dims()[1]),
            None => Padded::default(),
        };
        let widths = architecture.layers.iter().map(|layer| layer.d_output).collect();
        let mut on_cpu = Self {
            network: network.clone(),
            tables: towers.collect(),
            users: MetRows::new(architecture.sizes.n_users),
            items: MetRows::new(architecture.sizes.n_items),
            layers: architecture.layers.iter().map(DenseLayer::new).collect(),
            output: Output::new(architecture.products.len(), widths),
            features,
            shares: Vec::new(),
            total: None,
            zeros: zeros(architecture.layers.iter().map(|layer| layer.d_input).max().unwrap_or(0)),
            pace: Pace::default(),
            adam: Adam::new(options.learning_rate, options.optimizer),
            step: 0,
        };
        on_cpu.set(0, network)?;
        Ok(on_cpu)
    }

    fn pass_in_pool(&mut self, pass: Pass<'_>, run: &Run<'_>) -> Result<[f64; 2], FitError> {
        let Pass { rows: Buffer { columns, order, .. }, batch_size, sums: [mut error, mut share], .. } = pass;
        let arch = arch();
        let mut waiting = 0;
        for rows in order.chunks(batch_size) {
            if waiting >= ROWS_BETWEEN_LOOKS {
                run.progress.advance(waiting);
                waiting = 0;
            }
            if waiting == 0 && run.progress.interrupted() {
                return Err(FitError::Interrupted);
            }
            waiting += rows.len();
            let on_all_cores = self.pace.next();
            let sums = self.step(arch, columns, rows, on_all_cores);
            error += sums[0];
            share += sums[1];
        }
        run.progress.advance(waiting);
        Ok([error, share])
    }

    /// One step; returns the batch's absolute errors and their shares of the targets, summed.
    fn step(&mut self, arch: Arch, columns: &Columns, rows: &[u32], on_all_cores: bool) -> [f64; 2] {
        self.step += 1;
        arch.dispatch(Touch { fused: self, columns, rows });
        // Whole blocks, and as many shares as there can be threads.
        let n_per_share = rows.len().div_ceil(BLOCK).div_ceil(SHARES) * BLOCK;
        let n_shares = rows.len().div_ceil(n_per_share);
        let mut all = std::mem::take(&mut self.shares);
        all.retain(|share| share.room() >= n_per_share);
        while all.len() < n_shares {
            all.push(Share::new(self, n_per_share));
        }
        let mut total = self.total.take().unwrap_or_else(|| Share::new(self, 0));
        let weight = 1.0 / rows.len() as f32;
        let shares = &mut all[..n_shares];
        let gradients = |(share, rows)| arch.dispatch(Gradients { fused: self, columns, rows, weight, share });
        if on_all_cores {
            shares.par_iter_mut().zip(rows.par_chunks(n_per_share)).for_each(gradients);
        } else {
            shares.iter_mut().zip(rows.chunks(n_per_share)).for_each(gradients);
        }
        let shares = &*shares;

        let Self { tables, users, items, layers, output, adam, step, .. } = self;
        let rate = adam.rate(*step as usize) as f32;
        let mut dense = || arch.dispatch(UpdateDense { layers, output, total: &mut total, shares, rate });
        let rows = |tower: &mut Tower| {
            let met = if tower.side == Side::User { &*users } else { &*items };
            arch.dispatch(UpdateRows { tower, met, shares, n_per_share, rate });
        };
        if on_all_cores {
            rayon::join(dense, || tables.par_iter_mut().for_each(rows));
        } else {
            dense();
            tables.iter_mut().for_each(rows);
        }
        let sums = shares.iter().map(Share::sums).fold([0.0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
        (self.shares, self.total) = (all, Some(total));
        sums
    }
}

impl Learner for OnCpu {
    fn pass(&mut self, pass: Pass<'_>, run: &Run<'_>) -> Result<[f64; 2], FitError> {
        // By a thread of the pool: one from outside would sleep and be woken twice in every step.
        rayon::scope(|_| self.pass_in_pool(pass, run))
    }

    fn network(&mut self) -> Network {
        arch().dispatch(step::Settle { fused: self });
        self.kept(0)
    }

    fn kept(&self, which: usize) -> Network {
        let device = Device::flex();
        let tables = self.tables.iter().map(|tower| rows(tower.states.numbers(which), tower.states.width(), &device));
        let output = (self.output.weight(which), vec![self.output.bias(which)]);
        let layers = self.layers.iter().map(|layer| (layer.weight(which), layer.bias(which)));
        let dense = layers
            .chain([output])
            .map(|(weight, bias)| (rows(weight, bias.len(), &device), Tensor::from_data(&bias[..], &device)));
        self.network.with(tables, dense)
    }

    fn set(&mut self, which: usize, network: &Network) -> Result<(), FitError> {
        for (tower, table) in self.tables.iter_mut().zip(network.tables()) {
            tower.states.set(which, &numbers(table.weight.val())?);
        }
        let mut dense = Vec::new();
        for linear in network.dense() {
            dense.push((numbers(linear.weight.val())?, numbers(bias_of(linear).val())?));
        }
        let (weight, bias) = dense.pop().expect("every network ends in the unit that joins its branches");
        self.output.set(which, &weight, bias[0]);
        for (layer, (weight, bias)) in self.layers.iter_mut().zip(&dense) {
            layer.set(which, weight, bias);
        }
        Ok(())
    }

    fn clocks(&mut self) -> (&mut u32, [&mut Clock; 2]) {
        (&mut self.step, [&mut self.users.clock, &mut self.items.clock])
    }
}

/// Finds by trial whether a step is faster on all cores than on one. The bytes are the same either way; the cost of
/// reading what another core has written depends on the machine and on what else runs on it.
#[derive(Debug, Default)]
struct Pace {
    steps: usize,
    began: Option<Instant>,
    /// Durations of the steps tried: on one core, and on all.
    took: [Vec<Duration>; 2],
    /// The result of the trial.
    on_all_cores: bool,
}

impl Pace {
    /// Steps of a stretch on one core or on all. Stretches take turns, so that other load affects both alike.
    const STRETCH: usize = 8;

    /// Steps at the beginning of a stretch that do not count: their data lie where the stretch before left them.
    const SETTLING: usize = 2;

    /// Steps of a trial.
    const TRIED: usize = 4 * Self::STRETCH;

    /// Steps from one trial to the next: a machine's load changes.
    const PERIOD: usize = 2_000;

    /// Whether the next step takes all cores.
    fn next(&mut self) -> bool {
        let is_trying = self.steps <= Self::TRIED;
        let now = is_trying.then(Instant::now);
        let took = now.zip(std::mem::replace(&mut self.began, now)).map(|(now, began)| now - began);
        self.after(took)
    }

    /// The same, given how long the step before took.
    fn after(&mut self, took: Option<Duration>) -> bool {
        if self.steps == Self::PERIOD {
            *self = Self::default();
        }
        let is_on_all_cores = |step: usize| step / Self::STRETCH % 2 == 1;
        if let (Some(took), Some(last)) = (took, self.steps.checked_sub(1))
            && last % Self::STRETCH >= Self::SETTLING
        {
            self.took[usize::from(is_on_all_cores(last))].push(took);
        }
        if self.steps == Self::TRIED {
            // All cores must be faster by a margin.
            let [one, all] = std::mem::take(&mut self.took).map(median);
            self.on_all_cores = all.mul_f64(1.05) < one;
        }
        self.steps += 1;
        if self.steps > Self::TRIED { self.on_all_cores } else { is_on_all_cores(self.steps - 1) }
    }
}

/// The median of a few turns.
fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or_default()
}

/// A row of `n` zeros, with its padding.
fn zeros(n: usize) -> Vec<f32> {
    vec![0.0; padded(n)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cores_are_taken_where_they_are_faster() {
        // The machine changes in the second period. In the last case all cores are then faster, but by too little.
        for (all, one, expected) in [([30, 50], [50, 30], [true, false]), ([50, 97], [30, 100], [false, false])] {
            let mut pace = Pace::default();
            let mut last = pace.after(None);
            for step in 1..2 * Pace::PERIOD {
                let (period, within) = (step / Pace::PERIOD, step % Pace::PERIOD);
                // The first steps of a stretch take long, and one of the others does.
                let is_late = within % Pace::STRETCH <= Pace::SETTLING && within > 0 || within == 5;
                let took = if last { all[period] } else { one[period] } + if is_late && !last { 1_000 } else { 0 };
                // The first step of a period is not timed.
                last = pace.after((within > 0).then(|| Duration::from_micros(took)));
                if within >= Pace::TRIED {
                    assert_eq!(last, expected[period], "step {step}");
                }
            }
        }
    }
}
