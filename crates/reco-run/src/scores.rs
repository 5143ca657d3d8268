//! Measures scores that somebody else computed, exactly as our own models are measured; and a model that is at hand.
//!
//! Does not know who computed them: a file says which score each pair of a user and an item has.
//!
//! **Invariant**: a pair that the file leaves out is never recommended; what the data set does not know is counted, and
//! plays no part.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use reco_core::{Catalogue, Interactions, ItemIdx, Query, Recommender, ScoreError, ScoreKind, Scores, UserIdx, Who};
use reco_data::table::Table;
use reco_data::{ScoreRows, TableOutput, read_scores};
use reco_eval::{Ask, Column, Interval, Metrics};
use reco_report::Results;
use serde::Serialize;

use crate::lock::Lock;
use crate::manifest::Hashed;
use crate::run::{folders, refuse_foreign, whole};
use crate::stage::{Context, Ruler, features_digests, position, report, users};
use crate::{Artifact, Experiment, Repetition, RunError, RunOptions};

/// The outcome for a file of scores.
#[derive(Clone, Debug, Serialize)]
pub struct ScoredFile {
    /// Name and value of each metric, at full precision; `null` where it does not apply.
    pub metrics: Metrics,
    /// The bounds between which each metric would lie 95 times in 100 with other test users.
    pub intervals: BTreeMap<Column, Interval>,
    /// Users with test rows.
    pub n_users: usize,
    /// Those of them without a relevant test row, who are left out of metrics of rankings.
    pub n_users_without_relevant: usize,
    /// Test rows.
    pub n_test: usize,
    /// Test rows of items that their users had met before: they cannot be hit.
    pub n_test_masked: usize,
    /// Test users for whom the file has no score: their lists are empty.
    pub n_users_without_scores: usize,
    /// Pairs of the file that were read.
    pub n_scores: usize,
    /// Pairs of the file whose user or item the data set does not have.
    pub n_unknown: usize,
    /// Pairs of the file that were not ranked, because the user had met the item.
    pub n_masked: usize,
    /// How many candidates were drawn for each user beside the test items; 0 where the whole catalogue was ranked.
    pub sampled_negatives: usize,
    /// Whether scores were replaced by their places for each user, because single precision could not tell them apart.
    pub scores_became_places: bool,
    /// The same in the form that is shown to people.
    #[serde(skip)]
    pub results: Results,
}

/// The file of scores, and how to read it.
#[derive(Clone, Copy, Debug)]
pub struct ScoresOptions<'a> {
    /// The file: CSV, TSV, JSON lines or Parquet, with the columns `user`, `item` and `score` or `rank`.
    pub path: &'a Path,
    /// Whether scores are stars, so that errors are measured; else an order only.
    pub are_stars: bool,
    /// Which repetition of a repeated experiment they are for.
    pub repetition: Option<&'a str>,
    /// Where each user's values are written.
    pub per_user: Option<&'a Path>,
}

/// Measures the scores of a file on the held-out rows of `experiment`, whose tables and features are made where they
/// are missing.
///
/// # Errors
/// Whatever stops the stages up to `features`; a file that is not a table of scores; no pair of it known; stars for
/// which a rated test row is missing; a repeated experiment without a repetition named.
pub fn measure_scores(
    experiment: &Experiment,
    options: &RunOptions<'_>,
    scores: &ScoresOptions<'_>,
) -> Result<ScoredFile, RunError> {
    let repetition = repetition(experiment, scores.repetition)?;
    if !scores.path.is_file() {
        let (path, reason) = (scores.path.display().to_string(), "there is no such file".to_owned());
        let hint = "it is relative to the folder that the command runs in".to_owned();
        return Err(RunError::Scores { path, reason, hint });
    }
    let per_user = scores.per_user.map(TableOutput::at).transpose()?;
    let out = repetition.map_or_else(|| options.out.to_owned(), |one| options.out.join(&one.label));
    let (hashed, lock) = (Hashed::default(), Lock::of(options.out).and(&out));
    let whole = whole(experiment, &hashed, &lock, options);
    let context = repetition.map_or(whole, |one| whole.of_repetition(one, &out));
    let ruler = prepared(&context)?;
    let rows = read_scores(scores.path)?;
    let name = scores.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (table, n_unknown) = ScoreTable::new(&rows, &ruler.dataset.catalogue, scores)?;
    if scores.are_stars {
        all_are_there(&table, &ruler.dataset.test, scores)?;
    }
    let evaluation = ruler.measure(&table, Ask::ById)?;
    if let Some(to) = per_user {
        to.write(&users(&evaluation, &name)?)?;
    }
    let test_users = || evaluation.per_user.iter().filter_map(|user| ruler.dataset.catalogue.users.get(&user.user));
    let seen = ruler.seen();
    let n_masked = |user: UserIdx| table.of(user).filter(|(item, _)| seen[user.index()].contains(*item)).count();
    Ok(ScoredFile {
        metrics: evaluation.metrics.clone(),
        intervals: evaluation.intervals.clone(),
        n_users: evaluation.n_users,
        n_users_without_relevant: evaluation.n_users_without_relevant,
        n_test: evaluation.n_test,
        n_test_masked: evaluation.n_test_masked,
        n_users_without_scores: test_users().filter(|user| table.of(*user).next().is_none()).count(),
        n_scores: rows.users.len(),
        n_unknown,
        n_masked: test_users().map(n_masked).sum(),
        sampled_negatives: evaluation.sampled_negatives,
        scores_became_places: table.became_places,
        results: report::of_one(context.experiment, &ruler.dataset.info, (&name, "a file of scores"), &evaluation),
    })
}

