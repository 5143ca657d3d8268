//! Adam on Burn's tensors: on embedding tables, at the rows that a batch meets, and on dense layers.
//!
//! The equations are those of `adam/mod.rs`. Does not know networks.
//!
//! **Invariant**: a table's weight is up to date for every row that was read at this step, and for all rows after
//! `settle`.

use std::ops::Range;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Gradients, IndexingUpdateOp, Int, Tensor, TensorData, s};

use crate::adam::{Adam, BETA_1, BETA_2, Clock, EPSILON, Met, MissedSteps};
use crate::modules::{EmbeddingTable, bias_of};
use crate::tensors::indices;

/// The rows of a batch that one device takes.
#[derive(Clone, Debug)]
pub(crate) struct Share<'a> {
    pub(crate) rows: Range<usize>,
    pub(crate) device: &'a Device,
}

/// The sum of `tensors` in their order, on the device of the first.
fn total<const D: usize>(tensors: impl Iterator<Item = Tensor<D>>) -> Tensor<D> {
    let sum = |sum: Tensor<D>, one: Tensor<D>| {
        let home = sum.device();
        sum + one.to_device(&home)
    };
    tensors.reduce(sum).expect("a batch has a share")
}

/// The distinct rows of one side that a batch meets.
#[derive(Debug)]
pub(crate) struct Touched {
    /// `[n_distinct]`
    rows: Tensor<1, Int>,
    /// `[n]`: the index of each row of the batch in `rows`.
    inverse: Vec<u32>,
    /// `[n_distinct, MissedSteps::NUMBERS]`: what each row missed. `None`: nothing.
    missed: Option<Tensor<2>>,
}

impl Touched {
    /// The rows of `batch`, which is read and then updated at `step`, counted from 1.
    pub(crate) fn of(batch: &[u32], clock: &mut Clock, step: u32, adam: &Adam, device: &Device) -> Self {
        let mut distinct = Vec::with_capacity(batch.len());
        let mut inverse = Vec::with_capacity(batch.len());
        let mut missed = Vec::with_capacity(batch.len());
        for &row in batch {
            inverse.push(match clock.meet(row, step, distinct.len()) {
                Met::Again(place) => place,
                Met::First(last) => {
                    distinct.push(row);
                    missed.push(MissedSteps::of(last, step, adam));
                    distinct.len() as u32 - 1
                }
            });
        }
        Self { rows: indices(&distinct, device), inverse, missed: numbers(missed, device) }
    }
}

/// What all rows missed until `step`, `[n_rows, MissedSteps::NUMBERS]`; `None`: nothing.
pub(crate) fn settle(clock: &mut Clock, step: u32, adam: &Adam, device: &Device) -> Option<Tensor<2>> {
    let mut missed = vec![None; clock.n_rows()];
    clock.settle(step, adam, |row, steps| missed[row as usize] = Some(steps));
    numbers(missed, device)
}

/// `[n, MissedSteps::NUMBERS]`; `None` where no row missed anything.
fn numbers(missed: Vec<Option<MissedSteps>>, device: &Device) -> Option<Tensor<2>> {
    let shape = [missed.len(), MissedSteps::NUMBERS];
    let any = missed.iter().any(Option::is_some);
    any.then(|| {
        let numbers = missed.into_iter().flat_map(MissedSteps::numbers).collect::<Vec<_>>();
        Tensor::from_data(TensorData::new(numbers, shape), device)
    })
}

/// A table while it is trained: its weight, moved out of the network, and its moments.
#[derive(Debug)]
pub(crate) struct TableState {
    /// `[n_rows, embedding_size]` each. `None` only while they are being updated, so that no second handle exists and
    /// the update is in place.
    state: Option<[Tensor<2>; 3]>,
    /// The touched rows of the current batch, up to date: weight, first and second moment.
    touched: Option<[Tensor<2>; 3]>,
    /// Their weight on each device that takes a share of the batch, tracked by autodiff.
    leaves: Vec<Tensor<2>>,
}

/// Empties `table`, keeping its name for saved files.
pub(crate) fn hide(table: &mut EmbeddingTable, device: &Device) {
    table.weight = Param::initialized(table.weight.id, Tensor::zeros([1, 1], device));
}

