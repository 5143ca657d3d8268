//! Runs `reco recommend`: recommends items to a user, to a new user or to everyone, with reasons on request.
//!
//! Does not know models: reco-run loads one and asks it.
//!
//! **Invariant**: an item that a user has met is not recommended; the approach that answers is always named, and so is
//! the reason why it answers where nobody named it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::bail;
use reco_core::{ContextValue, Profile, ScoreKind};
use reco_run::{Answer, Artifact, AskedBy, Asker, Chosen, Everyone, Recommendation, Shard, TableOutput, choose, find};
use serde_json::{Value, json};

use crate::args::{RecommendArgs, VisitorArgs};
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::text;

/// `reco recommend`
pub(crate) fn recommend(args: &RecommendArgs) -> anyhow::Result<()> {
    // An output that cannot be written is reported before a model is asked.
    let everyone = args.out.as_deref().map(|file| TableOutput::at(file).map(|to| (file, to))).transpose()?;
    let profile = profile(&args.visitor)?;
    let (folder, chosen) = match &args.approach {
        Some(name) => (find(&args.models, name)?, None),
        None => {
            let chosen = choose(&args.models, asked_by(args, &profile))?;
            (chosen.folder.clone(), Some(chosen))
        }
    };
    let stated: BTreeMap<_, _> =
        args.context.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let watch = Watch::new(Interrupt::listen()?);
    if let Some((file, to)) = &everyone {
        return lists(args, stated, file, to, &folder, chosen.as_ref(), &watch);
    }
    let artifact = Artifact::load_watched(&folder, args.device, &watch)?;
    let context = artifact.context(&stated)?;
    let asker = match &args.user {
        Some(id) if args.as_evaluated => Asker::Evaluated(artifact.user(id)?),
        Some(id) => Asker::User(artifact.user(id)?),
        None => artifact.visitor(profile.clone(), &args.visitor.rated)?,
    };
    let answer = artifact.answer(&asker, &context, args.top, args.explain)?;
    let notes = notes(args, &artifact, &asker, &answer);
    if args.json {
        return text::print_json(&as_json(args, &artifact, chosen.as_ref(), &profile, &context, &answer, &notes));
    }
    text::say(&heading(args, &artifact, chosen.as_ref(), &answer));
    notes.iter().for_each(|note| text::say(note));
    if answer.items.is_empty() {
        return Ok(());
    }
    let mut shown = table(&answer.items);
    for (at, (item, because)) in answer.items.iter().zip(answer.because.iter().flatten()).enumerate() {
        let line = format!("{}. {}: {because}", item.rank, item.name);
        let _ = writeln!(shown, "{}{}", if at == 0 { "\n" } else { "" }, text::on_one_line(&line));
    }
    text::print(&shown)
}

/// Writes everyone's lists into `file`, unless they are there already.
fn lists(
    args: &RecommendArgs,
    context: BTreeMap<String, ContextValue>,
    file: &Path,
    to: &TableOutput,
    folder: &Path,
    chosen: Option<&Chosen>,
    watch: &Watch,
) -> anyhow::Result<()> {
    let (shard, top) = (args.shard.unwrap_or(Shard::WHOLE), args.top);
    let everyone = Everyone { shard, top, context, as_evaluated: args.as_evaluated, device: args.device };
    let finished = everyone.finished(folder, to)?;
    let (written, rate) = match finished {
        Some(written) => (written, "unchanged".to_owned()),
        None => {
            let artifact = Artifact::load_watched(folder, args.device, watch)?;
            let began = Instant::now();
            let written = everyone.write(&artifact, to, watch)?;
            (written, text::per_second(written.n_rows, began.elapsed()))
        }
    };
    let model = folder.file_name().unwrap_or_default().to_string_lossy();
    let (n_users, n_rows, file) = (written.n_users, written.n_rows, file.display().to_string());
    if args.json {
        let shard = shard.to_string();
        return text::print_json(&json!({
            "model": model, "chosen": chosen, "file": file, "shard": shard, "n_users": n_users, "n_rows": n_rows,
            "unchanged": finished.is_some(),
        }));
    }
    let why = chosen.map_or_else(String::new, |chosen| format!(", {}", chosen.why));
    let part = args.shard.map_or_else(String::new, |shard| format!(" of shard {shard}"));
    text::say(&format!("`{file}`: {n_rows} rows for {n_users} users{part}, {rate}, by {model}{why}"));
    Ok(())
}

/// What the options say of a new user.
fn profile(args: &VisitorArgs) -> anyhow::Result<Profile> {
    let short = [("age", &args.age), ("gender", &args.gender), ("occupation", &args.occupation)];
    let short = short.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    let mut profile = Profile { likes: args.likes.clone(), ..Profile::default() };
    for (name, value) in short.chain(args.attribute.iter().cloned()) {
        if let Some(other) = profile.attributes.insert(name.clone(), value.clone()) {
            bail!("attribute `{name}` is stated as `{other}` and as `{value}`\nhint: state it once");
        }
    }
    Ok(profile)
}

