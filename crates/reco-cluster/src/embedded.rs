//! Runs SELECTs on DataFusion, in this process.
//!
//! Does not know what they are for. Arrow is another version here than in reco-data: the two meet in Parquet files.
//!
//! **Invariant**: sorts, joins and groups that outgrow the memory that they are given go to the disk, into the spill
//! folder, which is emptied when the engine is dropped.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Array, UInt64Array};
use datafusion::config::TableParquetOptions;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use tokio::runtime::Runtime;

use crate::error::io;
use crate::{ClusterError, Engine};

/// DataFusion in this process.
pub struct Embedded {
    session: SessionContext,
    runtime: Runtime,
}

impl Embedded {
    /// An engine whose sorts, joins and groups take at most `memory` bytes, and whose rows beyond go into the folder
    /// `spill`.
    ///
    /// # Errors
    /// A folder that cannot be used; threads that cannot be started.
    pub fn new(memory: u64, spill: &Path) -> Result<Self, ClusterError> {
        let pool = FairSpillPool::new(usize::try_from(memory).unwrap_or(usize::MAX));
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_temp_file_path(spill)
            .build_arc()
            .map_err(|error| refused("start", &error))?;
        let config = SessionConfig::new()
            // Texts are written as plain texts, which reco-data reads.
            .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
            .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false);
        let session = SessionContext::new_with_config_rt(config, environment);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_stack_size(STACK)
            .build()
            .map_err(io("start threads for", spill))?;
        Ok(Self { session, runtime })
    }
}

/// Bytes of a thread's stack: plans of a debug build are deep.
const STACK: usize = 16 << 20;

fn refused(step: &str, error: &DataFusionError) -> ClusterError {
    let out_of_memory = matches!(error.find_root(), DataFusionError::ResourcesExhausted(_));
    let hint = if out_of_memory {
        "raise `--memory`, or make room on the disk of `--out`"
    } else {
        "look at the columns of the input; a plan runs on another engine as well: `reco-cluster sql`"
    };
    let reason = error.strip_backtrace().lines().next().unwrap_or_default().to_owned();
    ClusterError::Engine { step: step.to_owned(), reason, hint }
}

/// The path as DataFusion takes it.
fn text<'a>(step: &str, path: &'a Path) -> Result<&'a str, ClusterError> {
    // A path with these would be a pattern.
    path.to_str().filter(|path| !path.contains(['*', '?', '['])).ok_or_else(|| ClusterError::Engine {
        step: step.to_owned(),
        reason: format!("`{}` has `*`, `?` or `[` in it, or is no UTF-8", path.display()),
        hint: "use a folder without them",
    })
}

impl Engine for Embedded {
    fn read(&mut self, name: &str, path: &Path) -> Result<(), ClusterError> {
        let path = text(name, path)?;
        let registered = async {
            self.session.deregister_table(name)?;
            self.session.register_parquet(name, path, ParquetReadOptions::default()).await
        };
        self.runtime.block_on(registered).map_err(|error| refused(name, &error))
    }

    fn view(&mut self, name: &str, sql: &str) -> Result<(), ClusterError> {
        let viewed = async {
            let view = self.session.sql(sql).await?.into_view();
            self.session.deregister_table(name)?;
            self.session.register_table(name, view)
        };
        self.runtime.block_on(viewed).map(drop).map_err(|error| refused(name, &error))
    }

    fn write(&mut self, name: &str, sql: &str, path: &Path) -> Result<u64, ClusterError> {
        let path = text(name, path)?;
        let written = async {
            let mut parquet = TableParquetOptions::default();
            parquet.global.compression = Some("zstd(1)".to_owned());
            let one_file = DataFrameWriteOptions::new().with_single_file_output(true);
            self.session.sql(sql).await?.write_parquet(path, one_file, Some(parquet)).await
        };
        // What is returned is one row: how many were written.
        let counts = self.runtime.block_on(written).map_err(|error| refused(name, &error))?;
        let counts = counts.iter().filter_map(|batch| batch.column(0).as_any().downcast_ref::<UInt64Array>());
        Ok(counts.flat_map(|counts| counts.iter().flatten()).sum())
    }
}