impl TableState {
    /// Moments of zero for `table`, whose weight moves here: the table is empty until `show`.
    pub(crate) fn take(table: &mut EmbeddingTable, device: &Device) -> Self {
        let weight = table.weight.val();
        let (m, v) = (weight.zeros_like(), weight.zeros_like());
        hide(table, device);
        Self { state: Some([weight, m, v]), touched: None, leaves: Vec::new() }
    }

    /// Puts the weight into `table`; `hide` it again before the next update, which would copy a shared weight.
    pub(crate) fn show(&self, table: &mut EmbeddingTable) {
        let [weight, ..] = self.state.as_ref().expect("`update` puts the state back before it returns");
        table.weight = Param::initialized(table.weight.id, weight.clone());
    }

    /// The rows of each share of a batch on its device, `[n, embedding_size]`, tracked by autodiff through the distinct
    /// rows of the batch as a leaf.
    pub(crate) fn read(&mut self, touched: &Touched, shares: &[Share<'_>]) -> Vec<Tensor<2>> {
        let state = self.state.as_ref().expect("`update` puts the state back before it returns");
        let mut rows = state.each_ref().map(|table| table.clone().select(0, touched.rows.clone()));
        if let Some(missed) = &touched.missed {
            rows = catch_up(rows, missed);
        }
        let leaf = |share: &Share<'_>| Tensor::from_inner(rows[0].clone().to_device(share.device)).require_grad();
        self.leaves = shares.iter().map(leaf).collect();
        self.touched = Some(rows);
        let of_share = |(leaf, share): (&Tensor<2>, &Share<'_>)| {
            let inverse = indices(&touched.inverse[share.rows.clone()], share.device);
            leaf.clone().select(0, Tensor::from_inner(inverse))
        };
        self.leaves.iter().zip(shares).map(of_share).collect()
    }

    /// One step of Adam on the rows that `read` gave out, by the sum of the shares' gradients in their order.
    pub(crate) fn update(&mut self, touched: &Touched, gradients: &mut [Gradients], step: u32, adam: &Adam) {
        let [w, m, v] = self.touched.take().expect("`read` comes before `update`");
        let of_shares = std::mem::take(&mut self.leaves).into_iter().zip(gradients);
        let gradient = total(
            of_shares.map(|(leaf, gradients)| leaf.grad_remove(gradients).expect("every table takes part in the loss")),
        );
        let moved = adam_step([w, m, v], gradient, adam.rate(step as usize));
        let state = self.state.take().expect("only `update` takes the state, and puts it back");
        let mut moved = moved.into_iter();
        self.state = Some(state.map(|table| {
            let rows = moved.next().expect("three tables, three updates");
            table.select_assign(0, touched.rows.clone(), rows, IndexingUpdateOp::Assign)
        }));
    }

    /// The weight (0) or one of its moments (1, 2).
    pub(crate) fn kept(&self, which: usize) -> Tensor<2> {
        self.state.as_ref().expect("`update` puts the state back before it returns")[which].clone()
    }

    /// Takes what [`TableState::kept`] gave.
    pub(crate) fn set(&mut self, which: usize, numbers: Tensor<2>) {
        self.state.as_mut().expect("`update` puts the state back before it returns")[which] = numbers;
    }

    /// Brings every row up to date.
    pub(crate) fn settle(&mut self, missed: &Tensor<2>) {
        self.state = self.state.take().map(|state| catch_up(state, missed));
    }
}

/// Brings rows up to date with the steps that they missed; see the head of `adam/mod.rs`.
///
/// # Shapes
/// - w, m, v: `[n, embedding_size]`, missed: `[n, MissedSteps::NUMBERS]`
fn catch_up([w, m, v]: [Tensor<2>; 3], missed: &Tensor<2>) -> [Tensor<2>; 3] {
    let column = |i: usize| missed.clone().slice(s![.., i..i + 1]);
    let root = v.clone().sqrt();
    let denominator = root.clone() + EPSILON;
    let rho = root / denominator.clone();
    let series = (rho.clone() * column(2) + column(1)) * rho + column(0);
    [w - m.clone() / denominator * series, m * column(3), v * column(4)]
}

/// One step of Adam: weight, moments and gradient of one shape.
pub(crate) fn adam_step<const D: usize>([w, m, v]: [Tensor<D>; 3], gradient: Tensor<D>, rate: f64) -> [Tensor<D>; 3] {
    let m = m * BETA_1 + gradient.clone() * (1.0 - BETA_1);
    let v = v * BETA_2 + gradient.clone() * gradient * (1.0 - BETA_2);
    let w = w - m.clone() * rate / (v.clone().sqrt() + EPSILON);
    [w, m, v]
}

/// The moments of a dense layer's weight and bias.
#[derive(Debug)]
pub(crate) struct DenseState {
    weight: [Tensor<2>; 2],
    bias: [Tensor<1>; 2],
}

impl DenseState {
    /// Moments of zero for `dense`, whose weights become leaves of autodiff.
    pub(crate) fn track(dense: &mut Linear) -> Self {
        let weight = dense.weight.val();
        let bias = bias_of(dense).val();
        let state =
            Self { weight: [weight.zeros_like(), weight.zeros_like()], bias: [bias.zeros_like(), bias.zeros_like()] };
        set(dense, weight, bias);
        state
    }

