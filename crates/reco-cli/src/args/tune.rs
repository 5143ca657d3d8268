//! Defines the arguments of `reco tune`, and its help.
//!
//! Does not know how options are searched for.
//!
//! **Invariant**: a time is above 0, and one that a clock can count.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use reco_run::Method;

use super::ExperimentArgs;

/// What is tried, what is left, and examples.
pub(super) const HELP: &str = "\
What is tried stands in the experiment, or is built in for each approach that has options to try:
  [tune]
  method = \"tpe\"                      random, tpe (the default) or successive-halving
  metric = \"ndcg@10\"                  what decides; rmse for stars
  trials = 30                         of each approach, the options it has the first of them
  [tune.space.ease]
  reg = { from = 10, to = 3000, scale = \"log\" }
  item_features = [0, 1.5]            a list of values
An option that is a whole number is searched among whole numbers.

What it leaves in --out, beside tables and features:
  tuning/APPROACH/trials.parquet      every trial, kept as soon as it is made: a search that was stopped goes on
  tuned/best.toml                     the experiment with the best options, for `reco run`
  tuned/tuning.html                   which options mattered
The same number of trials leaves the same bytes; how many trials fit into --time depends on the machine.

Examples:
  reco tune --approach ease --time 60s
  reco tune data/experiments/ratio-811.toml --approach ease,ials --trials 50 --out data/ratio
  reco tune mine.toml --metric rmse --method successive-halving --trials 81 --approach svd
  reco tune --approach svd --metric rmse --set 'tune.space.svd.epochs=[10, 20, 40]'
  reco run data/tuned/best.toml       measure what was found on the test";

#[derive(Args)]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
    /// How many trials of each approach, instead of what the experiment says
    #[arg(long, value_name = "N")]
    pub(crate) trials: Option<NonZeroUsize>,
    /// How long no more trials of an approach begin after, as `60s`, `10m`, `1h`; without --trials, as many as fit
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) time: Option<f64>,
    /// How options are searched for
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Method::ALL.map(|(_, name)| name)))]
    pub(crate) method: Option<String>,
    /// The metric that decides, as `ndcg@10`, `recall@20`, `rmse`
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// The seed of the search, instead of the experiment's
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

/// Seconds of a time such as `60s`, `1.5m`, `2h`; a number alone is seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let unit = match unit {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("it is not a time, as in `60s`, `10m`, `1h`".to_owned()),
    };
    let seconds = number.trim().parse::<f64>().map(|number| number * unit);
    match seconds {
        Ok(seconds) if seconds > 0.0 && Duration::try_from_secs_f64(seconds).is_ok() => Ok(seconds),
        _ => Err("it is not a time above 0, as in `60s`, `10m`, `1h`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_have_units() {
        let seconds = ["60s", "1.5m", "2h", "7", " 3 min "].map(|text| super::seconds(text).unwrap());
        assert_eq!(seconds, [60.0, 90.0, 7200.0, 7.0, 180.0]);
        for text in ["", "s", "-1s", "0", "1d", "NaN", "1e999", "inf"] {
            assert!(super::seconds(text).unwrap_err().contains("as in `60s`"), "{text}");
        }
    }
}
