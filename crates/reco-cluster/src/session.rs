//! Runs SELECTs on DataFusion, in this process or on a cluster of Ballista.
//!
//! Does not know what they are for. Arrow is another version here than in reco-data: the two meet in Parquet files.
//!
//! **Invariant**: a file gets its name when it is whole; what another run or a lost executor still writes lies in a
//! folder that nobody reads. In this process, sorts and groups that outgrow the memory that they are given go to the
//! disk.

use std::collections::HashMap;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballista_core::object_store::{CustomObjectStoreRegistry, S3Options};
use datafusion::arrow::array::{Array, UInt64Array};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::file_format::format_as_file_type;
use datafusion::datasource::file_format::parquet::ParquetFormatFactory;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::collect;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use tokio::runtime::{Builder, Runtime};

use crate::ballista::{self, Address};
use crate::error::io;
use crate::{ClusterError, Engine};

/// DataFusion, and where its work is done.
pub struct DataFusion {
    session: SessionContext,
    runtime: Runtime,
    /// The scheduler; `None` in this process.
    cluster: Option<Address>,
    interrupted: Arc<AtomicBool>,
}

/// Bytes of a thread's stack: planning is deep in an unoptimised build.
pub(crate) const STACK: usize = 16 << 20;

/// Rows of a row group.
const ROW_GROUP: usize = 1 << 17;

/// How often work is asked whether it shall stop.
const LOOK: Duration = Duration::from_millis(50);

impl DataFusion {
    /// An engine in this process whose sorts and groups take at most `memory` bytes, and whose rows beyond go into the
    /// folder `spill`.
    ///
    /// # Errors
    /// A folder that cannot be used; threads that cannot be started.
    pub fn in_process(memory: u64, spill: &Path) -> Result<Self, ClusterError> {
        let pool = FairSpillPool::new(usize::try_from(memory).unwrap_or(usize::MAX));
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_temp_file_path(spill)
            .with_object_store_registry(Arc::new(CustomObjectStoreRegistry::new(S3Options::default())))
            .build_arc()
            .map_err(|error| refused("start", &error, None))?;
        let config = SessionConfig::new()
            // Texts are written as plain texts, which reco-data reads.
            .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
            .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false);
        let session = SessionContext::new_with_config_rt(config, environment);
        Ok(Self { session, runtime: runtime()?, cluster: None, interrupted: Arc::default() })
    }

    /// An engine on the executors of the scheduler at `cluster`, which divides each step into `n_tasks` tasks.
    ///
    /// # Errors
    /// No scheduler of this version answers; threads that cannot be started.
    pub fn on_cluster(cluster: &Address, n_tasks: usize) -> Result<Self, ClusterError> {
        let runtime = runtime()?;
        runtime.block_on(ballista::reach(cluster))?;
        let session = ballista::session(cluster, n_tasks).map_err(|error| refused("start", &error, Some(cluster)))?;
        Ok(Self { session, runtime, cluster: Some(cluster.clone()), interrupted: Arc::default() })
    }

    /// The same, whose work ends with [`ClusterError::Interrupted`] soon after `interrupted` is set.
    #[must_use]
    pub fn stopped_by(self, interrupted: Arc<AtomicBool>) -> Self {
        Self { interrupted, ..self }
    }

    /// What `work` gives, on a thread of the engine.
    fn wait<T: Send + 'static>(
        &self,
        step: &str,
        work: impl Future<Output = Result<T, DataFusionError>> + Send + 'static,
    ) -> Result<T, ClusterError> {
        let done = self.runtime.block_on(self.runtime.spawn(work));
        if self.interrupted.load(Ordering::SeqCst) {
            return Err(ClusterError::Interrupted);
        }
        let done = done.unwrap_or_else(|error| Err(DataFusionError::External(error.into())));
        done.map_err(|error| refused(step, &error, self.cluster.as_ref()))
    }
}

fn runtime() -> Result<Runtime, ClusterError> {
    let runtime = Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build();
    runtime.map_err(|source| ClusterError::System { action: "start threads", source })
}

