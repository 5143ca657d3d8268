//! Takes frames from Python and hands tables to it, by Arrow's PyCapsules, without copies.
//!
//! Does not know pandas, polars, pyarrow or DuckDB: whatever has `__arrow_c_stream__` is a frame.
//!
//! **Invariant**: a stream is taken once, and released by whoever took it.

use std::ffi::CStr;

use arrow::array::{RecordBatch, RecordBatchIterator};
use arrow::ffi::FFI_ArrowSchema;
use arrow::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::refused;

/// What Arrow's PyCapsule interface calls a stream.
const STREAM: &CStr = c"arrow_array_stream";

/// The same of a schema.
const SCHEMA: &CStr = c"arrow_schema";

/// The rows of a frame, not read yet.
pub(crate) struct Batches(FFI_ArrowArrayStream);

impl Batches {
    /// The rows of `frame`.
    ///
    /// # Errors
    /// Something that is no frame.
    pub(crate) fn of(frame: &Bound<'_, PyAny>) -> PyResult<Self> {
        let method = frame.getattr("__arrow_c_stream__").map_err(|_| {
            refused(format!(
                "a `{}` is no frame\nhint: give one of polars, pandas (2.2 or newer), pyarrow or DuckDB: anything with \
                 `__arrow_c_stream__`",
                frame.get_type().name().map_or_else(|_| "thing".to_owned(), |name| name.to_string())
            ))
        })?;
        let capsule = method.call0()?.cast_into::<PyCapsule>()?;
        let stream = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
        // SAFETY: a capsule of this name holds such a stream, properly made, as Arrow's PyCapsule interface demands of
        // whoever made it. The stream is moved out, and what stays in the capsule is marked as released.
        #[expect(unsafe_code, reason = "the interface hands over a pointer")]
        let stream = unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) };
        Ok(Self(stream))
    }

    /// What reads them.
    ///
    /// # Errors
    /// A stream that fails at once.
    pub(crate) fn into_reader(self) -> PyResult<RecordBatchStreamReader> {
        RecordBatchStreamReader::try_new(self.0).map_err(refused)
    }

    /// All of them, as batches.
    ///
    /// # Errors
    /// A stream that fails.
    pub(crate) fn read(self) -> PyResult<Vec<RecordBatch>> {
        self.into_reader()?.collect::<Result<_, _>>().map_err(refused)
    }
}

/// Rows that reco made. `polars.DataFrame(table)`, `pyarrow.table(table)`, `pandas.DataFrame.from_arrow(table)` and
/// DuckDB take it without copying.
#[pyclass(frozen, module = "reco")]
pub(crate) struct Table(RecordBatch);

impl Table {
    pub(crate) fn of(table: reco_data::table::Table) -> Self {
        Self(table.into_batch())
    }
}

#[pymethods]
impl Table {
    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.0.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    fn __repr__(&self) -> String {
        format!("<reco.Table of {} rows: {}>", self.0.num_rows(), self.columns().join(", "))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(&*self.0.schema()).map_err(refused)?;
        PyCapsule::new_with_value(py, schema, SCHEMA)
    }

    /// The rows, in the types that they have: a request for others is not followed, as the interface allows.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let reader = RecordBatchIterator::new([Ok(self.0.clone())], self.0.schema());
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
    }
}
