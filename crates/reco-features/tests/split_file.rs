//! Tests that a split read from a file arrives row by row, and that a wrong file is refused.
//!
//! Does not know other splits: the laws that hold for all are in `laws.rs`.
//!
//! **Invariant**: each refusal is compared whole, so that another error would not pass for it.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::path::Path;

use common::tables;
use reco_core::UserId;
use reco_data::Tables;
use reco_data::table::{Column, Table};
use reco_features::{Dataset, FeaturesConfig, SplitConfig, prepare};

/// Two users who rated the same three items: rows 0 to 5.
fn six_rows() -> Tables {
    let ratings: Vec<_> = (0..6).map(|row| (row / 3, row % 3, 3.0, None)).collect();
    tables(2, 3, &ratings)
}

/// The data set that the file `text` makes of `tables`, or what is wrong with it, with `FILE` for its path.
fn split(tables: &Tables, text: &str, fold: u64) -> Result<Dataset, String> {
    split_by(tables, "split.csv", |path| std::fs::write(path, text).unwrap(), fold)
}

/// The same of the file that `write` makes, called `name`.
fn split_by(tables: &Tables, name: &str, write: impl Fn(&Path), fold: u64) -> Result<Dataset, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    write(&path);
    let path = path.to_str().unwrap().to_owned();
    let config = SplitConfig { kind: "file".to_owned(), path: path.clone(), fold, ..SplitConfig::default() };
    prepare(tables, &FeaturesConfig::default(), &config, 0).map_err(|error| error.to_string().replace(&path, "FILE"))
}

#[test]
fn parts_are_those_of_the_file_in_any_order_of_its_lines() {
    // As a spreadsheet may write it: a mark before the header, blanks, another column, Windows' line ends.
    let text =
        "\u{feff}note, row ,part\r\n,5,test\r\nx,0,train\r\n,1, validation\r\n,2,valid\r\n,3,train\r\n,4,train\r\n";
    let rows = split(&six_rows(), text, 0).unwrap().source_rows;
    assert_eq!((rows.fit, rows.validation, rows.test), (vec![0, 3, 4], vec![1, 2], vec![5]));
}

#[test]
fn one_fold_tests_and_the_others_train() {
    let text = "row,fold\n0,0\n1,1\n2,2\n3,0\n4,1\n5,2\n";
    for (fold, test) in [(0, [0, 3]), (1, [1, 4]), (2, [2, 5])] {
        let rows = split(&six_rows(), text, fold).unwrap().source_rows;
        assert_eq!((rows.test.as_slice(), rows.fit.len(), rows.validation.len()), (test.as_slice(), 4, 0));
    }
}

#[test]
fn a_file_that_is_wrong_is_refused_by_name() {
    let refused = |text: &str| split(&six_rows(), text, 3).unwrap_err();
    let columns = "it is a CSV or Parquet file with a column `row`, or the columns `user` and `item`, and with a column `part` or `fold`";
    let counted = "rows are counted from 0, after the header of the raw ratings; rejected rows, duplicates and ratings that `[features]` drops have no place in it";
    for (text, reason, hint) in [
        ("", "`FILE` has no rows; hint: it may have been cut short; fetch or copy it again", columns),
        ("row,part\n0\n", "line 2: it has `1` fields, not `2`", columns),
        ("line,part\n0,test\n", "it has no column `row`, nor `user` and `item`, and has `line`, `part`", columns),
        ("row,kind\n0,test\n", "it has no column `part` or `fold`, and has `row`, `kind`", columns),
        ("row,part,fold\n", "it has both `part` and `fold`", "remove or rename one of them"),
        ("row,part\n0,learn\n", "line 2: unknown part `learn`", "a part is `train`, `validation`, `fold-in` or `test`"),
        ("row,part\n0,\n", "line 2: unknown part ``", "a part is `train`, `validation`, `fold-in` or `test`"),
        ("row,part\n0,train\nx,test\n", "line 3: row `x` is not a whole number from 0", counted),
        ("row,fold\n0,-1\n", "line 2: fold `-1` is not a whole number from 0", counted),
        ("row,part\n0,train\n1,test\n0,test\n", "line 4: row `0` stands there twice", "keep one line for each row"),
        ("row,part\n6,train\n", "line 2: row `6` is not among the `6` of the tables", counted),
        (
            "row,part\n0,train\n2,test\n3,test\n5,train\n",
            "it says nothing of `2` of `6` rows, the first of them row `1`",
            "say of each row where it goes; none is dropped in silence",
        ),
        (
            "row,fold\n0,1\n1,1\n2,1\n3,2\n4,2\n5,4\n",
            "no row is of fold `3`",
            "`split.fold` is one of its folds, `1` to `4`",
        ),
    ] {
        assert_eq!(refused(text), format!("the split's file `FILE`: {reason}\nhint: {hint}"), "{text}");
    }
    for (part, text) in [("test", "train"), ("train", "test")] {
        let all: String = (0..6).map(|row| format!("{row},{text}\n")).collect();
        let empty = refused(&format!("row,part\n{all}"));
        let hint = "the file `split.path` has to name rows for training and rows for the test";
        assert_eq!(empty, format!("split `file` leaves the {part} part of `6` ratings empty\nhint: {hint}"));
    }
}

