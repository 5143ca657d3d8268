//! Does a split that somebody else made arrive row by row, and is a file that is wrong refused?
//!
//! Does not know other splits: the laws that hold for all are in `laws.rs`.
//!
//! **Invariant**: each refusal is compared whole, so that another error would not pass for it.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use common::tables;
use reco_data::Tables;
use reco_features::{Dataset, FeaturesConfig, SplitConfig, prepare};

/// Two users who rated the same three items: rows 0 to 5.
fn six_rows() -> Tables {
    let ratings: Vec<_> = (0..6).map(|row| (row / 3, row % 3, 3.0, None)).collect();
    tables(2, 3, &ratings)
}

/// The data set that the file `text` makes of `tables`, or what is wrong with it, with `FILE` for its path.
fn split(tables: &Tables, text: &str, fold: u64) -> Result<Dataset, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.csv");
    std::fs::write(&path, text).unwrap();
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
        ("", "it has no column `row`, nor `user` and `item`, and has ``", columns),
        ("line,part\n0,test\n", "it has no column `row`, nor `user` and `item`, and has `line`, `part`", columns),
        ("row,kind\n0,test\n", "it has no column `part` or `fold`, and has `row`, `kind`", columns),
        ("row,part,fold\n", "it has both `part` and `fold`", "remove or rename one of them"),
        ("row,part\n0,learn\n", "line 2: unknown part `learn`", "a part is `train`, `validation`, `fold-in` or `test`"),
        ("row,part\n0,\n", "line 2: unknown part ``", "a part is `train`, `validation`, `fold-in` or `test`"),
        ("row,part\n0,train\nx,test\n", "line 3: row `x` is no whole number from 0", counted),
        ("row,fold\n0,-1\n", "line 2: fold `-1` is no whole number from 0", counted),
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
    let uneven = refused("row,part\n0\n");
    assert!(uneven.starts_with("the split's file `FILE`: CSV error: ") && uneven.contains("line: 2"), "{uneven}");
    for (part, text) in [("test", "train"), ("train", "test")] {
        let all: String = (0..6).map(|row| format!("{row},{text}\n")).collect();
        let empty = refused(&format!("row,part\n{all}"));
        let hint = "the file `split.path` has to name rows for training and rows for the test";
        assert_eq!(empty, format!("split `file` leaves the {part} part of `6` ratings empty\nhint: {hint}"));
    }
}

/// A rating that is in the raw file and not in the data set cannot be split, and the file is told so.
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
