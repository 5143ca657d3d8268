//! The fused training step on a GPU, as CubeCL kernels: `gradients`, then `update`; rows catch up before they are read.
//!
//! Rows lie on the device from the first pass over them on; a pass's order, and which rows its steps meet, are uploaded
//! in parts of [`PART`] ratings. Does not know which GPU it is.
//!
//! **Invariant**: nothing is read back within a pass, and no number is summed by two units: the bytes are the same
//! each time.

mod gradients;
mod plan;
mod shape;
mod update;

use burn::tensor::{Device, Int, Tensor, TensorData, s};
use burn_wgpu::{CubeTensor, Wgpu};
use cubecl::prelude::*;
use cubecl::{calculate_cube_count_elemwise, client::Client};
use reco_core::{FitError, Run};

use self::plan::{Plan, Rows};
use self::shape::Shape;
use crate::adam::{Adam, Clock};
use crate::batches::Columns;
use crate::buffers::Buffer;
use crate::description::Side;
use crate::learner::{Learner, Pass, whole_batches};
use crate::modules::bias_of;
use crate::network::Network;
use crate::options::NetworkOptions;
use crate::tensors::{device_failed, numbers};

/// Ratings whose steps are planned and uploaded together; in unit tests few, so that small passes have several parts.
const PART: usize = if cfg!(test) { 128 } else { 1 << 20 };

/// Parts of a pass before it may be divided: at its end the device is waited for.
const PARTS: usize = if cfg!(test) { 1 } else { 8 };

/// Units of a cube.
const UNITS: usize = 64;

/// A network's numbers on a GPU, with all that the optimizer keeps.
pub(super) struct OnGpu {
    /// With its initial weights.
    network: Network,
    client: Client,
    shape: Shape,
    /// Of users and of items, `[n_rows, n_tables, 3, embedding_size]`: weight and moments of all tables of a side.
    tables: [CubeTensor; 2],
    /// `[4, n_dense]`: weight, moments, and the weight with its layers transposed.
    dense: CubeTensor,
    /// `[n_items, n_features]`, where a layer reads them.
    features: CubeTensor,
    /// `[n_rows, 2]`: users and items of the rows of a pass.
    ids: CubeTensor,
    /// `[n_rows, 1 + n_contexts]`: their targets and contexts.
    numbers: CubeTensor,
    /// Room for a batch as long as the longest so far: gradients of its rows, and dense gradients.
    room: Option<(usize, [CubeTensor; 2])>,
    rows: [Rows; 2],
    adam: Adam,
    step: u32,
    device: Device,
}

impl OnGpu {
    /// Copies the numbers of `network`. Gives the reason where kernels cannot train it on `device`.
    ///
    /// # Errors
    /// A device that fails.
    pub(super) fn new(
        network: &Network,
        (item_features, longest): (Option<&Tensor<2>>, usize),
        options: &NetworkOptions,
        device: &Device,
    ) -> Result<Result<Self, &'static str>, FitError> {
        let Some(probe) = cube(Tensor::<1>::zeros([1], device)) else {
            return Ok(Err("the kernels of the fused step do not run on this device"));
        };
        let client = probe.client.clone();
        let architecture = network.architecture();
        let hardware = &client.properties().hardware;
        let units = UNITS.min(hardware.max_units_per_cube as usize);
        let Some(shape) = Shape::new(architecture, units, hardware.max_shared_memory_size) else {
            return Ok(Err("what it keeps of a rating does not fit into the device's shared memory"));
        };
        let sizes = architecture.sizes;
        let of_side = |n_rows: usize, side: usize| n_rows * shape.tables[side].len() * 3 * sizes.embedding_size;
        let n_batch = options.batch_size.min(longest);
        let buffers = [
            of_side(sizes.n_users, 0),
            of_side(sizes.n_items, 1),
            n_batch * shape.d_rows,
            shape.most_shares(n_batch) * (shape.n_dense + 2),
            longest.saturating_mul((1 + shape.n_contexts).max(2)),
            sizes.n_items * sizes.n_features,
        ];
        // Kernels count numbers in 32 bits.
        let largest = (client.properties().memory.max_page_size / size_of::<f32>() as u64).min(u32::MAX.into());
        if buffers.into_iter().any(|n| n as u64 > largest) {
            return Ok(Err("what it keeps does not fit into the buffers of this device"));
        }