/// Measures a model on the held-out rows of `experiment`, whose tables and features are made where they are missing:
/// its results, and each user's values. It is asked as the stage `evaluate` asks.
///
/// # Errors
/// Whatever stops the stages up to `features`; a model that was trained on another split or on other data; one that
/// fails.
pub fn measure_model(
    experiment: &Experiment,
    options: &RunOptions<'_>,
    model: &Artifact,
) -> Result<(Results, Table), RunError> {
    let (hashed, lock) = (Hashed::default(), Lock::of(options.out));
    let context = whole(experiment, &hashed, &lock, options);
    let ruler = prepared(&context)?;
    // Of another split the model may have learned what is held out here.
    if model.manifest.inputs != features_digests(&context)? {
        return Err(RunError::OtherSplit { name: model.config.name.clone() });
    }
    let evaluation = ruler.measure(&*model.model, Ask::AsVisitors)?;
    let name = &model.config.name;
    let results = report::of_one(context.experiment, &ruler.dataset.info, (name, &model.model.device()), &evaluation);
    Ok((results, users(&evaluation, name)?))
}

/// The ruler of `context`, after the stages that it needs.
fn prepared<'a>(context: &Context<'a>) -> Result<Ruler<'a>, RunError> {
    let stages = &crate::STAGES[..position("train")?];
    let replaced: Vec<_> = folders(context, stages).into_iter().map(|folder| (context, folder)).collect();
    refuse_foreign(&replaced)?;
    for stage in stages {
        context.hashed.forget();
        (stage.run)(context)?;
    }
    Ruler::new(context)
}

/// Refuses stars that leave out a rated test row: the error would be over some rows only.
fn all_are_there(table: &ScoreTable, test: &Interactions, options: &ScoresOptions<'_>) -> Result<(), RunError> {
    let rated = || test.iter().filter(|row| row.rating.is_some());
    let missing = || rated().filter(|row| !table.of(row.user).any(|(item, _)| item == row.item));
    let Some(first) = missing().next() else { return Ok(()) };
    let (user, item) = (table.catalogue.users.id(first.user), table.catalogue.items.id(first.item));
    Err(RunError::Scores {
        path: options.path.display().to_string(),
        reason: format!(
            "`{}` of `{}` rated test rows have no prediction, the first is user `{user}` and item `{item}`",
            missing().count(),
            rated().count()
        ),
        hint: "predict every test row, of this repetition; or leave out `--stars`, and lists alone are measured"
            .to_owned(),
    })
}

/// The repetition of that name; `None` for an experiment that is not repeated.
fn repetition<'a>(experiment: &'a Experiment, named: Option<&str>) -> Result<Option<&'a Repetition>, RunError> {
    let repetitions = &experiment.repetitions;
    let found = repetitions.iter().find(|one| Some(one.label.as_str()) == named);
    if found.is_none() && (named.is_some() || !repetitions.is_empty()) {
        let known = repetitions.iter().map(|one| one.label.as_str()).collect::<Vec<_>>().join("`, `");
        return Err(RunError::WhichRepetition { given: named.unwrap_or_default().to_owned(), known });
    }
    Ok(found)
}

/// A recommender that answers with given scores.
struct ScoreTable {
    catalogue: Arc<Catalogue>,
    predicts: ScoreKind,
    /// Where the pairs of each user of the catalogue end.
    ends: Vec<usize>,
    pairs: Vec<(ItemIdx, f32)>,
    became_places: bool,
}

