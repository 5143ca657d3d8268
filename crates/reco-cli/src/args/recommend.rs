//! Defines the arguments of `reco recommend`.
//!
//! Does not know users, items or features: it takes them by name.
//!
//! **Invariant**: one of a known user, a new one and everyone is asked about.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use reco_core::DeviceChoice;
use reco_run::Shard;

use super::experiment::device;

#[derive(Args)]
#[command(group = ArgGroup::new("who").required(true).args(["user", "new_user", "all"]))]
pub(crate) struct RecommendArgs {
    /// The user's id, as the ratings file writes it
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
    /// Someone whom no model knows: by --likes, --age, --gender, --occupation, --attribute, --rated, or by nothing
    #[arg(long)]
    pub(crate) new_user: bool,
    /// Everyone, into the file named by --out
    #[arg(long, requires = "out")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) visitor: VisitorArgs,
    /// Where --all writes its table, `.csv` or `.parquet`: user_id and item_id as the ratings file writes them, rank
    /// from 1, score (stars, scaled ratings or an order only, as the approach answers), name, genres. A finished
    /// Parquet file of the same model and the same options is left as it is
    #[arg(long, value_name = "FILE", requires = "all")]
    pub(crate) out: Option<PathBuf>,
    /// Only the Ith of N parts of the users, so that N commands on any machines share the work: their tables, one after
    /// the other, are that of all users
    #[arg(long, value_name = "I/N", requires = "all")]
    pub(crate) shard: Option<Shard>,
    /// Ask as the evaluation does: what was held out for the test counts as not met, and may be recommended
    #[arg(long, conflicts_with = "new_user")]
    pub(crate) as_evaluated: bool,
    /// How many items
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) top: NonZeroUsize,
    /// Say why each item; with --json also what each score is made of
    #[arg(long, conflicts_with = "all")]
    pub(crate) explain: bool,
    /// The moment, by context names; what is not stated is the average of training
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = key_value)]
    pub(crate) context: Vec<(String, String)>,
    /// Which approach of the last run answers; left out, the one that ranked best on validation, and for a new user
    /// `auto` by ratings, or the best of those whose lists follow them, `profile` by what is stated alone, else
    /// `popularity`
    #[arg(long, value_name = "NAME")]
    pub(crate) approach: Option<String>,
    /// The folder that a run wrote with `--out`, or the folder of models in it
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) models: PathBuf,
    /// Where networks compute: auto, wgpu, cpu, cuda
    #[arg(long, default_value = "auto", value_parser = device)]
    pub(crate) device: DeviceChoice,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a new user says.
#[derive(Args)]
pub(crate) struct VisitorArgs {
    /// Features of items that the new user likes, such as genres
    #[arg(long, value_name = "FEATURE", value_delimiter = ',', conflicts_with_all = ["user", "all"])]
    pub(crate) likes: Vec<String>,
    /// Short for --attribute age=AGE
    #[arg(long, value_name = "AGE", conflicts_with_all = ["user", "all"])]
    pub(crate) age: Option<String>,
    /// Short for --attribute gender=GENDER
    #[arg(long, value_name = "GENDER", conflicts_with_all = ["user", "all"])]
    pub(crate) gender: Option<String>,
    /// Short for --attribute occupation=OCCUPATION
    #[arg(long, value_name = "OCCUPATION", conflicts_with_all = ["user", "all"])]
    pub(crate) occupation: Option<String>,
    /// An attribute that the data know of their users
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value, conflicts_with_all = ["user", "all"])]
    pub(crate) attribute: Vec<(String, String)>,
    /// Items that the new user has met, by their ids, with stars where they are rated: `50=5,172=4`; without any, as
    /// liked
    #[arg(long, value_name = "ID=STARS", value_delimiter = ',', value_parser = rated, conflicts_with_all = ["user", "all"])]
    pub(crate) rated: Vec<(String, Option<f32>)>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("it is not `name=value`, as in `daytime=0`".to_owned()),
    }
}

fn rated(text: &str) -> Result<(String, Option<f32>), String> {
    let (id, stars) = match text.rsplit_once('=') {
        None => (text, None),
        Some((id, stars)) => {
            (id, Some(stars.trim().parse().map_err(|_| format!("`{stars}` is not a number of stars"))?))
        }
    };
    match id.trim() {
        "" => Err("it is not `ID=STARS`, as in `50=5,172=4`".to_owned()),
        id => Ok((id.to_owned(), stars)),
    }
}
