//! Runs `reco synth`: generates synthetic ratings as a folder like MovieLens', and on request what is expected of each.
//!
//! Does not know how they are drawn: reco-data does.
//!
//! **Invariant**: the same options make the same bytes.

use std::time::Instant;

use reco_run::TableOutput;
use reco_run::synth::{SynthConfig, SynthOutput, synth_watched};
use serde_json::json;

use crate::args::SynthArgs;
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::text;

/// `reco synth`
pub(crate) fn synth(args: &SynthArgs) -> anyhow::Result<()> {
    let sized = SynthConfig::sized(args.ratings);
    let config = SynthConfig {
        n_users: args.users.unwrap_or(sized.n_users),
        n_items: args.items.unwrap_or(sized.n_items),
        seed: args.seed,
        context_effect: args.context_effect,
        drift: args.drift,
        ..sized
    };
    let truth = args.truth.as_deref().map(TableOutput::at).transpose()?;
    let out = SynthOutput { folder: &args.out, parquet: args.parquet, truth: truth.as_ref() };
    let began = Instant::now();
    synth_watched(&config, &out, &Watch::new(Interrupt::listen()?))?;
    let folder = args.out.display().to_string();
    if args.json {
        return text::print_json(&json!({ "folder": folder, "truth": args.truth, "config": config }));
    }
    let SynthConfig { n_users, n_items, n_ratings, .. } = config;
    let rate = text::per_second(n_ratings, began.elapsed());
    text::say(&format!("`{folder}`: {n_ratings} ratings by {n_users} users of {n_items} items, {rate}"));
    Ok(())
}