/// A rating that is in the raw file but not in the data set cannot be split, and the error says so.
#[test]
fn the_row_of_a_dropped_item_has_no_place() {
    let mut tables = six_rows();
    tables.items.genres[1] = None;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.csv");
    std::fs::write(&path, "row,fold\n0,0\n1,0\n2,1\n3,0\n4,0\n5,1\n").unwrap();
    let config = SplitConfig {
        kind: "file".to_owned(),
        path: path.to_str().unwrap().to_owned(),
        fold: 1,
        ..SplitConfig::default()
    };
    let features = FeaturesConfig { drop_items_without_genres: true, ..FeaturesConfig::default() };
    let error = prepare(&tables, &features, &config, 0).unwrap_err().to_string();
    assert!(error.contains("line 3: row `1` is not among the `4` of the tables\nhint: "), "{error}");
    assert_eq!(prepare(&tables, &FeaturesConfig::default(), &config, 0).unwrap().source_rows.test, [2, 5]);
}

#[test]
fn a_missing_file_and_an_unset_variable_are_told_apart() {
    let refused = |path: &str| {
        let config = SplitConfig { kind: "file".to_owned(), path: path.to_owned(), ..SplitConfig::default() };
        prepare(&six_rows(), &FeaturesConfig::default(), &config, 0).unwrap_err().to_string()
    };
    assert_eq!(
        refused("no/such.csv"),
        "the split's file `no/such.csv`: there is no such file\nhint: `split.path` is relative to the folder that the command runs in"
    );
    assert_eq!(
        refused("$RECO_NEVER_SET/folds.csv"),
        "the split's file `$RECO_NEVER_SET/folds.csv`: $RECO_NEVER_SET is not set\nhint: set it, or write the path out: `export RECO_NEVER_SET=…`"
    );
    assert!(
        refused("").starts_with("the split's file ``: none is named\nhint: name it: `split.path = \"folds.csv\"`; ")
    );
}

/// Users `0` and `ann`, items 0 to 2.
fn named_users() -> Tables {
    let mut tables = six_rows();
    let ann = UserId::parse("ann");
    tables.users.user_id[1] = ann.clone();
    tables.ratings.user_id[3..].fill(ann);
    tables
}

#[test]
fn rows_go_by_their_users_and_items_too() {
    let text =
        "item,user,stars,part\n2,ann,3,test\n0,0,3,train\n1,0,3,valid\n2,0,3,test\n0,ann,3,train\n1,ann,3,train\n";
    let rows = split(&named_users(), text, 0).unwrap().source_rows;
    assert_eq!((rows.fit, rows.validation, rows.test), (vec![0, 3, 4], vec![1], vec![2, 5]));
    let text = "user,item,fold\n0,0,0\n0,1,7\n0,2,4\nann,0,7\nann,1,4\nann,2,0\n";
    assert_eq!(split(&named_users(), text, 7).unwrap().source_rows.test, [1, 3]);
}

#[test]
fn a_user_is_given_rows_or_learned_from() {
    let text = "row,part\n0,train\n1,train\n2,train\n3,fold-in\n4,fold-in\n5,test\n";
    let dataset = split(&six_rows(), text, 0).unwrap();
    assert_eq!((&dataset.source_rows.fold_in, dataset.info.split.n_fold_in), (&vec![3, 4], 2));
    let test_users = dataset.test_users();
    assert_eq!((test_users.len(), test_users[0].history().len(), test_users[0].rows().len()), (1, 2, 1));
    assert_eq!(dataset.seen()[1].items().len(), 2);
    for (part, text) in [
        ("train", "row,part\n0,train\n1,train\n2,train\n3,fold-in\n4,train\n5,test\n"),
        ("validation", "row,part\n0,train\n1,train\n2,train\n3,valid\n4,fold-in\n5,test\n"),
    ] {
        assert_eq!(
            split(&six_rows(), text, 0).unwrap_err(),
            format!(
                "the split's file `FILE`: user `1` has rows of the part `fold-in` and of the part `{part}`\nhint: what is given of a user at the query is all that is known of them: their other rows test"
            )
        );
    }
}