fn refused(step: &str, error: &DataFusionError, cluster: Option<&Address>) -> ClusterError {
    let hint = match (error.find_root(), cluster) {
        (_, Some(_)) => {
            "the log of the scheduler says more; scheduler, executors and this program see `--out` and the input under \
             the same paths, and are of one version"
        }
        (DataFusionError::ResourcesExhausted(_), None) => "raise `--memory`, or make room on the disk of `--out`",
        _ => "look at the columns of the input; other engines run the same plan: `reco-cluster sql`",
    };
    let reason = error.strip_backtrace().lines().next().unwrap_or_default().to_owned();
    if cluster.is_some() && reason.ends_with("failed: Cancelled") {
        return ClusterError::Lost { step: step.to_owned() };
    }
    ClusterError::Engine { step: step.to_owned(), reason, hint }
}

/// The path as DataFusion takes it: that of a file is whole, since others resolve it too.
fn text(step: &str, path: &Path) -> Result<String, ClusterError> {
    // A path with these would be a pattern.
    let plain = path.to_str().filter(|path| !path.contains(['*', '?', '[']));
    let plain = plain.ok_or_else(|| ClusterError::Engine {
        step: step.to_owned(),
        reason: format!("`{}` has `*`, `?` or `[` in it, or is no UTF-8", path.display()),
        hint: "use a folder without them",
    })?;
    if plain.contains("://") {
        return Ok(plain.to_owned());
    }
    let whole = std::path::absolute(path).map_err(io("find", path))?;
    Ok(whole.to_string_lossy().into_owned())
}

/// Ends when `flag` is set.
async fn set(flag: Arc<AtomicBool>) {
    while !flag.load(Ordering::SeqCst) {
        tokio::time::sleep(LOOK).await;
    }
}

impl Engine for DataFusion {
    fn read(&mut self, name: &str, path: &Path) -> Result<(), ClusterError> {
        let (session, name_, path) = (self.session.clone(), name.to_owned(), text(name, path)?);
        self.wait(name, async move {
            session.deregister_table(name_.as_str())?;
            session.register_parquet(name_.as_str(), &path, ParquetReadOptions::default()).await
        })
    }

    fn view(&mut self, name: &str, sql: &str) -> Result<(), ClusterError> {
        let (session, name_, sql) = (self.session.clone(), name.to_owned(), sql.to_owned());
        self.wait(name, async move {
            let view = session.sql(&sql).await?.into_view();
            session.deregister_table(name_.as_str())?;
            session.register_table(name_.as_str(), view).map(drop)
        })
    }

