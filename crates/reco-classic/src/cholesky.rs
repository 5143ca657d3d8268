//! Solves small systems of linear equations by Cholesky's decomposition.
//!
//! Does not know what the equations are of; large matrices are inverted in `inverse.rs`.
//!
//! **Invariant**: the lower triangle alone is read; sums run in one order, so that the same numbers give the same bits.

/// The lower triangle `L` of a positive definite matrix `L Lᵀ` of `size` rows; `None` where it is not positive
/// definite, as far as numbers of 64 bits can tell. Costs `size`³ / 6 multiplications.
pub(crate) fn cholesky(mut square: Vec<f64>, size: usize) -> Option<Vec<f64>> {
    for row in 0..size {
        for column in 0..=row {
            let before = (0..column).map(|at| square[row * size + at] * square[column * size + at]).sum::<f64>();
            let rest = square[row * size + column] - before;
            square[row * size + column] = if row > column {
                rest / square[column * size + column]
            } else if rest > 0.0 {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(square)
}

/// The `x` with `L Lᵀ x = right`.
pub(crate) fn solved(root: &[f64], mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for row in 0..size {
        let before: f64 = (0..row).map(|at| root[row * size + at] * right[at]).sum();
        right[row] = (right[row] - before) / root[row * size + row];
    }
    for row in (0..size).rev() {
        let after: f64 = (row + 1..size).map(|at| root[at * size + row] * right[at]).sum();
        right[row] = (right[row] - after) / root[row * size + row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_equations_are_solved() {
        // 4 x + 2 y = 8, 2 x + 5 y = 12
        let root = cholesky(vec![4.0, 0.0, 2.0, 5.0], 2).unwrap();
        assert_eq!(&root[2..], [1.0, 2.0]);
        assert_eq!(solved(&root, vec![8.0, 12.0]), [1.0, 2.0]);
    }

    #[test]
    fn what_is_not_positive_definite_has_no_root() {
        assert_eq!(cholesky(vec![1.0, 0.0, 2.0, 1.0], 2), None);
        assert_eq!(cholesky(vec![f64::NAN], 1), None);
    }
}
