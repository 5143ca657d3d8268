//! Adam (Kingma and Ba 2015, algorithm 1) at the cost of the embedding rows that a batch touches.
//!
//! Operations are in Keras' order: with bias-corrected step size `α_t = α √(1 − β₂ᵗ) / (1 − β₁ᵗ)`, the update is `w −=
//! α_t m / (√v + ε)`, `ε = 1e-7` outside the bias correction.
//!
//! An embedding row that no batch touches has gradient zero, but dense Adam still moves it, by its momentum. A row last
//! updated at step `s` and read at step `t` owes `Σ_j α_{s+j} β₁ʲ m / (√(β₂ʲ v) + ε)`, `j = 1 … t−1−s`. With `q = √β₂`,
//! `D = √v + ε` and `ρ = √v / D`, the denominator is `D (1 − ρ (1 − qʲ))`, and since terms count for small `j` only,
//! where `1 − qʲ` is small, three terms of the geometric series in `ρ (1 − qʲ)` are exact to 1e-6: the debt is `m / D ·
//! (S₀ + ρ (S₁ + ρ S₂))` with `S_k = Σ_j α_{s+j} β₁ʲ (1 − qʲ)ᵏ`. The `S_k` are numbers per row, found in constant time
//! from tables over steps. So `adam` has dense Adam's trajectory at row-sparse cost; `lazy-adam` is the other
//! optimizer, which forgives the debt.
//!
//! Does not know networks.
//!
//! **Invariant**: a table's weight is up to date for every row that was read at this step, and for all rows after
//! `settle`.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Gradients, IndexingUpdateOp, Int, Tensor, TensorData, s};

use crate::OptimizerKind;
use crate::modules::EmbeddingTable;

pub(crate) const BETA_1: f64 = 0.9;
pub(crate) const BETA_2: f64 = 0.999;
pub(crate) const EPSILON: f64 = 1e-7;

/// After this step `β₂ᵗ` no longer matters to an `f32` step size.
const STEADY_STEP: usize = 20_000;

/// Powers below this one are found in a table.
const POWERS: usize = 4_096;

/// How many terms of the series are kept.
const TERMS: usize = 3;

/// Step sizes, and what rows owe for the steps that they missed.
#[derive(Debug)]
pub(crate) struct Adam {
    learning_rate: f64,
    kind: OptimizerKind,
    /// For each `i`, over steps `s`: `Σ_{j ≥ 1} α_{s+j}/α (β₁ qⁱ)ʲ`.
    tails: [Vec<f64>; TERMS],
    /// For each `i`, over steps missed `n`: `(β₁ qⁱ)ⁿ`; then `β₁ⁿ` and `β₂ⁿ`.
    powers: Vec<[f64; TERMS + 2]>,
}

impl Adam {
    pub(crate) fn new(learning_rate: f64, kind: OptimizerKind) -> Self {
        let tails = std::array::from_fn(|i| {
            let ratio = ratio(i);
            // Beyond the steady step the tail is a plain geometric series.
            let mut tail = vec![ratio / (1.0 - ratio); STEADY_STEP + 1];
            for s in (0..STEADY_STEP).rev() {
                tail[s] = ratio * (correction(s + 1) + tail[s + 1]);
            }
            tail
        });
        let powers = (0..POWERS).map(powers).collect();
        Self { learning_rate, kind, tails, powers }
    }

    /// Whether untouched rows owe anything.
    pub(crate) fn is_dense(&self) -> bool {
        self.kind == OptimizerKind::Adam
    }

    /// `α_t`.
    pub(crate) fn rate(&self, step: usize) -> f64 {
        self.learning_rate * correction(step)
    }

    /// The factors by which a row's moments decay over the steps that it missed.
    pub(crate) fn decay(&self, missed: usize) -> [f64; 2] {
        let powers = self.powers(missed);
        [powers[TERMS], powers[TERMS + 1]]
    }

