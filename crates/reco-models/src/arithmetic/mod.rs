//! Products of matrices and sums over pairs by SIMD, as training and scoring on the CPU need them.
//!
//! Does not know networks.
//!
//! **Invariant**: each number is one sum in one order, on any CPU's vectors and any number of threads.

mod matrix;
mod pairs;

pub(crate) use self::matrix::{Padded, Rows, add_transposed_product, product};
pub(crate) use self::pairs::PairItems;
