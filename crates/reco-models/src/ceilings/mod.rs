//! Measures this machine's ceilings: the most that it can do per second.
//!
//! Bandwidth, multiply-adds, roots, comparisons and rows at random places on the CPU's cores; the cost of a kernel, an
//! upload and an answer on every device that computes tensors. Does not know models or their loops.
//!
//! **Invariant**: a ceiling is the median of several turns, with the slowest and the fastest beside it; what is
//! computed is used, so that no compiler leaves it out.

mod cpu;
mod tensors;
#[cfg(test)]
mod tests;

use std::time::Instant;

use reco_core::{DeviceChoice, parallel};
use serde::Serialize;

use crate::device::ComputeDevice;

/// Turns of each measurement.
pub(crate) const TURNS: usize = 7;

/// The least duration of a turn, in seconds: clocks and waking threads then weigh little.
const TURN: f64 = 0.015;

/// Floats of a row that is fetched from a random place: an embedding.
const ROW: usize = 64;

/// What one device can do.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceCeilings {
    /// Its name, as results have it.
    pub device: String,
    /// Its ceilings, in the order they were measured.
    pub ceilings: Vec<Ceiling>,
    /// Why the list ends early, where the device failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The most that a device can do of one thing.
#[derive(Clone, Debug, Serialize)]
pub struct Ceiling {
    /// Its name: `read-memory`.
    pub name: &'static str,
    /// What is done, in one line.
    pub about: &'static str,
    /// Threads that do it at once, on the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// What the numbers count.
    pub unit: Unit,
    /// The median of the turns.
    pub median: f64,
    /// The turn that went worst: the lowest rate, or the longest time.
    pub slowest: f64,
    /// The turn that went best.
    pub fastest: f64,
    /// How many turns there were.
    pub turns: usize,
}

/// What a ceiling counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Bytes a second.
    #[serde(rename = "bytes/s")]
    Bytes,
    /// Multiplications with an addition each, of 32-bit floats, a second: two operations each.
    #[serde(rename = "multiply-adds/s")]
    MultiplyAdds,
    /// Numbers a second.
    #[serde(rename = "numbers/s")]
    Numbers,
    /// Rows of 64 floats, 256 bytes, a second.
    #[serde(rename = "rows/s")]
    Rows,
    /// Seconds that one takes: less is better.
    #[serde(rename = "s")]
    Seconds,
}

impl Unit {
    /// Bytes that a row has.
    pub const ROW_BYTES: f64 = (ROW * size_of::<f32>()) as f64;
}

/// What a ceiling measures.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    about: &'static str,
    unit: Unit,
}

impl Kind {
    /// The ceiling, from the seconds that a pass took in each turn and what a pass does.
    fn ceiling(self, mut seconds: Vec<f64>, per_pass: f64, threads: Option<usize>) -> Ceiling {
        seconds.sort_unstable_by(f64::total_cmp);
        let value = |seconds: f64| if self.unit == Unit::Seconds { seconds / per_pass } else { per_pass / seconds };
        let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
        Ceiling {
            name: self.name,
            about: self.about,
            threads,
            unit: self.unit,
            median: value(seconds[seconds.len() / 2]),
            slowest: value(last),
            fastest: value(first),
            turns: seconds.len(),
        }
    }
}

/// Seconds of a pass in each turn; `timed` makes the given number of passes and returns how long they took.
fn turns<E>(mut timed: impl FnMut(usize) -> Result<f64, E>) -> Result<Vec<f64>, E> {
    // The first pass warms caches up and compiles kernels.
    timed(1)?;
    let mut n = 1;
    let mut took = timed(n)?;
    while took < TURN {
        n = (n as f64 * (1.2 * TURN / took.max(1e-9)).clamp(2.0, 16.0)) as usize;
        took = timed(n)?;
    }
    (0..TURNS).map(|_| Ok(timed(n)? / n as f64)).collect()
}

/// The seconds that `work` takes.
fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    let _ = std::hint::black_box(work());
    begun.elapsed().as_secs_f64()
}

/// Measures every device: the CPU's cores, then those that tensors are computed on. `began` is called with each
/// measurement: the device and what is measured. Takes some ten seconds, and half a gigabyte of memory.
pub fn ceilings(began: &dyn Fn(&str, &str)) -> Vec<DeviceCeilings> {
    let n_threads = parallel::threads();
    let device = format!("{} with {n_threads} threads", std::env::consts::ARCH);
    let all = [1, n_threads];
    let mut devices = vec![DeviceCeilings {
        ceilings: cpu::measure(if n_threads == 1 { &all[..1] } else { &all }, cpu::Size::FULL, &|what| {
            began(&device, what);
        }),
        device,
        failure: None,
    }];
    let mut choices = vec![DeviceChoice::Cpu, DeviceChoice::Wgpu];
    if cfg!(feature = "cuda") {
        choices.push(DeviceChoice::Cuda);
    }
    // A device that is not there is not measured.
    for device in choices.into_iter().filter_map(|choice| ComputeDevice::find(choice).ok()) {
        devices.push(tensors::measure(&device, tensors::Size::of(&device), &|what| began(device.name(), what)));
    }
    devices
}
