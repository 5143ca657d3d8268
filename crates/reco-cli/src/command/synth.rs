//! Runs `reco synth`: generates synthetic ratings as a MovieLens CSV folder.
//!
//! Does not know how they are drawn: reco-data does.
//!
//! **Invariant**: the same options make the same bytes.

use reco_run::synth::{SynthConfig, synth_watched};
use serde_json::json;

use crate::args::SynthArgs;
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::text;

/// `reco synth`
pub(crate) fn synth(args: &SynthArgs) -> anyhow::Result<()> {
    let config = SynthConfig { n_users: args.users, n_items: args.items, n_ratings: args.ratings, seed: args.seed };
    synth_watched(&config, &args.out, &Watch::new(Interrupt::listen()?))?;
    let folder = args.out.display().to_string();
    if args.json {
        return text::print_json(&json!({ "folder": folder, "config": config }));
    }
    text::say(&format!("`{folder}`: {} ratings by {} users of {} items", args.ratings, args.users, args.items));
    Ok(())
}