#[test]
fn a_file_of_pairs_that_is_wrong_is_refused_by_name() {
    let mut tables = named_users();
    tables.ratings.user_id.pop();
    tables.ratings.item_id.pop();
    tables.ratings.rating.pop();
    tables.ratings.timestamp.pop();
    tables.ratings.source_row.pop();
    let columns = "it is a CSV or Parquet file with a column `row`, or the columns `user` and `item`, and with a column `part` or `fold`";
    for (text, reason, hint) in [
        ("user,part\n", "it has no column `item`, and has `user`, `part`", columns),
        ("item,part\n", "it has no column `user`, and has `item`, `part`", columns),
        ("user,item,part\n0,0,train\nanne,1,test\n", "line 3: unknown user `anne`", "did you mean `ann`?"),
        ("user,item,part\n0,00,train\n", "line 2: unknown item `00`", "did you mean `0`?"),
        (
            "user,item,part\nann,2,test\n",
            "line 2: the tables have no rating of item `2` by user `ann`",
            "ids are those of the raw ratings; rejected rows and ratings that `[features]` drops have no place in it",
        ),
        (
            "user,item,part\n0,1,test\n0,0,train\n0,1,train\n",
            "line 4: the pair of user `0` and item `1` stands there twice",
            "keep one line for each row",
        ),
        (
            "user,item,part\n0,0,train\n0,1,test\nann,1,train\n",
            "it says nothing of `2` of `5` rows, the first of them the pair of user `0` and item `2`",
            "say of each row where it goes; none is dropped in silence",
        ),
    ] {
        let error = split(&tables, text, 0).unwrap_err();
        assert_eq!(error, format!("the split's file `FILE`: {reason}\nhint: {hint}"), "{text}");
    }
}

fn texts(texts: &[&str]) -> Column {
    Column::Text(texts.iter().map(|text| Some((*text).to_owned())).collect())
}

#[test]
fn json_lines_say_the_same() {
    let lines: String = [0, 1, 0, 1, 0, 1]
        .iter()
        .enumerate()
        .map(|(row, fold)| format!("{{\"row\":{row},\"fold\":{fold}}}\n"))
        .collect();
    let rows = |path: &Path| std::fs::write(path, &lines).unwrap();
    assert_eq!(split_by(&six_rows(), "folds.jsonl", rows, 1).unwrap().source_rows.test, [1, 3, 5]);
}

#[test]
fn a_parquet_file_says_the_same() {
    let write = |columns: &[(&str, Column)]| {
        let mut table = Table::new();
        columns.iter().for_each(|(name, column)| table.push(name, column.clone()).unwrap());
        move |path: &Path| table.write(path).unwrap()
    };
    // Further columns are not read.
    let rows = write(&[
        ("note", Column::F64(vec![None; 6])),
        ("fold", Column::U32(vec![1, 2, 3, 1, 2, 3])),
        ("row", Column::I64((0..6).map(Some).collect())),
    ]);
    for (fold, test) in [(1, [0, 3]), (2, [1, 4]), (3, [2, 5])] {
        assert_eq!(split_by(&six_rows(), "folds.parquet", &rows, fold).unwrap().source_rows.test, test);
    }
    let pairs = write(&[
        ("item", Column::I64([2, 1, 0, 2, 1, 0].map(Some).to_vec())),
        ("part", texts(&["test", "train", "train", "test", "fold-in", "fold-in"])),
        ("user", texts(&["0", "0", "0", "ann", "ann", "ann"])),
    ]);
    let rows = split_by(&named_users(), "parts.parquet", &pairs, 0).unwrap().source_rows;
    assert_eq!((rows.fit, rows.fold_in, rows.test), (vec![0, 1], vec![3, 4], vec![2, 5]));

    let unknown = write(&[("row", Column::U32(vec![0, 1])), ("part", texts(&["train", "tset"]))]);
    let error = split_by(&six_rows(), "parts.parquet", &unknown, 0).unwrap_err();
    assert!(error.starts_with("the split's file `FILE`: record 2: unknown part `tset`\nhint: "), "{error}");
    let missing = write(&[("line", Column::U32(vec![0])), ("part", texts(&["train"]))]);
    let error = split_by(&six_rows(), "parts.parquet", &missing, 0).unwrap_err();
    assert!(error.contains("it has no column `row`, nor `user` and `item`, and has `line`, `part`"), "{error}");
    let no_parquet = |path: &Path| std::fs::write(path, "row,part\n0,test\n").unwrap();
    let error = split_by(&six_rows(), "parts.parquet", no_parquet, 0).unwrap_err();
    assert!(error.contains("`FILE` is not a readable Parquet file: "), "{error}");
}