    fn powers(&self, missed: usize) -> [f64; TERMS + 2] {
        self.powers.get(missed).copied().unwrap_or_else(|| powers(missed))
    }

    /// `S₀, S₁, S₂` for a row last updated at step `last` that missed `missed` steps since.
    pub(crate) fn debt(&self, last: usize, missed: usize) -> [f64; TERMS] {
        let tail = |i: usize, s: usize| self.tails[i][s.min(STEADY_STEP)];
        let powers = self.powers(missed);
        let sum = |i: usize| tail(i, last) - powers[i] * tail(i, last + missed);
        let [b0, b1, b2] = std::array::from_fn(sum);
        [b0, b0 - b1, b0 - 2.0 * b1 + b2].map(|s| self.learning_rate * s)
    }
}

/// For each `i` `(β₁ qⁱ)ⁿ`, then `β₁ⁿ` and `β₂ⁿ`.
fn powers(n: usize) -> [f64; TERMS + 2] {
    std::array::from_fn(|i| match i {
        TERMS => BETA_1.powi(n as i32),
        i if i > TERMS => BETA_2.powi(n as i32),
        i => ratio(i).powi(n as i32),
    })
}

/// `α_t / α`.
fn correction(step: usize) -> f64 {
    let t = step as f64;
    (1.0 - BETA_2.powf(t)).sqrt() / (1.0 - BETA_1.powf(t))
}

/// `β₁ qⁱ`.
fn ratio(i: usize) -> f64 {
    BETA_1 * BETA_2.sqrt().powi(i as i32)
}

/// When each row of one side was last updated, in steps. Tables of one side are always touched together.
#[derive(Debug)]
pub(crate) struct Clock {
    last: Vec<u32>,
    /// The step at which a row was last met, and its index among the distinct rows of that batch.
    stamp: Vec<u32>,
    place: Vec<i32>,
}

/// The distinct rows that a batch touches on one side.
#[derive(Debug)]
pub(crate) struct Touched {
    /// `[n_distinct]`
    rows: Tensor<1, Int>,
    /// `[n]`: the index of each row of the batch in `rows`.
    inverse: Tensor<1, Int>,
    /// `[n_distinct, TERMS + 2]`: what each row owes, and the factors by which its moments decay. `None`: nothing is
    /// owed.
    debts: Option<Tensor<2>>,
}

impl Clock {
    pub(crate) fn new(n_rows: usize) -> Self {
        Self { last: vec![0; n_rows], stamp: vec![0; n_rows], place: vec![0; n_rows] }
    }

    /// The distinct rows of `batch`, which is read and then updated at `step`, counted from 1.
    pub(crate) fn touch(&mut self, batch: &[u32], step: usize, adam: &Adam, device: &Device) -> Touched {
        let now = step as u32;
        let mut distinct: Vec<i32> = Vec::with_capacity(batch.len());
        let mut inverse = Vec::with_capacity(batch.len());
        for &row in batch {
            let slot = row as usize;
            if self.stamp[slot] != now {
                self.stamp[slot] = now;
                self.place[slot] = distinct.len() as i32;
                distinct.push(row as i32);
            }
            inverse.push(self.place[slot]);
        }
        let debts = self.debts(distinct.iter().map(|&row| row as usize), step, adam, device);
        for &row in &distinct {
            self.last[row as usize] = now;
        }
        Touched { rows: ints(distinct, device), inverse: ints(inverse, device), debts }
    }

    /// What `rows` owe for the steps before `step`.
    fn debts(
        &self,
        rows: impl ExactSizeIterator<Item = usize>,
        step: usize,
        adam: &Adam,
        device: &Device,
    ) -> Option<Tensor<2>> {
        if !adam.is_dense() {
            return None;
        }
        let n = rows.len();
        let mut table = Vec::with_capacity(n * (TERMS + 2));
        let mut any = false;
        for row in rows {
            let last = self.last[row] as usize;
            // A row that was never updated has moments of zero and owes nothing.
            let missed = if last == 0 { 0 } else { step - 1 - last };
            any |= missed > 0;
            table.extend(adam.debt(last, missed).map(|s| s as f32));
            table.extend(adam.decay(missed).map(|decay| decay as f32));
        }
        any.then(|| Tensor::from_data(TensorData::new(table, [n, TERMS + 2]), device))
    }