fn asked_by(args: &RecommendArgs, profile: &Profile) -> AskedBy {
    match args.new_user {
        true => AskedBy::Visitor { n_rated: args.visitor.rated.len(), states: !profile.is_empty() },
        false => AskedBy::Users,
    }
}

fn who(args: &RecommendArgs) -> String {
    args.user.as_ref().map_or_else(|| "a new user".to_owned(), |id| format!("user {id}"))
}

/// `popularity, which ranked best on validation (ndcg@10 0.1290; next profile 0.1100), for user 1; scores are an order
/// only`
///
/// `auto for user 1: content answers, 5 ratings; scores are an order only`
fn heading(args: &RecommendArgs, artifact: &Artifact, chosen: Option<&Chosen>, answer: &Answer) -> String {
    let scores = match artifact.model.score_kind() {
        ScoreKind::Stars => "scores are stars",
        ScoreKind::Targets => "scores are scaled ratings",
        ScoreKind::Order => "scores are an order only",
    };
    let choice = match &answer.choice {
        Some(choice) => format!(": {} answers, {}", choice.approach, choice.reason),
        None => String::new(),
    };
    let why = chosen.map_or_else(String::new, |chosen| format!(", {},", chosen.why));
    format!("{}{why} for {}{choice}; {scores}", artifact.config.name, who(args))
}

/// The remarks to print beside the answer.
fn notes(args: &RecommendArgs, artifact: &Artifact, asker: &Asker, answer: &Answer) -> Vec<String> {
    let model = &artifact.config.name;
    let mut notes = Vec::new();
    if asker.says_nothing() {
        notes.push(format!(
            "nothing is known of the new user: `{model}` answers as it does everyone of whom nothing is known"
        ));
    }
    // Where an approach chooses among several, the one that answers: another might have looked at it.
    let answering = answer.choice.as_ref().map_or(model, |choice| &choice.approach);
    notes.extend(answer.unused.iter().map(|what| format!("`{answering}` does not look at {what}")));
    let is_liked =
        args.visitor.rated.iter().any(|(_, stars)| stars.is_none()) && !answer.unused.contains(&"the ratings");
    if let Some(stars) = artifact.liked().filter(|_| is_liked) {
        notes.push(format!("what is named without stars counts as liked: {stars} stars"));
    }
    if answer.items.is_empty() {
        notes.push(format!("nothing is left to recommend: {} has met all {} items", who(args), answer.n_items));
    }
    if args.explain && answer.reasons.is_none() {
        notes.push(format!("`{model}` cannot give reasons"));
    }
    notes
}

fn as_json(
    args: &RecommendArgs,
    artifact: &Artifact,
    chosen: Option<&Chosen>,
    profile: &Profile,
    context: &[f32],
    answer: &Answer,
    notes: &[String],
) -> Value {
    let moment: BTreeMap<&str, f32> = artifact.catalogue().context_names().zip(context.iter().copied()).collect();
    let rated: Vec<Value> =
        args.visitor.rated.iter().map(|(id, stars)| json!({ "item_id": id, "rating": stars })).collect();
    let visitor = json!({ "likes": profile.likes, "attributes": profile.attributes, "rated": rated });
    let choice = answer.choice.as_ref();
    let mut items: Vec<Value> = answer.items.iter().map(|item| json!(item)).collect();
    for (item, reasons) in items.iter_mut().zip(answer.reasons.iter().flatten()) {
        item["explanation"] = json!(reasons);
    }
    for (item, because) in items.iter_mut().zip(answer.because.iter().flatten()) {
        item["because"] = json!(because);
    }
    json!({
        "model": artifact.config.name,
        "chosen": chosen,
        "choice": choice.map(|choice| json!({ "approach": choice.approach, "reason": choice.reason })),
        "user": args.user,
        "new_user": args.new_user.then_some(visitor),
        "context": moment,
        "predicts": artifact.model.score_kind(),
        "items": items,
        "notes": notes,
    })
}

/// The items as a table. A column that is empty for all of them is left out; a name equal to the id counts as empty.
fn table(items: &[Recommendation]) -> String {
    type Cell = fn(&Recommendation) -> String;
    let columns: [(&str, bool, Cell); 6] = [
        ("rank", true, |item| item.rank.to_string()),
        ("score", true, |item| format!("{:.4}", item.score)),
        ("id", true, |item| item.item_id.to_string()),
        ("year", true, |item| item.year.map(|year| year.to_string()).unwrap_or_default()),
        ("name", false, |item| {
            Some(&item.name).filter(|name| **name != item.item_id.to_string()).cloned().unwrap_or_default()
        }),
        ("genres", false, |item| item.genres.join(", ")),
    ];
    let shown: Vec<_> =
        columns.into_iter().filter(|(.., cell)| items.iter().any(|item| !cell(item).is_empty())).collect();
    let mut rows = vec![shown.iter().map(|(title, ..)| (*title).to_owned()).collect::<Vec<_>>()];
    rows.extend(items.iter().map(|item| shown.iter().map(|(.., cell)| cell(item)).collect()));
    text::columns(&rows, &shown.iter().map(|&(_, right, _)| right).collect::<Vec<_>>())
}
