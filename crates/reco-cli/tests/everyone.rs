//! Tests that the lists of all users are the same however many commands share the work, and that none is half-written.
//!
//! On MovieLens 100K where it was fetched, else on generated ratings of its size.
//!
//! **Invariant**: every test writes into a folder of its own; models are trained by the program itself.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use common::{command, copy_of, reco, root, run};
use reco_core::testing::left_out;
use reco_data::table::{Column, Table};

const APPROACHES: [&str; 4] = ["popularity", "svd", "neural", "hybrid"];

fn at(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A run of 943 users, which tests only read.
fn trained() -> &'static Path {
    static OUT: OnceLock<PathBuf> = OnceLock::new();
    OUT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("everyone-{}", std::process::id()));
        let mut raw = root().join("data/raw/ml-100k");
        if !raw.join("ml-100k.inter").is_file() {
            left_out("lists of all users on real data: MovieLens 100K is not fetched: `reco fetch ml-100k`");
            raw = folder.join("raw");
            let size = ["--users", "943", "--items", "1682", "--ratings", "100000"];
            reco(["synth", "--out", at(&raw)].iter().chain(&size)).ok();
        }
        let (path, out) = (format!("--set=data.path={}", raw.display()), folder.join("out"));
        run(&out, &["--approach", &APPROACHES.join(","), &path, "--set=data.name=everyone"]).ok();
        out
    })
}

/// The arguments that write everyone's lists to `file`.
fn words<'a>(models: &'a Path, approach: &'a str, file: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["recommend", "--all", "--device", "cpu", "--models", at(models), "--approach", approach];
    [&fixed[..], &["--out", at(file)], more].concat()
}

fn lists(approach: &str, file: &Path, more: &[&str]) -> Table {
    reco(words(trained(), approach, file, more)).ok();
    Table::read(file).unwrap()
}

/// The rows of tables, one after the other, as text that has every bit.
fn rows(tables: &[Table]) -> Vec<String> {
    let cell = |column: &Column, row: usize| match column {
        Column::I64(values) => format!("{:?}", values[row]),
        Column::U32(values) => format!("{:?}", values[row]),
        Column::F32(values) => format!("{:?}", values[row].map(f32::to_bits)),
        Column::Text(values) => format!("{:?}", values[row]),
        Column::TextList(values) => format!("{:?}", values[row]),
        other => panic!("no such column in lists: {}", other.kind()),
    };
    let of = |table: &Table, row: usize| table.columns().map(|(_, column)| cell(column, row)).collect::<String>();
    tables.iter().flat_map(|table| (0..table.n_rows()).map(move |row| of(table, row))).collect()
}

#[test]
fn shards_one_after_the_other_are_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    for approach in APPROACHES {
        let whole = lists(approach, &folder.path().join(format!("{approach}.parquet")), &[]);
        let whole = rows(&[whole]);
        assert!(whole.len() > 9_000, "{}", whole.len());
        for n in [1, 2, 3, 7] {
            let shard = |number: usize| {
                let file = folder.path().join(format!("{approach}-{number}-of-{n}.parquet"));
                lists(approach, &file, &["--shard", &format!("{number}/{n}")])
            };
            let shards: Vec<Table> = (1..=n).map(shard).collect();
            assert!(shards.iter().all(|shard| shard.n_rows() > 500), "{approach}: every shard has work");
            assert!(rows(&shards) == whole, "{approach} in {n} shards");
        }
    }
}

#[test]
fn each_user_has_the_list_that_they_get_when_they_ask_alone() {
    let folder = tempfile::tempdir().unwrap();
    for approach in APPROACHES {
        let table = lists(approach, &folder.path().join(format!("{approach}.parquet")), &["--top", "7"]);
        let (users, items) = (table.integers("user_id").unwrap(), table.integers("item_id").unwrap());
        let (ranks, scores) = (table.row_numbers("rank").unwrap(), table.numbers("score").unwrap());
        for user in [users[0], users[users.len() / 2], users[users.len() - 1]].map(Option::unwrap) {
            let user_id = user.to_string();
            let ask = ["recommend", "--device", "cpu", "--models", at(trained()), "--approach", approach, "--json"];
            let answer = reco(ask.iter().chain(&["--top", "7", "--user", &user_id])).ok().json();
            let rows: Vec<usize> = (0..users.len()).filter(|row| users[*row] == Some(user)).collect();
            let alone = answer["items"].as_array().unwrap();
            assert_eq!(rows.len(), alone.len());
            for (row, item) in rows.into_iter().zip(alone) {
                assert_eq!((&item["rank"], &item["item_id"]), (&ranks[row].into(), &items[row].into()), "{approach}");
                let (one, other) = (scores[row].unwrap(), item["score"].as_f64().unwrap() as f32);
                // A network's products of matrices may be rounded otherwise for one user than for many.
                let within = if ["neural", "hybrid"].contains(&approach) { 1e-5 } else { 0.0 };
                assert!((one - other).abs() <= within, "{approach} {user}: {one} and {other}");
            }
        }
    }
}

#[test]
fn what_was_killed_half_way_leaves_no_file_under_its_name_and_is_made_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lists.parquet");
    let more = ["--top", "5000"];
    let start = || {
        let mut command = command(words(trained(), "svd", &file, &more));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut child = start();
    while fs::read_dir(folder.path()).unwrap().count() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it began to write");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was finished before it was killed");
    assert!(!file.exists());
    // Two at once, as two machines that were given the same shard, do no harm to each other.
    let [mut one, mut other] = [start(), start()];
    assert!(one.wait().unwrap().success() && other.wait().unwrap().success());
    let bytes = fs::read(&file).unwrap();
    let alone = folder.path().join("alone.parquet");
    lists("svd", &alone, &more);
    assert!(fs::read(&alone).unwrap() == bytes);
}

