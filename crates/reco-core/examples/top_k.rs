//! Runs `top_k` over rows of generated numbers, so that its instructions can be counted.
//!
//! `cargo run -p reco-core --example top_k -- ROWS NUMBERS K` finds the `K` greatest numbers of each row and prints the
//! sum of their places. Does not know time: `cargo xtask instructions` counts what it does.
//!
//! **Invariant**: the numbers are the same in every run, on every machine.

use std::error::Error;
use std::io::Write as _;

use reco_core::random::unit_interval;
use reco_core::top_k;

fn main() -> Result<(), Box<dyn Error>> {
    let words = std::env::args().skip(1).map(|word| word.parse()).collect::<Result<Vec<usize>, _>>()?;
    let [n_rows, n, k] = words[..] else {
        return Err("how many rows, numbers and greatest ones? `10 27000 10`".into());
    };
    let number = |at: usize| unit_interval((at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)) as f32;
    // Each row begins elsewhere in the same numbers.
    let numbers: Vec<f32> = (0..n + n_rows).map(number).collect();
    let (mut best, mut places) = (Vec::new(), 0);
    for row in 0..n_rows {
        top_k(&numbers[row..][..n], k, &mut best);
        places += best.iter().map(|(_, place)| u64::from(*place)).sum::<u64>();
    }
    Ok(writeln!(std::io::stdout(), "{places}")?)
}
