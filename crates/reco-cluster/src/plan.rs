//! Makes of an experiment the list of SELECTs that prepare its data.
//!
//! Does not know engines: reading, writing and repeating are theirs. Every text runs alike in DuckDB, DataFusion and
//! Spark: there is no division of integers, no sum of fractions, and no window over all rows.
//!
//! **Invariant**: the same experiment gives the same plan; a step reads only inputs and the steps before it; an
//! experiment that no SQL states is an error before any row is read.

use std::fmt::{self, Display, Formatter};

use reco_data::Duplicates;
use reco_features::{PART_COLUMNS, ScalingFit, ScalingKind, check_choices, find_split};

use crate::sql::{double, draw, fill, float, is_plain, text};
use crate::{ClusterError, Experiment};

/// The steps of a preparation, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The relations that the engine is given.
    pub inputs: &'static [&'static str],
    /// What it runs.
    pub steps: Vec<Step>,
}

/// One SELECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What later steps call its rows.
    pub name: &'static str,
    /// What becomes of its rows.
    pub kind: Kind,
    /// The SELECT, without a semicolon.
    pub sql: String,
}

/// What becomes of the rows of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They may be computed anew by each step that reads them.
    View,
    /// They are kept, since several steps read them.
    Table,
    /// They are kept and take the place of the rows of the same name, which the step reads; and that again, until a
    /// round drops no row.
    Rounds,
    /// They are kept and left as Parquet, in the order of the SELECT.
    Output,
}

impl Kind {
    /// The word in a printed plan.
    pub fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Table => "table",
            Self::Rounds => "rounds",
            Self::Output => "output",
        }
    }
}

/// The parts of a split, as the outputs are called.
pub(crate) const PARTS: [&str; 5] = ["train", "validation", "fold_in", "test", "untrained"];

/// Names that a context's column cannot have: those of our own columns.
const TAKEN: [&str; 30] = [
    "user_id",
    "item_id",
    "rating",
    "timestamp",
    "source_row",
    "user_row",
    "item_row",
    "stays",
    "seconds",
    "draw",
    "n",
    "place",
    "user_idx",
    "item_idx",
    "part",
    "bucket",
    "n_before",
    "v",
    "t",
    "n_test",
    "n_validation",
    "is_held_out",
    "fate",
    "day",
    "reached",
    "n_until",
    "n_rows",
    "problem",
    "first_row",
    "user",
];

impl Plan {
    /// The plan for tables that `reco ingest` made.
    ///
    /// # Errors
    /// A split or a context that no SQL states.
    pub fn of_tables(experiment: &Experiment) -> Result<Self, ClusterError> {
        let mut maker = Maker::new(experiment)?;
        maker.features()?;
        Ok(Self { inputs: &["ratings", "listed_users", "listed_items"], steps: maker.steps })
    }

    /// The plan for raw events in Parquet.
    ///
    /// # Errors
    /// The same; a key of `[data]` that no SQL states.
    pub fn of_events(experiment: &Experiment) -> Result<Self, ClusterError> {
        let mut maker = Maker::new(experiment)?;
        maker.tables()?;
        maker.features()?;
        Ok(Self { inputs: &["events"], steps: maker.steps })
    }
}

/// The plan as SQL text: before each SELECT stands a line `-- step: NAME (KIND)`.
impl Display for Plan {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for Step { name, kind, sql } in &self.steps {
            writeln!(out, "-- step: {name} ({})\n{sql};\n", kind.word())?;
        }
        Ok(())
    }
}

struct Maker<'a> {
    experiment: &'a Experiment,
    steps: Vec<Step>,
    /// The columns of a row after it is numbered.
    columns: String,
    r_columns: String,
    /// The contexts, each after a comma.
    contexts: String,
    r_contexts: String,
}

impl<'a> Maker<'a> {
    fn new(experiment: &'a Experiment) -> Result<Self, ClusterError> {
        check_choices(&experiment.features, &experiment.split)?;
        let contexts = &experiment.data.columns.context;
        if let Some(name) = contexts.iter().find(|name| !is_plain(name) || TAKEN.contains(&name.as_str())) {
            return Err(ClusterError::NotInSql {
                what: format!("`data.columns.context` with the column `{name}`"),
                reason: "engines quote such a name differently, or have a meaning for it",
                hint: "rename the column: small letters of English, digits and `_`, as in `device`".to_owned(),
            });
        }
        let columns: Vec<&str> = PART_COLUMNS.into_iter().chain(contexts.iter().map(String::as_str)).collect();
        let of_rows = |columns: &[&str]| columns.iter().map(|column| format!("r.{column}")).collect::<Vec<_>>();
        let after_comma = |columns: &[String]| columns.iter().map(|column| format!(", {column}")).collect::<String>();
        let r_contexts: Vec<String> = contexts.iter().map(|column| format!("r.{column}")).collect();
        Ok(Self {
            experiment,
            steps: Vec::new(),
            r_columns: of_rows(&columns).join(", "),
            columns: columns.join(", "),
            contexts: after_comma(contexts),
            r_contexts: after_comma(&r_contexts),
        })
    }

