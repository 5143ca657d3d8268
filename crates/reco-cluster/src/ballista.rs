//! Reaches a cluster of Apache Ballista: sends plans to its scheduler, and cancels them.
//!
//! Does not know what the plans say, nor how scheduler and executors are started.
//!
//! **Invariant**: a scheduler that does not answer, or is not of this version, is an error before any step.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

use ballista_core::execution_plans::DistributedQueryExec;
use ballista_core::extension::{SessionConfigExt, SessionStateExt};
use ballista_core::object_store::{session_config_with_s3_support, session_state_with_s3_support};
use ballista_core::serde::protobuf::CancelJobParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use datafusion_proto::protobuf::LogicalPlanNode;

use crate::ClusterError;

/// How long a scheduler may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a scheduler may take to hear that a job is of no use any more.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Where a scheduler listens: `df://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host_and_port: String,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host_and_port = text.strip_prefix("df://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        let parts = host_and_port.and_then(|text| text.rsplit_once(':'));
        match (host_and_port, parts) {
            (Some(text), Some((host, port))) if is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0) => {
                Ok(Self { host_and_port: text.to_owned() })
            }
            _ => Err("write the address of a scheduler, as in `df://localhost:50050`".to_owned()),
        }
    }
}

/// Whether `host` is a name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    let plain = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match plain {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|letter| letter.is_alphanumeric() || ".-_".contains(letter)),
    }
}

impl Address {
    fn http(&self) -> String {
        format!("http://{}", self.host_and_port)
    }
}

impl Display for Address {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "df://{}", self.host_and_port)
    }
}

/// Asks whether a scheduler listens at `cluster`.
pub(crate) async fn reach(cluster: &Address) -> Result<(), ClusterError> {
    let reason = match tokio::time::timeout(PATIENCE, SchedulerGrpcClient::connect(cluster.http())).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    Err(ClusterError::NotReady {
        reason: format!("no scheduler answers at `{cluster}`: {reason}"),
        hint: "start one with `reco-cluster scheduler`, and executors with `reco-cluster executor`".to_owned(),
    })
}

/// A session whose plans the executors of `cluster` run, each stage in at most `n_tasks` tasks.
pub(crate) fn session(cluster: &Address, n_tasks: usize) -> Result<SessionContext, DataFusionError> {
    let config = session_config_with_s3_support()
        .with_target_partitions(n_tasks)
        .with_information_schema(false)
        // The adaptive planner of Ballista 55.0 gets the cuts of `temporal` wrong, as the tests of this crate show.
        .with_ballista_adaptive_query_planner(false);
    let state = session_state_with_s3_support(config)?.upgrade_for_ballista(cluster.http())?;
    Ok(SessionContext::new_with_state(state))
}

/// Tells the scheduler at `cluster` that nobody waits for `plan` any more. Whether it hears it makes no difference to
/// what is kept.
pub(crate) async fn cancel(cluster: &Address, plan: &dyn ExecutionPlan) {
    let query = plan.downcast_ref::<DistributedQueryExec<LogicalPlanNode>>();
    let Some(job_id) = query.and_then(DistributedQueryExec::job_id) else { return };
    let cancelled = async {
        if let Ok(mut scheduler) = SchedulerGrpcClient::connect(cluster.http()).await {
            let _ = scheduler.cancel_job(CancelJobParams { job_id: job_id.into() }).await;
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, cancelled).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for text in ["df://localhost:50050", "df://10.0.0.1:1", "df://[::1]:50050", "df://scheduler.reco.svc:50050/"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text.trim_end_matches('/'));
        }
        for text in
            ["localhost:50050", "df://localhost", "df://:50050", "df://a b:1", "df://a:0", "df://a:70000", "df://a/b:1"]
        {
            assert!(text.parse::<Address>().unwrap_err().contains("as in `df://localhost:50050`"), "{text}");
        }
    }

    #[test]
    fn nobody_at_an_address_is_said_before_any_step() {
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("df://127.0.0.1:{port}").parse().unwrap();
        let error = crate::DataFusion::on_cluster(&address, 2).err().unwrap().to_string();
        assert!(error.starts_with(&format!("no scheduler answers at `{address}`: ")), "{error}");
        assert!(error.contains("\nhint: start one with `reco-cluster scheduler`"), "{error}");
    }
}