    fn write(&mut self, name: &str, sql: &str, path: &Path) -> Result<u64, ClusterError> {
        let (folder, file) = (path.parent().unwrap_or(Path::new(".")), path.file_name().unwrap_or_default());
        let beside = tempfile::Builder::new().prefix("unfinished-").tempdir_in(folder);
        let beside = beside.map_err(io("make a folder in", folder))?;
        // Executors may be another user's.
        let permissions = fs::metadata(folder).map_err(io("read", folder))?.permissions();
        fs::set_permissions(beside.path(), permissions).map_err(io("write", beside.path()))?;
        let unfinished = beside.path().join(file);

        let (session, sql, to) = (self.session.clone(), sql.to_owned(), text(name, &unfinished)?);
        let (cluster, interrupted) = (self.cluster.clone(), Arc::clone(&self.interrupted));
        let counts = self.wait(name, async move {
            let mut parquet = TableParquetOptions::default();
            parquet.global.compression = Some("zstd(1)".to_owned());
            // A row group is held until it is whole, and cannot be spilled.
            parquet.global.max_row_group_size = ROW_GROUP;
            let format = format_as_file_type(Arc::new(ParquetFormatFactory::new_with_options(parquet)));
            let select = session.sql(&sql).await?.into_unoptimized_plan();
            // A name with an ending is that of one file.
            let copy = LogicalPlanBuilder::copy_to(select, to, format, HashMap::new(), Vec::new())?.build()?;
            let plan = session.state().create_physical_plan(&copy).await?;
            tokio::select! {
                counts = collect(Arc::clone(&plan), session.task_ctx()) => counts,
                () = set(interrupted) => {
                    if let Some(cluster) = cluster {
                        ballista::cancel(&cluster, plan.as_ref()).await;
                    }
                    Ok(Vec::new())
                }
            }
        })?;
        if self.cluster.is_some() && !unfinished.exists() {
            return Err(ClusterError::Engine {
                step: name.to_owned(),
                reason: format!("an executor wrote `{}` where this program does not see it", path.display()),
                hint: "name a folder in `--out` that scheduler, executors and this program share, under the same path",
            });
        }
        fs::rename(&unfinished, path).map_err(io("write", path))?;
        // What is returned is one row: how many were written.
        let counts = counts.iter().filter_map(|batch| batch.column(0).as_any().downcast_ref::<UInt64Array>());
        Ok(counts.flat_map(|counts| counts.iter().flatten()).sum())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use datafusion::physical_plan::displayable;
    use reco_features::SPLITS;

    use super::*;
    use crate::{Experiment, Inputs, Kind, Plan};

    /// Writes, with each step, how DataFusion would run it.
    struct Explained {
        engine: DataFusion,
        steps: BTreeMap<String, String>,
    }

    impl Engine for Explained {
        fn read(&mut self, name: &str, path: &Path) -> Result<(), ClusterError> {
            self.engine.read(name, path)
        }

        fn view(&mut self, name: &str, sql: &str) -> Result<(), ClusterError> {
            self.engine.view(name, sql)
        }

        fn write(&mut self, name: &str, sql: &str, path: &Path) -> Result<u64, ClusterError> {
            let (session, text) = (self.engine.session.clone(), sql.to_owned());
            let plan = self.engine.wait(name, async move { session.sql(&text).await?.create_physical_plan().await })?;
            self.steps.insert(name.to_owned(), displayable(plan.as_ref()).indent(false).to_string());
            self.engine.write(name, sql, path)
        }
    }

    /// `events.parquet` in `folder`, which has forty events.
    fn events(folder: &Path) {
        let mut engine = DataFusion::in_process(1 << 28, &folder.join("spill")).unwrap();
        let rows: Vec<String> =
            (0..40).map(|n| format!("({}, {}, {}, {}, {n})", n % 8, n / 8, 1 + n % 5, n * 9)).collect();
        let sql =
            format!("SELECT * FROM (VALUES {}) AS e (customer, product, stars, clock, source_row)", rows.join(", "));
        assert_eq!(engine.write("events", &sql, &folder.join("events.parquet")).unwrap(), 40);
    }

    #[test]
    fn no_step_holds_all_rows_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        events(folder.path());
        for entry in SPLITS.iter().filter(|entry| entry.name != "file") {
            let work = folder.path().join(entry.name);
            fs::create_dir(&work).unwrap();
            let path = work.join("mine.toml");
            let text = format!(
                "[data]\nrating_scale = [1, 5]\n[data.columns]\nuser = \"customer\"\nitem = \"product\"\n\
                 rating = \"stars\"\ntimestamp = \"clock\"\n[features]\nmin_ratings_per_user = 2\n[split]\nkind = \"{}\"",
                entry.name
            );
            fs::write(&path, text).unwrap();
            let plan = Plan::of_events(&Experiment::read(&path).unwrap()).unwrap();
            let inputs = Inputs::from([("events", folder.path().join("events.parquet"))]);
            let engine = DataFusion::in_process(1 << 28, &work.join("spill")).unwrap();
            let mut explained = Explained { engine, steps: BTreeMap::new() };
            crate::run(&plan, &inputs, &mut explained, &work, &mut |_| {}).unwrap();
            let kept = plan.steps.iter().filter(|step| step.kind != Kind::View);
            assert!(kept.clone().all(|step| explained.steps.contains_key(step.name)));
            for (step, how) in &explained.steps {
                // The operator that collects its input; `BoundedWindowAggExec` does not.
                let n_whole = how.lines().filter(|line| line.trim_start().starts_with("WindowAggExec")).count();
                assert_eq!(n_whole, 0, "{}: {step}\n{how}", entry.name);
            }
        }
    }

    #[test]
    fn what_it_refuses_names_the_step_and_helps() {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = DataFusion::in_process(1 << 28, &folder.path().join("spill")).unwrap();
        let unknown = engine.view("joined", "SELECT x FROM nowhere").unwrap_err().to_string();
        assert!(
            unknown.starts_with("the engine failed in step `joined`: ") && unknown.contains("nowhere"),
            "{unknown}"
        );
        assert!(unknown.contains("\nhint: look at the columns"), "{unknown}");
        let pattern = engine.read("ratings", Path::new("a[1].parquet")).unwrap_err().to_string();
        assert!(pattern.contains("has `*`, `?` or `[` in it"), "{pattern}");
        assert!(engine.read("ratings", &folder.path().join("none.parquet")).is_err());
    }
}
