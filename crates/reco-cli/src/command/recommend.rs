//! `reco recommend`: what should someone watch next?
//!
//! Does not know models: reco-run loads and asks one.
//!
//! **Invariant**: what a user met in training is not recommended.

use std::collections::BTreeMap;

use reco_core::Predicts;
use reco_run::{Artifact, Recommendation, find};
use serde_json::json;

use crate::args::RecommendArgs;
use crate::text;

/// `reco recommend`
pub(crate) fn recommend(args: &RecommendArgs) -> anyhow::Result<()> {
    let folder = find(&args.models, args.approach.as_deref())?;
    let artifact = Artifact::load(&folder, args.device)?;
    let stated: BTreeMap<_, _> =
        args.context.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let context = artifact.context(&stated)?;
    let model = &artifact.config.name;
    if let Some(file) = &args.out {
        let n_rows = artifact.recommend_all(&context, args.top, file)?;
        let n_users = artifact.catalogue().n_users();
        if args.json {
            let file = file.display().to_string();
            return text::print_json(&json!({ "model": model, "file": file, "n_users": n_users, "n_rows": n_rows }));
        }
        text::say(&format!("`{}`: {n_rows} rows for {n_users} users, by {model}", file.display()));
        return Ok(());
    }
    // The command line asks for a user or for all.
    let id = args.user.as_deref().unwrap_or_default();
    let user = artifact.user(id)?;
    let rankings = artifact.recommend(&[user], &context, args.top)?;
    let items: Vec<Recommendation> = rankings.iter().flat_map(|ranking| artifact.describe(ranking)).collect();
    let predicts = artifact.model.predicts();
    if args.json {
        let moment: BTreeMap<&str, f32> =
            artifact.catalogue().contexts.iter().map(String::as_str).zip(context.iter().copied()).collect();
        return text::print_json(&json!({
            "model": model, "user": id, "context": moment, "predicts": predicts, "items": items,
        }));
    }
    let scores = match predicts {
        Predicts::Stars => "scores are stars",
        Predicts::Targets => "scores are scaled ratings",
        Predicts::Order => "scores are an order only",
    };
    text::say(&format!("{model} for user {id}; {scores}"));
    text::print(&table(&items))
}

fn table(items: &[Recommendation]) -> String {
    let mut rows = vec![["rank", "score", "id", "year", "name", "genres"].map(str::to_owned).to_vec()];
    rows.extend(items.iter().map(|item| {
        vec![
            item.rank.to_string(),
            format!("{:.4}", item.score),
            item.item_id.to_string(),
            item.year.map(|year| year.to_string()).unwrap_or_default(),
            item.name.clone(),
            item.genres.join(", "),
        ]
    }));
    text::columns(&rows, &[true, true, true, true, false, false])
}