        let mut state = vec![0.0; 4 * shape.n_dense];
        set_dense(&mut state, 0, network, &shape)?;
        let upload = Upload { device };
        let none = || upload.floats(vec![0.0]);
        let tables = [Side::User, Side::Item].map(|side| {
            let own = network.tables().iter().zip(&architecture.towers).filter(|(_, tower)| tower.side == side);
            let states = own.flat_map(|(table, _)| {
                let weight = table.weight.val();
                let moments = weight.zeros_like();
                [weight, moments.clone(), moments]
            });
            let states: Vec<_> = states.collect();
            if states.is_empty() { none() } else { raw(Tensor::cat(states, 1)) }
        });
        let features = match item_features {
            // A copy, so that this step cannot change what a network reads.
            Some(features) => raw(features.clone() * 1.0),
            None => none(),
        };
        Ok(Ok(Self {
            network: network.clone(),
            tables,
            dense: upload.floats(state),
            features,
            ids: none(),
            numbers: none(),
            room: None,
            rows: [Rows::new(architecture.sizes.n_users), Rows::new(architecture.sizes.n_items)],
            adam: Adam::new(options.learning_rate, options.optimizer),
            step: 0,
            device: device.clone(),
            client,
            shape,
        }))
    }

    /// Uploads the rows that the next passes are over.
    fn take(&mut self, columns: &Columns) {
        let upload = Upload { device: &self.device };
        let ids = columns.users.iter().zip(&columns.items).flat_map(|(user, item)| [*user as i32, *item as i32]);
        let mut values = Vec::with_capacity(columns.len() * (1 + self.shape.n_contexts));
        for (row, target) in columns.targets.iter().enumerate() {
            values.push(*target);
            if self.shape.n_contexts > 0 {
                values.extend_from_slice(columns.contexts.row(row));
            }
        }
        let (ids, numbers) = (upload.ints(ids.collect()), upload.floats(values));
        (self.ids, self.numbers) = (ids, numbers);
    }

    /// Runs the steps of a plan; returns their losses, `[n_steps, 2]`.
    fn part(&mut self, order: &[u32], plan: Plan, run: &Run<'_>) -> Result<CubeTensor, FitError> {
        let device = self.device.clone();
        let upload = Upload { device: &device };
        let (shape, size) = (self.shape.clone(), self.shape.embedding_size);
        let order = upload.ints(order.iter().map(|row| *row as i32).collect());
        let Plan { steps, slots, places, missed, first } = plan;
        let (slots, places) = (upload.ints(slots), upload.ints(places));
        let losses = upload.floats(vec![0.0; 2 * steps.len()]);
        let catches_up = self.adam.is_dense();
        let missed = upload.floats(if catches_up { missed } else { vec![0.0] });
        let [n_of_users, n_of_items] = shape.tables.each_ref().map(Vec::len);
        for ((first, table), n_tables) in first.into_iter().zip(&self.tables).zip([n_of_users, n_of_items]) {
            if n_tables > 0 && !first.is_empty() {
                let (count, dim) = self.elementwise(table.meta.shape().num_elements() / 3);
                let first = upload.floats(first);
                update::catch_up_all::launch(&self.client, count, dim, arg(table), arg(&first), n_tables, size);
            }
        }
        for (number, step) in steps.iter().enumerate() {
            if number % 16 == 0 && run.progress.interrupted() {
                return Err(FitError::Interrupted);
            }
            self.step += 1;
            let (n_shares, n_tiles_per_share) = shape.shares(step.n);
            let [of_rows, of_dense] = self.room(step.n);
            let [users, items] = self.tables.each_ref();
            gradients::gradients::launch(
                &self.client,
                CubeCount::Static(n_shares as u32, 1, 1),
                CubeDim::new_1d(shape.units as u32),
                arg(&order),
                arg(&self.ids),
                arg(&self.numbers),
                arg(users),
                arg(items),
                arg(&self.features),
                arg(&self.dense),
                arg(&of_rows),
                arg(&of_dense),
                step.from,
                step.n,
                n_tiles_per_share,
                shape.clone(),
            );
            let n = (step.n_users * n_of_users + step.n_items * n_of_items) * size + shape.n_dense + 2;
            let (count, dim) = self.elementwise(n);
            update::update::launch(
                &self.client,
                count,
                dim,
                arg(&of_rows),
                arg(&of_dense),
                arg(&slots),
                arg(&places),
                arg(&missed),
                arg(users),
                arg(items),
                arg(&self.dense),
                arg(&losses),
                step.slot,
                step.n_users,
                step.n_items,
                n_shares,
                number,
                self.adam.rate(self.step as usize) as f32,
                shape.clone(),
                catches_up,
            );
            run.progress.advance(step.n);
        }
        Ok(losses)
    }

    /// Cubes for `n` numbers, each of them by one unit.
    fn elementwise(&self, n: usize) -> (CubeCount, CubeDim) {
        let dim = CubeDim::new_1d(self.shape.units as u32);
        (calculate_cube_count_elemwise(&self.client, n, dim), dim)
    }

    /// Room for the gradients of a batch of `n` ratings, and of any shorter one.
    fn room(&mut self, n: usize) -> [CubeTensor; 2] {
        if self.room.as_ref().is_none_or(|(enough, _)| *enough < n) {
            let zeros = |n: usize| raw(Tensor::<1>::zeros([n], &self.device));
            let of_rows = zeros((n * self.shape.d_rows).max(1));
            self.room = Some((n, [of_rows, zeros(self.shape.most_shares(n) * (self.shape.n_dense + 2))]));
        }
        self.room.as_ref().expect("it was just made").1.clone()
    }
}