impl ScoreTable {
    /// The pairs of `rows` that the catalogue knows, and the number of those that it does not.
    fn new(
        rows: &ScoreRows,
        catalogue: &Arc<Catalogue>,
        options: &ScoresOptions<'_>,
    ) -> Result<(Self, usize), RunError> {
        let refuse = |reason: String, hint: &str| RunError::Scores {
            path: options.path.display().to_string(),
            reason,
            hint: hint.to_owned(),
        };
        if options.are_stars && rows.are_ranks {
            return Err(refuse("it has ranks, which are no stars".to_owned(), "leave out `--stars`, or give `score`"));
        }
        let known = |row: usize| {
            Some((catalogue.users.get(&rows.users[row])?, catalogue.items.get(&rows.items[row])?, rows.scores[row]))
        };
        let mut known: Vec<(UserIdx, ItemIdx, f64)> = (0..rows.users.len()).filter_map(known).collect();
        if known.is_empty() {
            let hint = "ids are those of the ratings file, not numbers that a library gave them";
            let first = (&rows.users[0], &rows.items[0]);
            return Err(refuse(
                format!(
                    "the data set has none of its pairs, of which the first is user `{}` and item `{}`",
                    first.0, first.1
                ),
                hint,
            ));
        }
        let n_unknown = rows.users.len() - known.len();
        known.sort_unstable_by_key(|(user, item, _)| (*user, *item));
        let mut ends = vec![0; catalogue.n_users()];
        known.iter().for_each(|(user, ..)| ends[user.index()] += 1);
        let mut end = 0;
        for one in &mut ends {
            end += *one;
            *one = end;
        }
        let by_user = || known.chunk_by(|a, b| a.0 == b.0);
        let single = |value: f64| value as f32;
        let is_told_apart = |pairs: &[(UserIdx, ItemIdx, f64)]| {
            let mut values: Vec<f64> = pairs.iter().map(|(.., value)| *value).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.windows(2).all(|two| two[0] == two[1] || single(two[0]) != single(two[1]))
                && values.iter().all(|value| single(*value).is_finite())
        };
        // Two scores that single precision makes equal would be a tie that nobody meant.
        let became_places = !options.are_stars && !by_user().all(is_told_apart);
        let pairs = if became_places {
            by_user().flat_map(places).collect()
        } else {
            known.iter().map(|(_, item, value)| (*item, single(*value))).collect()
        };
        let predicts = if options.are_stars { ScoreKind::Stars } else { ScoreKind::Order };
        Ok((Self { catalogue: Arc::clone(catalogue), predicts, ends, pairs, became_places }, n_unknown))
    }

    fn of(&self, user: UserIdx) -> impl Iterator<Item = (ItemIdx, f32)> + '_ {
        let start = if user.index() == 0 { 0 } else { self.ends[user.index() - 1] };
        self.pairs[start..self.ends[user.index()]].iter().copied()
    }
}

/// One user's items, each with the negative number of greater scores; equal scores stay equal.
fn places(pairs: &[(UserIdx, ItemIdx, f64)]) -> Vec<(ItemIdx, f32)> {
    let mut values: Vec<f64> = pairs.iter().map(|(.., value)| *value).collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values.dedup();
    let place = |value: f64| values.partition_point(|greater| *greater > value);
    // A catalogue has fewer items than single precision has whole numbers, 2^24.
    pairs.iter().map(|(_, item, value)| (*item, -(place(*value) as f32))).collect()
}

impl Recommender for ScoreTable {
    fn score_kind(&self) -> ScoreKind {
        self.predicts
    }

    fn leaves_out(&self) -> bool {
        true
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        out.reset(queries, self.catalogue.n_items());
        let mut row = vec![Scores::ABSENT; self.catalogue.n_items()];
        for (query, scores) in queries.iter().zip(out.rows_mut()) {
            let Who::Known(user) = query.who else {
                return Err(ScoreError::Visitor { approach: "a file of scores" });
            };
            row.fill(Scores::ABSENT);
            self.of(user).for_each(|(item, score)| row[item.index()] = score);
            query.candidates.write(scores, |item| row[item]);
        }
        Ok(())
    }
}

impl ScoredFile {
    /// What one should know before quoting the numbers, a line each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut remark = |n: usize, what: &str| {
            if n > 0 {
                remarks.push(format!("{n} {what}"));
            }
        };
        remark(self.n_unknown, "pairs of unknown users or items were passed over");
        remark(
            self.n_masked,
            "scored pairs are of the user's own train, validation or fold-in rows, and were not ranked",
        );
        remark(self.n_users_without_scores, "test users have no score: their lists are empty, and count");
        remark(
            self.n_users_without_relevant,
            "test users without a relevant item were left out of metrics of rankings",
        );
        if self.metrics.iter().all(|(_, value)| value.is_none()) {
            let hint = "if the scores are stars, say `--stars`";
            remarks.push(format!("no metric of this experiment applies to an order: {hint}"));
        }
        if self.scores_became_places {
            remarks.push("scores closer than single precision were replaced by each user's places".to_owned());
        }
        remarks
    }
}