    /// Weight and bias of `dense` (0) or one of their moments (1, 2).
    pub(crate) fn kept(&self, dense: &Linear, which: usize) -> (Tensor<2>, Tensor<1>) {
        match which.checked_sub(1) {
            None => (dense.weight.val().inner(), bias_of(dense).val().inner()),
            Some(moment) => (self.weight[moment].clone(), self.bias[moment].clone()),
        }
    }

    /// Takes what [`DenseState::kept`] gave.
    pub(crate) fn set(&mut self, dense: &mut Linear, which: usize, (weight, bias): (Tensor<2>, Tensor<1>)) {
        match which.checked_sub(1) {
            None => set(dense, weight, bias),
            Some(moment) => (self.weight[moment], self.bias[moment]) = (weight, bias),
        }
    }

    /// One step of Adam by the sum of the shares' gradients in their order: those of `copies`, one on the device of
    /// each.
    pub(crate) fn update(
        &mut self,
        dense: &mut Linear,
        copies: &[(Tensor<2>, Tensor<1>)],
        gradients: &mut [Gradients],
        step: u32,
        adam: &Adam,
    ) {
        let (weight, bias) = (dense.weight.val(), bias_of(dense).val());
        let missing = "every dense layer takes part in the loss";
        let of_shares = |(copy, gradients): (&(Tensor<2>, Tensor<1>), &mut Gradients)| {
            let bias = copy.1.grad_remove(gradients).expect(missing);
            (copy.0.grad_remove(gradients).expect(missing), bias)
        };
        let (weights, biases): (Vec<_>, Vec<_>) = copies.iter().zip(gradients).map(of_shares).unzip();
        let (weight_gradient, bias_gradient) = (total(weights.into_iter()), total(biases.into_iter()));
        let rate = adam.rate(step as usize);
        let [m, v] = self.weight.each_ref().map(Tensor::clone);
        let [weight, m, v] = adam_step([weight.inner(), m, v], weight_gradient, rate);
        self.weight = [m, v];
        let [m, v] = self.bias.each_ref().map(Tensor::clone);
        let [bias, m, v] = adam_step([bias.inner(), m, v], bias_gradient, rate);
        self.bias = [m, v];
        set(dense, weight, bias);
    }
}

/// Gives `dense` new weights, as leaves of autodiff.
fn set(dense: &mut Linear, weight: Tensor<2>, new_bias: Tensor<1>) {
    let bias_id = bias_of(dense).id;
    dense.weight = Param::initialized(dense.weight.id, Tensor::from_inner(weight).require_grad());
    dense.bias = Some(Param::initialized(bias_id, Tensor::from_inner(new_bias).require_grad()));
}

#[cfg(test)]
mod tests {
    use burn::module::ParamId;

    use super::*;
    use crate::OptimizerKind;

    const ROWS: usize = 12;
    const WIDTH: usize = 3;

    /// Dense Adam as Keras writes it, over every row at every step, in f64.
    struct Dense {
        w: Vec<f64>,
        m: Vec<f64>,
        v: Vec<f64>,
        step: i32,
    }

