//! Finds what one user of the data would be recommended and why, and suggests what to try next.
//!
//! Does not know which approach is best: it is told.
//!
//! **Invariant**: every suggestion follows from this run's data, is answered by its models, and can be pasted into a
//! shell; no path is named, so that equal experiments give equal advice.

use std::cmp::Reverse;
use std::num::NonZeroUsize;

use reco_core::{ItemIdx, Profile, Silent, UserId};
use reco_eval::BestFor;
use reco_features::Dataset;
use reco_report::{Best, Headline, Recommended, RecommendedItem, Suggestion};

use super::Context;
use crate::answer::Asker;
use crate::artifact::Artifact;
use crate::models::{AskedBy, LISTS_FOLLOW, choose};
use crate::{Finding, ItemFacts, RunError, Severity};

/// How many items are recommended on a page.
const ITEMS: NonZeroUsize = NonZeroUsize::new(5).expect("five is not zero");

/// How many items that a user liked are named.
const LIKED: usize = 4;

/// What everyone said of each item in training.
pub(super) fn known(dataset: &Dataset) -> Vec<ItemFacts> {
    let mut sums = vec![(0_usize, 0_usize, 0.0_f64); dataset.catalogue.n_items()];
    for row in dataset.fit.iter() {
        let (n, n_rated, stars) = &mut sums[row.item.index()];
        *n += 1;
        if let Some(rating) = row.rating {
            (*n_rated, *stars) = (*n_rated + 1, *stars + f64::from(rating.stars()));
        }
    }
    let facts = |(n_people, n_rated, stars): (usize, usize, f64)| ItemFacts {
        n_people,
        mean: (n_rated > 0).then(|| stars / n_rated as f64),
    };
    sums.into_iter().map(facts).collect()
}

/// What `approach` recommends to `user`, with what the user liked; `None` for a user whom the data do not have.
pub(super) fn recommended(
    context: &Context<'_>,
    (dataset, known): (&Dataset, &[ItemFacts]),
    approach: &str,
    user: &UserId,
) -> Result<Option<Recommended>, RunError> {
    let catalogue = &dataset.catalogue;
    let Some(user_idx) = catalogue.users.get(user) else { return Ok(None) };
    let artifact = Artifact::load_once(
        &context.at("models").join(approach),
        context.experiment.device,
        &Silent,
        context.hashed,
        None,
    )?;
    let name = |item: ItemIdx| dataset.details[item.index()].name.clone();

    let stars = |row: &reco_core::Interaction<'_>| row.rating.map(|rating| f64::from(rating.stars()));
    let given = dataset.fold_in.iter().flat_map(|part| part.iter()).filter(|row| row.user == user_idx);
    let given: Vec<(String, Option<f32>)> =
        given.map(|row| (catalogue.items.id(row.item).to_string(), row.rating.map(reco_core::Rating::stars))).collect();
    // A user who was held out whole asks as someone new, as in the evaluation.
    let asker = match given.is_empty() {
        true => Asker::Evaluated(user_idx),
        false => artifact.visitor(Profile::default(), &given)?,
    };
    let moment = artifact.context(&context.experiment.evaluate.context)?;
    let answer = artifact.answer(&asker, &moment, ITEMS, true)?;

    let parts = [&dataset.fit].into_iter().chain(&dataset.validation).chain(&dataset.fold_in);
    let mut met: Vec<(ItemIdx, Option<f64>)> = parts
        .flat_map(|part| part.iter())
        .filter(|row| row.user == user_idx)
        .map(|row| (row.item, stars(&row)))
        .collect();
    let n_seen = met.len();
    // The best rated first; of equals, the one that most people know.
    met.sort_by(|a, b| {
        let order = |(item, stars): &(ItemIdx, Option<f64>)| (stars.unwrap_or(0.0), known[item.index()].n_people);
        let (one, other) = (order(a), order(b));
        other.0.total_cmp(&one.0).then(other.1.cmp(&one.1)).then(a.0.index().cmp(&b.0.index()))
    });
    let items = answer.items.iter().enumerate().filter_map(|(place, line)| {
        let item = catalogue.items.get(&line.item_id)?;
        let facts = &known[item.index()];
        let reasons = answer.reasons.as_ref().and_then(|reasons| reasons.get(place));
        let held_out = dataset.test.iter().find(|row| row.user == user_idx && row.item == item);
        Some(RecommendedItem {
            item: line.name.clone(),
            year: line.year,
            because: reasons.map_or_else(|| facts.sentence(), |reasons| reasons.sentence(facts, catalogue.scale)),
            held_out: held_out.map(|row| stars(&row)),
        })
    });
    Ok(Some(Recommended {
        approach: approach.to_owned(),
        user: user.to_string(),
        n_seen,
        items: items.collect(),
        liked: met.into_iter().take(LIKED).map(|(item, stars)| (name(item), stars)).collect(),
    }))
}

