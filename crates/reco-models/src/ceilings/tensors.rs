//! Measures the least that operations on tensors cost on a device: launches, products, gathers and transfers.
//!
//! Through Burn, as the networks use it: its kernels are what is measured. Does not know which device it is.
//!
//! **Invariant**: a measurement ends when the device has done it all; a device that fails ends the list and says why.

use std::hint::black_box;
use std::time::Instant;

use burn::tensor::{Device, Distribution, ExecutionError, Int, Tensor, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::{Ceiling, DeviceCeilings, Kind, ROW, Unit, turns};
use crate::device::{ComputeDevice, devices};

const LAUNCH: Kind = Kind {
    name: "launch",
    about: "one small operation of many, each waiting for the one before, up to the last one's end",
    unit: Unit::Seconds,
};
const ADD_MEMORY: Kind =
    Kind { name: "add-memory", about: "a = b + c over arrays of 64 MiB, 12 bytes a number", unit: Unit::Bytes };
const GATHER_MEMORY: Kind =
    Kind { name: "gather-memory", about: "rows of 64 floats at random places of 64 MiB", unit: Unit::Rows };
const PRODUCT: Kind =
    Kind { name: "matrix-product", about: "a product of two square matrices", unit: Unit::MultiplyAdds };
const UPLOAD: Kind = Kind { name: "upload", about: "16 MiB to the device", unit: Unit::Bytes };
const READ_BACK: Kind = Kind { name: "read-back", about: "16 MiB from the device", unit: Unit::Bytes };
const ANSWER: Kind =
    Kind { name: "answer", about: "one small operation and reading its one number back", unit: Unit::Seconds };

/// How much is measured.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Numbers of a large array.
    far: usize,
    /// Rows that are fetched at once.
    fetched: usize,
    /// Rows of a matrix.
    matrix: usize,
    /// Numbers that are sent.
    sent: usize,
    /// Whether the device has a memory of its own.
    is_apart: bool,
}

impl Size {
    /// The sizes for a device.
    pub(super) fn of(device: &ComputeDevice) -> Self {
        let is_cpu = ComputeDevice::cpu().name() == device.name();
        let is_hardware = !is_cpu && devices().iter().any(|device| !device.is_software);
        let matrix = if is_hardware { 2048 } else { 256 };
        Self { far: 1 << 24, fetched: 1 << 16, matrix, sent: 1 << 22, is_apart: !is_cpu }
    }

    /// For tests, which do not measure speed.
    #[cfg(test)]
    pub(super) fn small(device: &ComputeDevice) -> Self {
        Self { far: 1 << 10, fetched: 1 << 4, matrix: 16, sent: 1 << 8, ..Self::of(device) }
    }
}

/// Every ceiling of `device`; `began` is called with what is measured.
pub(super) fn measure(device: &ComputeDevice, size: Size, began: &dyn Fn(&str)) -> DeviceCeilings {
    let mut ceilings = Vec::new();
    let failure = add_all(&device.device, size, began, &mut ceilings).err().map(|error| error.to_string());
    DeviceCeilings { device: device.name().to_owned(), ceilings, failure }
}

fn add_all(
    device: &Device,
    size: Size,
    began: &dyn Fn(&str),
    ceilings: &mut Vec<Ceiling>,
) -> Result<(), ExecutionError> {
    let mut add = |kind: Kind, per_pass: usize, pass: &mut dyn FnMut(usize) -> Result<f64, ExecutionError>| {
        began(kind.name);
        ceilings.push(kind.ceiling(turns(pass)?, per_pass as f64, None));
        Ok(())
    };
    let numbers = |n: usize| TensorData::new((0..n).map(|at| (at % 7) as f32).collect::<Vec<_>>(), [n]);
    let finished = |begun: Instant| device.sync().map(|()| begun.elapsed().as_secs_f64());

    let small = Tensor::<1>::from_data(numbers(ROW), device);
    add(LAUNCH, 1, &mut |n| {
        let begun = Instant::now();
        let sum = (0..n).fold(small.clone(), |sum, _| sum.add_scalar(1.0));
        finished(begun).inspect(|_| drop(sum))
    })?;
    let one = Tensor::<1>::from_data(numbers(1), device);
    add(ANSWER, 1, &mut |n| {
        device.sync()?;
        let begun = Instant::now();
        for _ in 0..n {
            one.clone().add_scalar(1.0).try_into_data()?;
        }
        Ok(begun.elapsed().as_secs_f64())
    })?;

    let [b, c] = [0, 1].map(|_| Tensor::<1>::from_data(numbers(size.far), device));
    add(ADD_MEMORY, 12 * size.far, &mut |n| {
        device.sync()?;
        let begun = Instant::now();
        (0..n).for_each(|_| drop(b.clone() + c.clone()));
        finished(begun)
    })?;
    drop(c);
    let n_rows = size.far / ROW;
    let table = b.reshape([n_rows, ROW]);
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let places: Vec<i32> = (0..size.fetched).map(|_| chance.random_range(0..n_rows as i32)).collect();
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [size.fetched]), device);
    add(GATHER_MEMORY, size.fetched, &mut |n| {
        device.sync()?;
        let begun = Instant::now();
        (0..n).for_each(|_| drop(table.clone().select(0, places.clone())));
        finished(begun)
    })?;
    drop(table);
    let matrix = Tensor::<2>::random([size.matrix; 2], Distribution::Default, device);
    add(PRODUCT, size.matrix.pow(3), &mut |n| {
        device.sync()?;
        let begun = Instant::now();
        (0..n).for_each(|_| drop(matrix.clone().matmul(matrix.clone())));
        finished(begun)
    })?;
    drop(matrix);
    if size.is_apart {
        let data = numbers(size.sent);
        add(UPLOAD, 4 * size.sent, &mut |n| {
            // The copies on this side are made before the clock runs.
            let copies = vec![data.clone(); n];
            device.sync()?;
            let begun = Instant::now();
            copies.into_iter().for_each(|copy| drop(Tensor::<1>::from_data(copy, device)));
            finished(begun)
        })?;
        let there = Tensor::<1>::from_data(data.clone(), device);
        add(READ_BACK, 4 * size.sent, &mut |n| {
            device.sync()?;
            let begun = Instant::now();
            for _ in 0..n {
                // Mapped memory is only read when it is accessed: one number of every cache line is.
                let data = there.clone().try_into_data()?;
                black_box(data.iter::<f32>().step_by(16).sum::<f32>());
            }
            Ok(begun.elapsed().as_secs_f64())
        })?;
    }
    Ok(())
}