    fn add(&mut self, name: &'static str, kind: Kind, sql: String) {
        self.steps.push(Step { name, kind, sql });
    }

    /// From events to checked tables.
    fn tables(&mut self) -> Result<(), ClusterError> {
        let data = &self.experiment.data;
        let events = Events::of(self.experiment)?;
        let [lowest, highest] = events.scale.map(float);
        let values = [
            ("user", events.user.as_str()),
            ("item", &events.item),
            ("rating", &events.rating),
            ("timestamp", &events.timestamp),
            ("row", "source_row"),
            ("lowest", &lowest),
            ("highest", &highest),
        ];
        let checked = fill(text!("checked"), &values);
        self.add("checked", Kind::View, checked);
        self.add("checked_counts", Kind::Output, fill(text!("checked_counts"), &[]));
        self.add("rejected", Kind::Output, fill(text!("rejected"), &[]));
        let ratings = match data.duplicates {
            Duplicates::First => text!("ratings_first"),
            Duplicates::Latest | Duplicates::Refuse => text!("ratings_latest"),
        };
        self.add("ratings", Kind::Output, fill(ratings, &[]));
        for (what, id, row, first, numbered, listed, stays) in [
            ("user", "user_id", "user_row", "first_users", "numbered_users", "listed_users", ""),
            (
                "item",
                "item_id",
                "item_row",
                "first_items",
                "numbered_items",
                "listed_items",
                ", CAST(1 AS BIGINT) AS stays",
            ),
        ] {
            self.add(first, Kind::Table, fill(text!("first_rows"), &[("what", what), ("id", id)]));
            let kept = format!("SELECT first_row FROM {first}");
            let values = [("what", what), ("row", "first_row"), ("idx", row), ("kept", &kept)];
            self.add(numbered, Kind::Table, fill(text!("vocabulary"), &values));
            let values = [("what", what), ("id", id), ("row", row), ("stays", stays)];
            self.add(listed, Kind::Output, fill(text!("listed"), &values));
        }
        Ok(())
    }

    /// From tables to the parts of the split.
    fn features(&mut self) -> Result<(), ClusterError> {
        let Experiment { features, split, .. } = self.experiment;
        let entry = find_split(&split.kind)?;
        let drawn_by_row = ["random", "k-fold", "per-user-random", "per-item-random", "held-out-users"];
        let row_draw = match drawn_by_row.contains(&entry.name) {
            true => draw(self.experiment.split_seed(), &["r.user_id", "r.item_id"]),
            false => "''".to_owned(),
        };
        let joined = fill(text!("joined"), &[("draw", &row_draw), ("r_contexts", &self.r_contexts)]);
        self.add("joined", Kind::View, joined);
        let enough = match features.min_rating {
            None => "1 = 1".to_owned(),
            Some(least) => format!("(rating IS NULL OR rating >= {})", float(least)),
        };
        self.add("counts", Kind::Output, fill(text!("counts"), &[("is_rated_enough", &enough)]));
        let rated = fill(text!("rated"), &[("contexts", &self.contexts), ("is_rated_enough", &enough)]);
        self.add("rated", Kind::Table, rated);
        let (per_user, per_item) = (features.min_ratings_per_user, features.min_ratings_per_item);
        if per_user > 0 || per_item > 0 {
            let (per_user, per_item) = (per_user.to_string(), per_item.to_string());
            let values = [("min_ratings_per_user", per_user.as_str()), ("min_ratings_per_item", &per_item)];
            self.add("rated", Kind::Rounds, fill(text!("core"), &values));
        }
        self.add("kept", Kind::Output, fill(text!("kept"), &[]));
        let of_rated = |is: bool, rated: &'static str, all: &'static str| if is { rated } else { all };
        let kept_users =
            of_rated(per_user > 0, "SELECT DISTINCT user_row FROM rated", "SELECT user_row FROM listed_users");
        let kept_items = of_rated(
            per_item > 0,
            "SELECT DISTINCT item_row FROM rated",
            "SELECT item_row FROM listed_items WHERE stays = 1",
        );
        for (what, row, idx, kept, table, output) in [
            ("user", "user_row", "user_idx", kept_users, "users", "kept_users"),
            ("item", "item_row", "item_idx", kept_items, "items", "kept_items"),
        ] {
            let values = [("what", what), ("row", row), ("idx", idx), ("kept", kept)];
            self.add(table, Kind::Table, fill(text!("vocabulary"), &values));
            self.add(output, Kind::Output, fill(text!("kept_rows"), &values));
        }
        self.add("indexed", Kind::View, fill(text!("indexed"), &[("r_contexts", &self.r_contexts)]));
        let sql = self.split(entry.name)?;
        self.add("split", Kind::Table, sql);
        self.add("validated", Kind::Output, fill(text!("validated"), &[]));
        let parts = fill(
            text!("parts"),
            &[
                ("columns", &self.columns),
                ("r_columns", &self.r_columns),
                ("refits", flag(split.refit)),
                ("drops_untrained", flag(split.drop_untrained_items)),
            ],
        );
        self.add("parts", Kind::View, parts);
        for part in PARTS {
            let sql = fill(text!("part"), &[("part", part), ("columns", &self.columns)]);
            self.add(part, Kind::Output, sql);
        }
        if features.scaling.kind == ScalingKind::ItemMinMax {
            let (which, and_train) = match features.scaling.fit {
                ScalingFit::Train => ("train", " AND part = 'train'"),
                ScalingFit::All => ("all parts", ""),
            };
            self.add("ends", Kind::Output, fill(text!("ends"), &[("which", which), ("and_train", and_train)]));
        }
        Ok(())
    }