#[test]
fn a_finished_table_is_made_again_only_if_something_it_follows_from_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (models, file) = (folder.path().join("models"), folder.path().join("lists.parquet"));
    let model = copy_of("popularity", &models);
    let ask = |more: &[&str]| reco(words(&models, "popularity", &file, more).into_iter().chain(["--json"]));
    let is_unchanged = |more: &[&str]| ask(more).ok().json()["unchanged"].as_bool().unwrap();
    assert!(!is_unchanged(&[]));
    let (bytes, made) = (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().modified().unwrap());
    let answer = ask(&[]).ok().json();
    assert_eq!((&answer["unchanged"], &answer["n_users"]), (&true.into(), &100.into()));
    assert_eq!(answer["n_rows"], Table::read(&file).unwrap().n_rows());
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), made);
    let said = reco(words(&models, "popularity", &file, &[])).ok().stderr;
    assert!(said.contains("rows for 100 users, unchanged, by popularity"), "{said}");
    for more in [&["--top", "3"][..], &["--as-evaluated"], &["--context", "daytime=0"], &["--shard", "1/2"], &[]] {
        assert!(!is_unchanged(more) && is_unchanged(more), "{more:?}");
    }
    assert!(fs::read(&file).unwrap() == bytes, "the same is made again");
    // Half a file, or another one, is no finished table.
    for other in [&bytes[..bytes.len() / 2], b"theirs"] {
        fs::write(&file, other).unwrap();
        assert!(!is_unchanged(&[]) && fs::read(&file).unwrap() == bytes);
    }
    // A model that was damaged since would not be asked; so its lists are not said to be good.
    let weights = model.join("weights.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[1..]).unwrap();
    ask(&[]).fails(1, &["is damaged: its SHA-256 is `", "hint: train again"]);
    fs::write(&weights, &whole).unwrap();
    // Another training of the same name is another model.
    let out = folder.path().join("out");
    let train = |seed: &str| run(&out, &["--approach", "popularity", "--set", seed]).ok();
    let again = |seed: &str| {
        train(seed);
        let done = reco(words(&out, "popularity", &file, &["--json"])).ok().json();
        done["unchanged"].as_bool().unwrap()
    };
    assert_eq!(["seed=42", "seed=42", "seed=7", "seed=7"].map(again), [true, true, false, true]);
    // A table of text says nothing of itself.
    let text = folder.path().join("lists.csv");
    for _ in 0..2 {
        let done = reco(words(&models, "popularity", &text, &["--json"])).ok().json();
        assert_eq!(done["unchanged"], false);
    }
}

#[test]
fn ids_have_one_type_in_all_shards() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut table = "user,item,rating\n".to_owned();
    for user in 0..200 {
        // Text, if only for the last of them.
        let name = if user == 199 { "ann".to_owned() } else { user.to_string() };
        for item in (0..12).filter(|item| (user + item) % 3 != 0) {
            table += &format!("{name},{item},{}\n", 1 + (user * item) % 5);
        }
    }
    fs::write(at("mine.csv"), table).unwrap();
    let path = format!("data.path={}", at("mine.csv").display());
    let out = at("out").display().to_string();
    let fixed = ["run", "data/experiments/fixture.toml", "--approach", "popularity", "--out", &out, "--set", &path];
    reco(fixed.iter().chain(&["--set=data.name=mine", "--set=evaluate.context={}"])).ok();
    let lists = |name: &str, more: &[&str]| {
        reco(words(&at("out"), "popularity", &at(name), more)).ok();
        Table::read(&at(name)).unwrap()
    };
    let whole = lists("whole.parquet", &[]);
    let shards = ["1/2", "2/2"].map(|shard| lists("shard.parquet", &["--shard", shard]));
    assert_eq!(whole.texts("user_id").unwrap().last().unwrap().as_deref(), Some("ann"));
    assert!(whole.integers("item_id").is_ok() && shards.iter().all(|shard| shard.n_rows() > 0));
    assert_eq!(rows(&shards), rows(&[whole]));
}

#[test]
fn a_wrong_shard_or_output_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lists.parquet");
    let shard = |text: &'static str| reco(words(trained(), "svd", &file, &["--shard", text]));
    for text in ["0/4", "5/4"] {
        shard(text).fails(2, &["--shard", "the shards of 4 are `1/4` to `4/4`"]);
    }
    shard("4").fails(2, &["it is not `I/N`, as in `1/4`, the first of four"]);
    shard("1/0").fails(2, &["there are no shards of 0"]);
    reco(["recommend", "--user", "1", "--shard", "1/4"]).fails(2, &["--all"]);
    reco(["recommend", "--all", "--user", "1", "--out", at(&file)]).fails(2, &["cannot be used with"]);
    let lists = |out: &Path| reco(words(trained(), "svd", out, &[]));
    lists(folder.path()).fails(1, &["it is a folder", "hint: name a file"]);
    lists(&folder.path().join("no/lists.parquet")).fails(1, &["there is no folder `", "hint: "]);
    lists(&folder.path().join("lists.xlsx")).fails(1, &["its ending says no format", "hint: let it end in `.csv`"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
