//! Defines the arguments of `reco retrain`, and its help.
//!
//! Does not know what a service is.
//!
//! **Invariant**: events come from one place, and a run is activated only where a service was named.

use std::path::PathBuf;

use clap::Args;

use super::ExperimentArgs;

/// What it does, and examples.
pub(super) const HELP: &str = "\
What it does, in this order:
  1  has the events exported: by the service, or from their file if no service has that open
  2  runs the experiment with them into --out: events with stars are added to the ratings, erased users left out
  3  has the service read, check and serve the run that is called --activate
Where a step fails, those after it are left out, and the service serves what it served before.

The experiment is the one that is named; left out, that of the run in --like; left out, that of the run in --out.
The key of the service stands in the environment variable RECO_API_KEY.

Examples:
  reco serve --run blue=data/blue --run green=data/green --events data/events.redb
  reco retrain --service http://127.0.0.1:8080 --like data/blue --out data/green --activate green
  reco retrain --service http://127.0.0.1:8080 --out data --activate default
  reco retrain --events data/events.redb mine.toml --out data/mine";

#[derive(Args)]
pub(crate) struct RetrainArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
    /// The service that has the events, as it printed its address
    #[arg(long, value_name = "URL", required_unless_present = "events")]
    pub(crate) service: Option<String>,
    /// The file of events, while no service has it open
    #[arg(long, value_name = "FILE", conflicts_with_all = ["service", "activate"])]
    pub(crate) events: Option<PathBuf>,
    /// The folder of a run whose experiment is run again, if no experiment is named; left out, `--out`
    #[arg(long, value_name = "DIR", conflicts_with = "experiment")]
    pub(crate) like: Option<PathBuf>,
    /// The name by which the service knows `--out`: it is served when it is trained
    #[arg(long, value_name = "NAME")]
    pub(crate) activate: Option<String>,
}