    /// The SELECT that gives each row its part.
    fn split(&mut self, kind: &str) -> Result<String, ClusterError> {
        let split = &self.experiment.split;
        let by_draw = || fill(text!("placed_by_draw"), &[("starts", &starts("indexed"))]);
        let in_groups = |what, group, order, in_words| {
            let values = [("what", what), ("group", group), ("order", order), ("order_in_words", in_words)];
            fill(text!("placed_in_groups"), &values)
        };
        let drawn = |what, group| in_groups(what, group, "r.draw, r.source_row", "in the order of their draws");
        let timed = || in_groups("user", "user_idx", "r.seconds, r.source_row", "the earliest first");
        let shares = |validation, test| {
            let [validation, test, epsilon] = [validation, test, 1e-9].map(double);
            fill(text!("shares"), &[("validation", &validation), ("test", &test), ("epsilon", &epsilon)])
        };
        let by_shares = |placed: String| {
            let shares = shares(split.validation, split.test);
            fill(text!("split_by_shares"), &[("placed", &placed), ("shares", &shares), ("columns", &self.columns)])
        };
        Ok(match kind {
            "random" => by_shares(by_draw()),
            "per-user-random" => by_shares(drawn("user", "user_idx")),
            "per-item-random" => by_shares(drawn("item", "item_idx")),
            "per-user-last" => by_shares(timed()),
            "leave-last-out" => fill(
                text!("split_leave_last_out"),
                &[("placed", &timed()), ("columns", &self.columns), ("validates", flag(split.validation > 0.0))],
            ),
            "k-fold" => {
                let (fold, folds) = (split.fold.to_string(), split.folds.to_string());
                let values =
                    [("placed", by_draw()), ("columns", self.columns.clone()), ("fold", fold), ("folds", folds)];
                fill(text!("split_k_fold"), &values.each_ref().map(|(name, value)| (*name, value.as_str())))
            }
            "article" => fill(text!("split_article"), &[("r_columns", &self.r_columns)]),
            "temporal" => {
                let cuts = fill(text!("cuts"), &[("shares", &shares(split.validation, split.test))]);
                let sql = fill(text!("split_temporal"), &[("r_columns", &self.r_columns)]);
                self.add("cuts", Kind::Output, cuts);
                sql
            }
            "held-out-items" => {
                let sql = fill(text!("split_held_out_items"), &[("r_columns", &self.r_columns)]);
                let step = self.held_out("item", &shares(0.0, split.test), "");
                self.add("drawn", Kind::Table, step);
                sql
            }
            "held-out-users" => {
                let n_given = match split.given {
                    None => "CASE WHEN n - n_test > 1 THEN n - n_test ELSE 1 END".to_owned(),
                    Some(given) => format!("CASE WHEN n - 1 < {given} THEN n - 1 ELSE {given} END"),
                };
                let sql = fill(
                    text!("split_held_out_users"),
                    &[
                        ("columns", &self.columns),
                        ("drops_untrained", flag(split.drop_untrained_items)),
                        ("shares", &shares(0.0, 1.0 - split.fold_in)),
                        ("n_given", &n_given),
                    ],
                );
                let step = self.held_out("user", &shares(0.0, split.test), " AND n_rows > 1");
                self.add("drawn", Kind::Table, step);
                sql
            }
            other => {
                return Err(ClusterError::NotInSql {
                    what: format!("`split.kind = \"{other}\"`"),
                    reason: "its rows are not divided by a rule that SQL could state",
                    hint: "`reco features` makes it, or choose another split".to_owned(),
                });
            }
        })
    }

