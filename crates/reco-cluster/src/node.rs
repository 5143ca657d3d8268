//! Runs the parts of a cluster of Apache Ballista: its scheduler, and an executor.
//!
//! Does not know what the cluster computes. The options are those of Ballista's own programs.
//!
//! **Invariant**: no job survives the loss of an executor; both read object stores as the client does, by the `AWS_…`
//! variables of their environment; they log to stderr.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ballista_core::error::BallistaError;
use ballista_core::object_store::{
    runtime_env_with_s3_support, session_config_with_s3_support, session_state_with_s3_support,
};
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::health::spawn_health_server;
use ballista_scheduler::cluster::{BallistaCluster, ClusterStateEvent};
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service};
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::runtime::Builder;
use tracing_subscriber::EnvFilter;

use crate::ClusterError;
use crate::interrupt::Signals;
use crate::session::STACK;

/// The options of a scheduler.
pub type SchedulerOptions = ballista_scheduler::config::Config;
/// The options of an executor.
pub type ExecutorOptions = ballista_executor::config::Config;

/// Runs a scheduler until it is told to end, by ctrl-C or as the system does. The jobs that it has end with it.
///
/// # Errors
/// Options that do not fit together; a port that is taken.
pub fn scheduler(options: SchedulerOptions) -> Result<(), ClusterError> {
    log("scheduler", &options.log_level_setting, options.log_dir.as_deref())?;
    run("scheduler", async {
        let address = address(&options.bind_host, options.bind_port)?;
        let config = SchedulerConfig::try_from(options)?
            .with_override_config_producer(Arc::new(session_config_with_s3_support))
            .with_override_session_builder(Arc::new(session_state_with_s3_support));
        let cluster = BallistaCluster::new_from_config(&config).await?;
        // The first process of a container has no other way to hear it.
        let mut signals = Signals::new()?;
        let config = Arc::new(config);
        config.validate()?;
        let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config).await?;
        tokio::select! {
            ended = start_grpc_service(address, scheduler.clone()) => ended,
            ended = cancel_what_lost_executors(&scheduler) => ended,
            () = signals.next() => Ok(()),
        }
    })
}

/// Cancels all jobs that run when an executor is lost, since Ballista 55.0 computes some rows twice where it goes on.
async fn cancel_what_lost_executors(
    scheduler: &SchedulerServer<LogicalPlanNode, PhysicalPlanNode>,
) -> Result<(), BallistaError> {
    let mut events = scheduler.cluster_state_events().await?;
    while let Some(event) = poll_fn(|context| events.as_mut().poll_next(context)).await {
        if let ClusterStateEvent::RemovedExecutor { .. } = event {
            for job_id in scheduler.state.task_manager.get_running_job_cache().keys() {
                scheduler.cancel_job(job_id.clone()).await?;
            }
        }
    }
    Ok(())
}

/// Runs an executor until it is told to end, by ctrl-C or as the system does: what it is at work on is finished first.
///
/// # Errors
/// Options that do not fit together; a port that is taken; no scheduler.
pub fn executor(options: ExecutorOptions) -> Result<(), ClusterError> {
    log("executor", &options.log_level_setting, options.log_dir.as_deref())?;
    run("executor", async {
        let health_address = address(&options.bind_host, options.bind_health_port)?;
        let mut config = ExecutorProcessConfig::try_from(options)?;
        config.override_config_producer = Some(Arc::new(session_config_with_s3_support));
        config.override_runtime_producer = Some(Arc::new(runtime_env_with_s3_support));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let health = spawn_health_server(health_address, config.health.clone(), stopped);
        let ended = start_executor_process(Arc::new(config)).await;
        // It has ended already if its port was taken.
        let _ = stop.send(());
        match health.await {
            Ok(health) => ended.and(health),
            Err(_) => ended,
        }
    })
}

fn address(host: &str, port: u16) -> Result<SocketAddr, BallistaError> {
    let address = format!("{host}:{port}").parse();
    address
        .map_err(|error| BallistaError::Configuration(format!("`{host}:{port}` is no address to listen at: {error}")))
}

/// Logs to stderr what `setting` lets through, or `RUST_LOG` if it is set.
fn log(part: &'static str, setting: &str, folder: Option<&str>) -> Result<(), ClusterError> {
    if let Some(folder) = folder {
        let reason = format!("`--log-dir` is `{folder}`, and this program logs to stderr");
        return Err(ClusterError::NotReady { reason, hint: format!("`reco-cluster {part} 2> FILE` keeps the log") });
    }
    let filter = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| setting.to_owned());
    tracing_subscriber::fmt().with_ansi(false).with_writer(io::stderr).with_env_filter(EnvFilter::new(filter)).init();
    Ok(())
}

fn run(part: &'static str, work: impl Future<Output = Result<(), BallistaError>>) -> Result<(), ClusterError> {
    let failed = |reason: String| ClusterError::Node { part, reason };
    let runtime = Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    runtime.block_on(work).map_err(|error| failed(error.to_string()))
}