/// What to try next, after a run that came to `headline` and shows `user`.
pub(super) fn suggestions(
    headline: &Headline,
    findings: &[Finding],
    user: Option<&UserId>,
    someone_new: Option<Suggestion>,
) -> Vec<Suggestion> {
    let mut suggestions = Vec::new();
    let mut add = |words: String, command: String| suggestions.push(Suggestion { words, command });
    let bad: Vec<&Finding> = findings.iter().filter(|finding| finding.severity < Severity::Note).collect();
    if let Some(worst) = bad.first() {
        let n = bad.len();
        let things = if n == 1 { "One finding" } else { &format!("{n} findings, the worst") };
        // The first clause has the numbers; `reco check` says the rest, why, and what helps.
        let first = worst.found.split(';').next().unwrap_or_default();
        add(format!("These numbers may be better than they should be. {things}: {first}."), "reco check".to_owned());
    }
    for best in &headline.best {
        let Some(next) = best.next().filter(|next| next.is_sure() == Some(false)) else { continue };
        let Best { approach, metric, task, .. } = best;
        let what = if *task == BestFor::Lists { "lists" } else { "stars" };
        add(
            format!("For {what}, {} may be as good as {approach}: for whom is which better?", next.over),
            format!("reco compare data --against {} --metrics {metric} --details", next.over),
        );
    }
    let asked = headline.of(BestFor::Lists).or_else(|| headline.of(BestFor::Stars));
    if let Some((best, user)) = asked.zip(user.map(UserId::to_string).filter(|user| is_written(user))) {
        add(
            format!("See what {} recommends to any user, and why.", best.approach),
            format!("reco recommend {} --approach {} --explain", shell_word(&format!("--user={user}")), best.approach),
        );
    }
    suggestions.extend(someone_new);
    suggestions
}

/// Suggests asking as someone new who liked what most people have met, if the model that answers such a visitor looks
/// at it; else as someone of whom nothing is known.
pub(super) fn someone_new(context: &Context<'_>, dataset: &Dataset, known: &[ItemFacts]) -> Option<Suggestion> {
    let catalogue = &dataset.catalogue;
    let models = context.at("models");
    let asked = |n_rated| choose(&models, AskedBy::Visitor { n_rated, states: false }).ok();
    let mut items: Vec<ItemIdx> = catalogue.items.indices().collect();
    items.sort_by_key(|item| (Reverse(known[item.index()].n_people), item.index()));
    let id = |item: &ItemIdx| catalogue.items.id(*item).to_string();
    // `--rated` separates items at commas, and an item from its stars at `=`.
    items.retain(|item| known[item.index()].n_people > 0 && is_written(&id(item)) && !id(item).contains([',', '=']));
    items.truncate(LISTS_FOLLOW);
    if !asked(items.len())?.follows_ratings {
        let words = "Ask as someone new, of whom nothing is known.".to_owned();
        return asked(0).map(|_| Suggestion { words, command: "reco recommend --new-user".to_owned() });
    }
    let is_rated = dataset.fit.iter().any(|row| row.rating.is_some());
    let stars = if is_rated { format!("={}", catalogue.scale.max()) } else { String::new() };
    let rated = items.iter().map(|item| format!("{}{stars}", id(item))).collect::<Vec<_>>().join(",");
    let names: Vec<&str> = items.iter().map(|item| dataset.details[item.index()].name.as_str()).collect();
    Some(Suggestion {
        words: format!("Ask as someone new, who liked {}.", names.join(", ")),
        command: format!("reco recommend --new-user {}", shell_word(&format!("--rated={rated}"))),
    })
}

/// Whether a command line can carry it: it is on one line, and no part of it is lost.
fn is_written(id: &str) -> bool {
    id == id.trim() && !id.is_empty() && !id.chars().any(char::is_control)
}

/// `word`, quoted so that a shell takes it as one word.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