    /// Which users or items are held out.
    fn held_out(&self, what: &str, shares: &str, and_divisible: &str) -> String {
        let [id, row, idx, vocabulary, listed] =
            ["l.{}_id", "{}_row", "{}_idx", "{}s", "listed_{}s"].map(|pattern| pattern.replace("{}", what));
        let draw = draw(self.experiment.split_seed(), &[&id]);
        fill(
            text!("drawn"),
            &[
                ("what", what),
                ("row", &row),
                ("idx", &idx),
                ("vocabulary", &vocabulary),
                ("listed", &listed),
                ("draw", &draw),
                ("starts", &starts("with_draws")),
                ("shares", shares),
                ("and_divisible", and_divisible),
            ],
        )
    }
}

/// How many of `rows` come before each bucket of draws.
fn starts(rows: &str) -> String {
    fill(text!("starts"), &[("rows", rows)])
}

fn flag(is: bool) -> &'static str {
    if is { "1" } else { "0" }
}

/// The columns of raw events, as SQL.
struct Events {
    user: String,
    item: String,
    rating: String,
    timestamp: String,
    scale: [f32; 2],
}

impl Events {
    fn of(experiment: &Experiment) -> Result<Self, ClusterError> {
        let (data, features) = (&experiment.data, &experiment.features);
        let columns = &data.columns;
        let refuse = |what: &str, reason, hint: &str| {
            Err(ClusterError::NotInSql { what: format!("`{what}`"), reason, hint: hint.to_owned() })
        };
        let ingest = "leave it out, or let `reco ingest` make the tables, from which the engine goes on";
        for (key, is_stated) in [
            ("data.columns.context", !columns.context.is_empty()),
            ("data.columns.user_attributes", !columns.user_attributes.is_empty()),
            ("data.columns.item_attributes", !columns.item_attributes.is_empty()),
            ("data.columns.item_table", !columns.item_table.path.is_empty()),
            ("data.columns.user_table", !columns.user_table.path.is_empty()),
            ("data.events", !data.events.is_empty()),
            ("data.rows", data.rows > 0),
            ("features.drop_items", !features.drop_items.is_empty()),
            ("features.drop_items_without_genres", features.drop_items_without_genres),
        ] {
            if is_stated {
                return refuse(key, "raw events are users, items, ratings and times alone", ingest);
            }
        }
        for (key, name) in [
            ("data.columns.user", &columns.user),
            ("data.columns.item", &columns.item),
            ("data.columns.rating", &columns.rating),
            ("data.columns.timestamp", &columns.timestamp),
        ] {
            let is_optional = key.ends_with("rating") || key.ends_with("timestamp");
            if name.is_empty() && !is_optional {
                return refuse(key, "it is not stated", "name the column of the events");
            }
            if !name.is_empty() && !is_plain(name) {
                let hint = format!("rename `{name}`: small letters of English, digits and `_`");
                return refuse(key, "engines quote such a name differently", &hint);
            }
        }
        let scale = match (data.rating_scale.as_slice(), columns.rating.is_empty()) {
            (&[lowest, highest], _) => [lowest, highest],
            (_, true) => [0.0, 1.0],
            _ => {
                let hint = "state it, as in `rating_scale = [1, 5]`: what lies beyond is rejected in the same pass";
                return refuse("data.rating_scale", "it is not stated", hint);
            }
        };
        let typed = |name: &str, kind: &str| match name {
            "" => format!("CAST(NULL AS {kind})"),
            name => format!("CAST({name} AS {kind})"),
        };
        Ok(Self {
            user: columns.user.clone(),
            item: columns.item.clone(),
            rating: typed(&columns.rating, "FLOAT"),
            timestamp: typed(&columns.timestamp, "BIGINT"),
            scale,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use reco_features::SPLITS;

    use super::*;

    fn experiment(text: &str) -> Experiment {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, text).unwrap();
        Experiment::read(&path).unwrap()
    }

    const EVENTS: &str =
        "[data]\nrating_scale = [1, 5]\ncolumns = { user = \"u\", item = \"i\", rating = \"stars\" }\n";

    #[test]
    fn every_split_has_a_plan_or_says_why_not() {
        for entry in SPLITS {
            let experiment = experiment(&format!("[split]\nkind = \"{}\"", entry.name));
            let plan = Plan::of_tables(&experiment);
            if entry.name == "file" {
                let error = plan.unwrap_err().to_string();
                assert!(
                    error.starts_with("`split.kind = \"file\"` cannot be stated in SQL") && error.contains("hint:")
                );
                continue;
            }
            let plan = plan.unwrap();
            assert!(plan.steps.iter().all(|step| !step.sql.contains(['{', '}', ';', '"'])), "{}", entry.name);
            let outputs: BTreeSet<&str> =
                plan.steps.iter().filter(|step| step.kind == Kind::Output).map(|step| step.name).collect();
            let wanted = ["counts", "kept", "kept_users", "kept_items", "validated"];
            assert!(wanted.iter().chain(&PARTS).all(|name| outputs.contains(name)), "{}: {outputs:?}", entry.name);
        }
    }

    #[test]
    fn what_is_chosen_stands_in_the_text() {
        let chosen = "seed = 7\n[features]\nmin_rating = 3.5\nmin_ratings_per_user = 5\n\
                      [features.scaling]\nkind = \"item-min-max\"\nto = [0, 1]\nfit = \"all\"\n[split]\nkind = \"temporal\"\ntest = 0.25";
        let text = Plan::of_tables(&experiment(chosen)).unwrap().to_string();
        for part in [
            "-- step: rated (rounds)",
            "rating >= CAST('3.5' AS FLOAT)",
            "HAVING COUNT(*) >= 5",
            "HAVING COUNT(*) >= 0",
            "SELECT DISTINCT user_row FROM rated",
            "-- step: cuts (output)",
            "CAST('0.25' AS DOUBLE)",
            "-- step: ends (output)\n-- The lowest and the highest rating of each item, of all parts.",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("md5"), "a split by time draws nothing");
        assert!(
            Plan::of_tables(&experiment("seed = 7")).unwrap().to_string().contains("md5('7' || ':' || CAST(r.user_id")
        );
    }

    #[test]
    fn events_are_read_by_their_own_names() {
        let plan = Plan::of_events(&experiment(EVENTS)).unwrap();
        assert_eq!(plan.inputs, ["events"]);
        let text = plan.to_string();
        assert!(
            text.contains("CAST(u AS STRING) AS user_id, CAST(i AS STRING) AS item_id, CAST(stars AS FLOAT) AS rating"),
            "{text}"
        );
        assert!(text.contains("CAST(NULL AS BIGINT) AS timestamp") && text.contains("-- step: listed_items (output)"));
        let first = EVENTS.replace("[data]\n", "[data]\nduplicates = \"first\"\n");
        assert!(Plan::of_events(&experiment(&first)).unwrap().to_string().contains("AS nth"));
    }

    #[test]
    fn what_no_sql_states_is_refused_with_a_remedy() {
        let events = |text: &str| Plan::of_events(&experiment(text)).unwrap_err().to_string();
        for (text, expected) in [
            (String::new(), "`data.columns.user`"),
            (EVENTS.replace("rating_scale = [1, 5]\n", ""), "`data.rating_scale`"),
            (EVENTS.replace("\"u\"", "\"User Id\""), "rename `User Id`"),
            (format!("{EVENTS}rows = 3"), "`data.rows`"),
            (format!("{EVENTS}[features]\ndrop_items = [3]"), "`features.drop_items`"),
        ] {
            let error = events(&text);
            assert!(error.contains(expected) && error.contains("\nhint: "), "{text}: {error}");
        }
        for name in ["Device", "seconds"] {
            let text = format!("[data.columns]\ncontext = [\"{name}\"]");
            let error = Plan::of_tables(&experiment(&text)).unwrap_err().to_string();
            assert!(error.contains(&format!("with the column `{name}` cannot be stated in SQL")), "{error}");
        }
        let folds = experiment("[split]\nkind = \"k-fold\"\nfold = 5");
        assert!(Plan::of_tables(&folds).unwrap_err().to_string().starts_with("`split.fold` is `5`\nhint: "));
        let zone = experiment("[features]\ntime_zone = \"Europe/Rom\"");
        assert!(Plan::of_tables(&zone).unwrap_err().to_string().contains("did you mean `Europe/Rome`?"));
    }
}