    impl Dense {
        fn update(&mut self, gradient: &[f64], touched: Option<&[u32]>) {
            self.step += 1;
            let rate = 0.01 * (1.0 - BETA_2.powi(self.step)).sqrt() / (1.0 - BETA_1.powi(self.step));
            for (i, gradient) in gradient.iter().enumerate() {
                if touched.is_some_and(|rows| !rows.contains(&((i / WIDTH) as u32))) {
                    continue;
                }
                self.m[i] = BETA_1 * self.m[i] + (1.0 - BETA_1) * gradient;
                self.v[i] = BETA_2 * self.v[i] + (1.0 - BETA_2) * gradient * gradient;
                self.w[i] -= rate * self.m[i] / (self.v[i].sqrt() + EPSILON);
            }
        }
    }

    /// Batches with duplicates, and with gaps of 0 to some 150 steps: row 11 is met at steps 1 and 151 only.
    fn batch(step: usize) -> Vec<u32> {
        let often = [(step % 3) as u32, (step % 3) as u32, (step * 7 % 5) as u32];
        let rarely = if step % 50 == 1 { Some(5 + (step / 50) as u32) } else { None };
        let twice = if step == 1 || step == 151 { Some(11) } else { None };
        often.into_iter().chain(rarely).chain(twice).collect()
    }

    /// The largest difference from the plain loop over 200 steps, relative to how far the weights went.
    fn difference(kind: OptimizerKind, scale: f64) -> f64 {
        let device = Device::flex();
        let initial: Vec<f32> = (0..ROWS * WIDTH).map(|i| (i as f32 * 0.7).sin() * 0.05).collect();
        let coefficients: Vec<f64> = (0..ROWS * WIDTH).map(|i| scale * (0.3 + (i as f64 * 1.3).cos())).collect();
        let data = TensorData::new(initial.clone(), [ROWS, WIDTH]);
        let mut table =
            EmbeddingTable { weight: Param::initialized(ParamId::from(1), Tensor::from_data(data, &device)) };
        let mut state = TableState::take(&mut table, &device);
        let mut clock = Clock::new(ROWS);
        let adam = Adam::new(0.01, kind);
        let w: Vec<f64> = initial.iter().map(|&x| f64::from(x)).collect();
        let mut plain = Dense { m: vec![0.0; w.len()], v: vec![0.0; w.len()], w, step: 0 };

        for step in 1..=200 {
            // The loss is Σ c w + w²/2 over the rows met, each as often as it is met.
            let rows = batch(step as usize);
            let touched = Touched::of(&rows, &mut clock, step, &adam, &device);
            let share = Share { rows: 0..rows.len(), device: &device };
            let read = state.read(&touched, &[share]).remove(0);
            let c: Vec<f32> = rows
                .iter()
                .flat_map(|&row| coefficients[row as usize * WIDTH..][..WIDTH].iter().map(|&c| c as f32))
                .collect();
            let c = Tensor::<2>::from_data(TensorData::new(c, [rows.len(), WIDTH]), &device);
            let loss = (read.clone() * c + read.clone() * read * (0.5 * scale)).sum();
            state.update(&touched, &mut [loss.backward()], step, &adam);

            let mut gradient = vec![0.0; ROWS * WIDTH];
            for &row in &rows {
                for i in row as usize * WIDTH..(row as usize + 1) * WIDTH {
                    gradient[i] += coefficients[i] + scale * plain.w[i];
                }
            }
            plain.update(&gradient, (kind == OptimizerKind::LazyAdam).then_some(&rows));
        }
        if let Some(missed) = settle(&mut clock, 200, &adam, &device) {
            state.settle(&missed);
        }
        state.show(&mut table);
        let ours = table.weight.val().into_data().try_into_vec::<f32>().unwrap();
        let went = plain.w.iter().zip(&initial).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
        ours.iter().zip(&plain.w).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max) / went
    }

    #[test]
    fn adam_has_the_trajectory_of_the_plain_dense_loop() {
        // Gradients as of a mean over 128 rows, and small enough for ε to matter.
        for scale in [1.0, 1e-2, 1e-5] {
            let difference = difference(OptimizerKind::Adam, scale);
            assert!(difference < 1e-4, "{difference} at gradients of {scale}");
        }
    }

    #[test]
    fn lazy_adam_leaves_untouched_rows_as_they_are() {
        let difference = difference(OptimizerKind::LazyAdam, 1e-2);
        assert!(difference < 1e-4, "{difference}");
    }
}