    /// What all rows owe after `step`; they owe nothing afterwards.
    pub(crate) fn settle(&mut self, step: usize, adam: &Adam, device: &Device) -> Option<Tensor<2>> {
        let debts = self.debts(0..self.last.len(), step + 1, adam, device);
        if debts.is_some() {
            for last in &mut self.last {
                if *last != 0 {
                    *last = step as u32;
                }
            }
        }
        debts
    }
}

fn ints(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}

/// A table while it is trained: its weight, moved out of the network, and its moments.
#[derive(Debug)]
pub(crate) struct TableState {
    /// `[n_rows, embedding_size]` each. `None` only while they are being updated, so that no second handle exists and
    /// the update is in place.
    state: Option<[Tensor<2>; 3]>,
    /// The touched rows of the current batch, up to date: weight, first and second moment.
    touched: Option<[Tensor<2>; 3]>,
    leaf: Option<Tensor<2>>,
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
        Self { state: Some([weight, m, v]), touched: None, leaf: None }
    }

    /// Puts the weight into `table`; `hide` it again before the next update, which would copy a shared weight.
    pub(crate) fn show(&self, table: &mut EmbeddingTable) {
        let [weight, ..] = self.state.as_ref().expect("`update` puts the state back before it returns");
        table.weight = Param::initialized(table.weight.id, weight.clone());
    }

    /// The rows of a batch, `[n, embedding_size]`, tracked by autodiff through the distinct rows as a leaf.
    pub(crate) fn read(&mut self, touched: &Touched) -> Tensor<2> {
        let state = self.state.as_ref().expect("`update` puts the state back before it returns");
        let mut rows = state.each_ref().map(|table| table.clone().select(0, touched.rows.clone()));
        if let Some(debts) = &touched.debts {
            rows = pay(rows, debts);
        }
        let leaf = Tensor::from_inner(rows[0].clone()).require_grad();
        self.touched = Some(rows);
        let batch = leaf.clone().select(0, Tensor::from_inner(touched.inverse.clone()));
        self.leaf = Some(leaf);
        batch
    }

    /// One step of Adam on the rows that `read` gave out.
    pub(crate) fn update(&mut self, touched: &Touched, gradients: &mut Gradients, step: usize, adam: &Adam) {
        let leaf = self.leaf.take().expect("`read` comes before `update`");
        let [w, m, v] = self.touched.take().expect("`read` comes before `update`");
        let gradient = leaf.grad_remove(gradients).expect("every table takes part in the loss");
        let moved = adam_step([w, m, v], gradient, adam.rate(step));
        let state = self.state.take().expect("only `update` takes the state, and puts it back");
        let mut moved = moved.into_iter();
        self.state = Some(state.map(|table| {
            let rows = moved.next().expect("three tables, three updates");
            table.select_assign(0, touched.rows.clone(), rows, IndexingUpdateOp::Assign)
        }));
    }

    /// Brings every row up to date.
    pub(crate) fn settle(&mut self, debts: &Tensor<2>) {
        self.state = self.state.take().map(|state| pay(state, debts));
    }
}

