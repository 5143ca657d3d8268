//! Measures how fast ingesting is, and how much memory it takes.
//!
//! `cargo run -p reco-data --release --example ingest_speed -- 25000000` generates that many ratings in MovieLens' CSV,
//! in a temporary folder, and ingests them. Does not know other formats.
//!
//! **Invariant**: what is timed is [`reco_data::ingest`] alone.

use std::time::Instant;

use reco_data::synth::{SynthConfig, synth};
use reco_data::{DataConfig, SilentIngest, ingest};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n_ratings: u64 = std::env::args().nth(1).as_deref().unwrap_or("1000000").parse()?;
    // The proportions of MovieLens 25M: 154 ratings a user, 2.6 users an item.
    let n_users = u32::try_from(n_ratings / 154)?.max(4);
    let n_items = (n_users * 10 / 26).max(1_000);
    let folder = tempfile::tempdir()?;
    let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
    let start = Instant::now();
    synth(&SynthConfig { n_users, n_items, n_ratings, seed: 42 }, &raw)?;
    let synth_seconds = start.elapsed().as_secs_f64();
    std::fs::create_dir(&out)?;
    let config = DataConfig { path: raw.display().to_string(), ..DataConfig::default() };
    let start = Instant::now();
    let summary = ingest(&config, folder.path(), &out, &SilentIngest)?;
    let seconds = start.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    eprintln!(
        "synth {synth_seconds:.1} s; ingest {seconds:.1} s, {:.0} rows/s; {peak}; {} ratings, {} users, {} items",
        summary.n_rows as f64 / seconds,
        summary.n_ratings,
        summary.n_users,
        summary.n_items
    );
    for file in ["ratings.parquet", "items.parquet"] {
        eprintln!("{file}: {} bytes", std::fs::metadata(out.join(file))?.len());
    }
    Ok(())
}
