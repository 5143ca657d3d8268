//! Brings numbers onto a device, and reads them back.
//!
//! Does not know what they are.
//!
//! **Invariant**: a device that fails is an error, never a panic.

use std::fmt::Display;

use burn::tensor::{Device, Int, Tensor, TensorData};
use reco_core::{FitError, Matrix, ScoreError};

/// `[n_rows, n_columns]`
pub(crate) fn matrix(matrix: &Matrix, device: &Device) -> Tensor<2> {
    rows(matrix.values().to_vec(), matrix.n_columns(), device)
}

/// `[n, n_columns]`, of numbers row by row; `n_columns` is above 0.
pub(crate) fn rows(values: Vec<f32>, n_columns: usize, device: &Device) -> Tensor<2> {
    let shape = [values.len() / n_columns, n_columns];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// `[n, 1]`
pub(crate) fn column(values: &[f32], device: &Device) -> Tensor<2> {
    rows(values.to_vec(), 1, device)
}

/// `[n]`
pub(crate) fn indices(rows: &[u32], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    let n = rows.len();
    Tensor::from_data(TensorData::new(rows, [n]), device)
}

/// A tensor's numbers, read from its device while training.
pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, FitError> {
    let data = tensor.try_into_data().map_err(|error| device_failed(&error))?;
    data.try_into_vec::<f32>().map_err(|error| device_failed(&error))
}

/// The error of a training whose device fails.
pub(crate) fn device_failed(error: &impl Display) -> FitError {
    FitError::Other(format!("the device failed while training: {error}").into())
}

/// A tensor's numbers, row by row, read from its device while scoring.
pub(crate) fn scores<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ScoreError> {
    let failed = |error: &dyn Display| ScoreError::Device(error.to_string().into());
    let data = tensor.try_into_data().map_err(|error| failed(&error))?;
    data.try_into_vec::<f32>().map_err(|error| failed(&error))
}