/// Brings rows up to date with the steps that they missed; see the head of this file.
///
/// # Shapes
/// - w, m, v: `[n, embedding_size]`, debts: `[n, TERMS + 2]`
fn pay([w, m, v]: [Tensor<2>; 3], debts: &Tensor<2>) -> [Tensor<2>; 3] {
    let column = |i: usize| debts.clone().slice(s![.., i..i + 1]);
    let root = v.clone().sqrt();
    let denominator = root.clone() + EPSILON;
    let rho = root / denominator.clone();
    let series = (rho.clone() * column(2) + column(1)) * rho + column(0);
    [w - m.clone() / denominator * series, m * column(TERMS), v * column(TERMS + 1)]
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
        let bias = bias(dense).val();
        let state =
            Self { weight: [weight.zeros_like(), weight.zeros_like()], bias: [bias.zeros_like(), bias.zeros_like()] };
        set(dense, weight, bias);
        state
    }

    /// One step of Adam.
    pub(crate) fn update(&mut self, dense: &mut Linear, gradients: &mut Gradients, step: usize, adam: &Adam) {
        let (weight, bias) = (dense.weight.val(), bias(dense).val());
        let missing = "every dense layer takes part in the loss";
        let weight_gradient = weight.grad_remove(gradients).expect(missing);
        let bias_gradient = bias.grad_remove(gradients).expect(missing);
        let rate = adam.rate(step);
        let [m, v] = self.weight.each_ref().map(Tensor::clone);
        let [weight, m, v] = adam_step([weight.inner(), m, v], weight_gradient, rate);
        self.weight = [m, v];
        let [m, v] = self.bias.each_ref().map(Tensor::clone);
        let [bias, m, v] = adam_step([bias.inner(), m, v], bias_gradient, rate);
        self.bias = [m, v];
        set(dense, weight, bias);
    }
}

fn bias(dense: &Linear) -> &Param<Tensor<1>> {
    dense.bias.as_ref().expect("`Initial::dense` gives every layer a bias")
}

/// Gives `dense` new weights, as leaves of autodiff.
fn set(dense: &mut Linear, weight: Tensor<2>, new_bias: Tensor<1>) {
    let bias_id = bias(dense).id;
    dense.weight = Param::initialized(dense.weight.id, Tensor::from_inner(weight).require_grad());
    dense.bias = Some(Param::initialized(bias_id, Tensor::from_inner(new_bias).require_grad()));
}

#[cfg(test)]
mod tests {
    use burn::module::ParamId;

    use super::*;

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
            let rows = batch(step);
            let touched = clock.touch(&rows, step, &adam, &device);
            let read = state.read(&touched);
            let c: Vec<f32> = rows
                .iter()
                .flat_map(|&row| coefficients[row as usize * WIDTH..][..WIDTH].iter().map(|&c| c as f32))
                .collect();
            let c = Tensor::<2>::from_data(TensorData::new(c, [rows.len(), WIDTH]), &device);
            let loss = (read.clone() * c + read.clone() * read * (0.5 * scale)).sum();
            state.update(&touched, &mut loss.backward(), step, &adam);

            let mut gradient = vec![0.0; ROWS * WIDTH];
            for &row in &rows {
                for i in row as usize * WIDTH..(row as usize + 1) * WIDTH {
                    gradient[i] += coefficients[i] + scale * plain.w[i];
                }
            }
            plain.update(&gradient, (kind == OptimizerKind::LazyAdam).then_some(&rows));
        }
        if let Some(debts) = clock.settle(200, &adam, &device) {
            state.settle(&debts);
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

    #[test]
    fn the_debt_is_the_sum_of_the_steps_missed() {
        let adam = Adam::new(1.0, OptimizerKind::Adam);
        for (last, missed, v) in [(1, 1, 1.0_f64), (3, 40, 1e-6), (500, 300, 1e-14), (STEADY_STEP - 5, 20, 1e-4)] {
            let plain: f64 = (1..=missed)
                .map(|j| {
                    let decayed = (BETA_2.powi(j as i32) * v).sqrt() + EPSILON;
                    adam.rate(last + j) * BETA_1.powi(j as i32) / decayed
                })
                .sum();
            let (root, [s0, s1, s2]) = (v.sqrt(), adam.debt(last, missed));
            let rho = root / (root + EPSILON);
            let ours = (s0 + rho * (s1 + rho * s2)) / (root + EPSILON);
            assert!((ours / plain - 1.0).abs() < 2e-6, "{ours} for {plain}");
        }
    }
}