impl Learner for OnGpu {
    fn pass(&mut self, pass: Pass<'_>, run: &Run<'_>) -> Result<[f64; 2], FitError> {
        let Pass { rows: Buffer { columns, order, is_new }, batch_size, mut sums, .. } = pass;
        if is_new {
            self.take(columns);
        }
        let mut losses = Vec::new();
        for part in order.chunks(whole_batches(PART, batch_size)) {
            let plan = Plan::new(&mut self.rows, columns, part, batch_size, self.step, &self.adam);
            // The part before may still run, so that at most two lie on the device.
            if losses.len() > 1 {
                self.device.sync().map_err(|error| device_failed(&error))?;
            }
            losses.push(self.part(part, plan, run)?);
        }
        for losses in losses {
            for pair in numbers::<1>(Tensor::from_primitive::<Wgpu>(losses))?.chunks_exact(2) {
                sums[0] += f64::from(pair[0]);
                sums[1] += f64::from(pair[1]);
            }
        }
        Ok(sums)
    }

    /// Every row is up to date at the end of a pass.
    fn network(&mut self) -> Network {
        self.kept(0)
    }

    fn stride(&self, batch_size: usize) -> usize {
        whole_batches(PART, batch_size).saturating_mul(PARTS)
    }

    fn kept(&self, which: usize) -> Network {
        let size = self.shape.embedding_size;
        // Where the next table of either side begins.
        let mut from = [which * size; 2];
        let tables = self.network.architecture().towers.iter().map(|tower| {
            let side = usize::from(tower.side == Side::Item);
            let begin = from[side];
            from[side] += 3 * size;
            // A slice may be a view of what the next step overwrites: the product is a copy.
            Tensor::<2>::from_primitive::<Wgpu>(self.tables[side].clone()).slice(s![.., begin..begin + size]) * 1.0
        });
        let dense = Tensor::<1>::from_primitive::<Wgpu>(self.dense.clone());
        let mut at = which * self.shape.n_dense;
        let mut take = |n: usize| {
            at += n;
            dense.clone().slice(s![at - n..at]) * 1.0
        };
        let dense = self.network.dense().iter().map(|linear| {
            let [d_input, d_output] = linear.weight.dims();
            (take(d_input * d_output).reshape([d_input, d_output]), take(d_output))
        });
        self.network.with(tables, dense)
    }

    fn set(&mut self, which: usize, network: &Network) -> Result<(), FitError> {
        let size = self.shape.embedding_size;
        // Where the next table of either side begins.
        let mut from = [which * size; 2];
        for (tower, table) in network.architecture().towers.iter().zip(network.tables()) {
            let side = usize::from(tower.side == Side::Item);
            let begin = from[side];
            from[side] += 3 * size;
            let all = Tensor::<2>::from_primitive::<Wgpu>(self.tables[side].clone());
            self.tables[side] = raw(all.slice_assign(s![.., begin..begin + size], table.weight.val()));
        }
        let mut state = numbers(Tensor::<1>::from_primitive::<Wgpu>(self.dense.clone()))?;
        set_dense(&mut state, which, network, &self.shape)?;
        self.dense = Upload { device: &self.device }.floats(state);
        Ok(())
    }

    fn clocks(&mut self) -> (&mut u32, [&mut Clock; 2]) {
        (&mut self.step, self.rows.each_mut().map(|rows| &mut rows.clock))
    }
}

/// Writes the dense layers of `network` into `state`, `[4, n_dense]`, as weights (0) or one of their moments (1, 2).
fn set_dense(state: &mut [f32], which: usize, network: &Network, shape: &Shape) -> Result<(), FitError> {
    let mut at = which * shape.n_dense;
    for linear in network.dense() {
        for values in [numbers(linear.weight.val())?, numbers(bias_of(linear).val())?] {
            state[at..at + values.len()].copy_from_slice(&values);
            at += values.len();
        }
    }
    // The weight has a transposed copy.
    for layer in shape.layers.iter().filter(|_| which == 0) {
        for column in 0..layer.d_input {
            for hidden in 0..layer.d_output {
                state[3 * shape.n_dense + layer.weight + hidden * layer.d_input + column] =
                    state[layer.weight + column * layer.d_output + hidden];
            }
        }
    }
    Ok(())
}

/// Puts numbers onto a device.
struct Upload<'a> {
    device: &'a Device,
}

impl Upload<'_> {
    fn floats(&self, values: Vec<f32>) -> CubeTensor {
        let n = values.len();
        raw(Tensor::<1>::from_data(TensorData::new(values, [n]), self.device))
    }

    fn ints(&self, values: Vec<i32>) -> CubeTensor {
        let n = values.len();
        let tensor = Tensor::<1, Int>::from_data(TensorData::new(values, [n]), self.device);
        tensor.try_into_primitive::<Wgpu>().expect("`new` has seen that kernels run on this device")
    }
}

/// What a kernel reads or writes.
fn arg(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

/// A tensor for kernels, where they run on its device.
fn cube<const D: usize>(tensor: Tensor<D>) -> Option<CubeTensor> {
    tensor.try_into_primitive::<Wgpu>().ok()
}

/// The same on a device where kernels are known to run.
fn raw<const D: usize>(tensor: Tensor<D>) -> CubeTensor {
    cube(tensor).expect("`new` has seen that kernels run on this device")
}
