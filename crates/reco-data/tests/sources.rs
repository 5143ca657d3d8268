//! Tests that every source gives the same tables, in the one schema.
//!
//! Does not know how a source reads. **Invariant**: a source without an example here fails the test.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use reco_data::synth::{SynthConfig, SynthOutput, synth, synth_watched};
use reco_data::table::{Column, Table};
use reco_data::{DataConfig, SOURCES, Values, locate};
use serde_json::{Value, json};
use support::{config, folder, ingest_config, ingest_path, workbook};
use tempfile::TempDir;

/// Three ratings of two users for three of four items, as each source's own files; a path and what `[data]` says of it.
fn example(source: &str) -> (TempDir, PathBuf, Value) {
    let movies = "movieId,title,genres\n1,Toy Story (1995),Animation|Comedy\n2,\"Été, L' (1996)\",Drama\n3,Seven (Se7en) (1995),Crime|Thriller\n4,Babylon 5,(no genres listed)\n";
    let dir = match source {
        "movielens-csv" => folder(&[
            ("ratings.csv", b"userId,movieId,rating,timestamp\n7,1,4.0,881250949\n7,3,2.0,881250950\n2,2,5.0,891717742\n"),
            ("movies.csv", movies.as_bytes()),
        ]),
        "movielens-dat" => folder(&[
            ("ratings.dat", b"7::1::4::881250949\n7::3::2::881250950\n2::2::5::891717742\n"),
            ("movies.dat", b"1::Toy Story (1995)::Animation|Comedy\n2::\xc9t\xe9, L' (1996)::Drama\n3::Seven (Se7en) (1995)::Crime|Thriller\n4::Babylon 5::(no genres listed)\n"),
            ("users.dat", b"2::F::1::10::48067\n7::M::56::20::70072\n"),
        ]),
        "movielens-100k" => {
            let flags = |on: &[usize]| (0..19).map(|i| if on.contains(&i) { "|1" } else { "|0" }).collect::<String>();
            let mut items = Vec::new();
            for (head, on) in [
                (&b"1|Toy Story (1995)|01-Jan-1995||http://a"[..], &[3, 5][..]),
                (b"2|\xc9t\xe9, L' (1996)|01-Jan-1996||", &[8]),
                (b"3|Seven (Se7en) (1995)|01-Jan-1995||", &[6, 16]),
                (b"4|Babylon 5|||", &[]),
            ] {
                items.extend_from_slice(head);
                items.extend_from_slice(flags(on).as_bytes());
                items.push(b'\n');
            }
            folder(&[
                ("u.data", b"7\t1\t4\t881250949\n7\t3\t2\t881250950\n2\t2\t5\t891717742\n"),
                ("u.item", &items),
                ("u.user", b"2|53|F|other|94043\n7|24|M|technician|T8H1N\n"),
            ])
        }
        "recbole" => folder(&[
            ("ml-100k.inter", b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\t1\t4\t881250949\n7\t3\t2\t881250950\n2\t2\t5\t891717742\n"),
            ("ml-100k.item", "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n1\tToy Story\t1995\tAnimation Comedy\n2\tÉté, L'\t1996\tDrama\n3\tSeven (Se7en)\t1995\tCrime Thriller\n4\tBabylon 5\t\t\n".as_bytes()),
            ("ml-100k.user", b"user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n2\t53\tF\tother\t94043\n7\t24\tM\ttechnician\tT8H1N\n"),
        ]),
        "article-workbook" => {
            let dir = folder(&[]);
            let products: [&[&str]; 5] = [
                &["movieId", "title", "genres"],
                &["1", "Toy Story (1995)", "Animation|Comedy"],
                &["2", "Été, L' (1996)", "Drama"],
                &["3", "Seven (Se7en) (1995)", "Crime|Thriller"],
                &["4", "Babylon 5", "(no genres listed)"],
            ];
            let users: [&[&str]; 4] = [
                &["userId", "movieId", "rating", "timestamp"],
                &["7", "1", "4", "881250949"],
                &["7", "3", "2", "881250950"],
                &["2", "2", "5", "891717742"],
            ];
            workbook(&dir.path().join("data_movies.xlsx"), &[("products", &products), ("users", &users)]);
            dir
        }
        "table" => folder(&[
            ("own.tsv", b"when\twho\twhat\tstars\n881250949\t7\t1\t4\n881250950\t7\t3\t2\n891717742\t2\t2\t5\n"),
            ("films.csv", movies.as_bytes()),
        ]),
        other => panic!("write an example of the source `{other}`"),
    };
    let (path, more) = match source {
        "table" => (
            dir.path().join("own.tsv"),
            json!({ "columns": {
                "user": "who", "item": "what", "rating": "stars", "timestamp": "when",
                "item_table": { "path": "films.csv", "id": "movieId", "title": "title", "genres": "genres" },
            }}),
        ),
        _ => (dir.path().to_owned(), json!({})),
    };
    (dir, path, more)
}

fn example_config(source: &str) -> (TempDir, DataConfig) {
    let (dir, path, mut more) = example(source);
    more["path"] = json!(path.to_str().unwrap());
    (dir, config(more))
}

#[test]
fn every_source_gives_the_same_tables() {
    for source in SOURCES {
        let name = source.name();
        let (_dir, config) = example_config(name);
        let ingested = ingest_config(&config).unwrap_or_else(|error| panic!("{name}: {error}"));
        let tables = &ingested.tables;
        assert_eq!(tables.dataset.source, name, "auto recognises it");
        let ids: Vec<(String, String)> = tables
            .ratings
            .user_id
            .iter()
            .zip(&tables.ratings.item_id)
            .map(|(u, i)| (u.to_string(), i.to_string()))
            .collect();
        assert_eq!(ids, [("7", "1"), ("7", "3"), ("2", "2")].map(|(u, i)| (u.to_owned(), i.to_owned())), "{name}");
        assert_eq!(tables.ratings.rating, [Some(4.0), Some(2.0), Some(5.0)], "{name}");
        assert_eq!(tables.ratings.timestamp, [Some(881_250_949), Some(881_250_950), Some(891_717_742)], "{name}");
        assert_eq!(tables.ratings.source_row, [0, 1, 2], "{name}");
        assert_eq!(
            tables.items.title,
            ["Toy Story (1995)", "Été, L' (1996)", "Seven (Se7en) (1995)", "Babylon 5"],
            "{name}"
        );
        assert_eq!(tables.items.name, ["Toy Story", "Été, L'", "Seven", "Babylon 5"], "{name}");
        assert_eq!(tables.items.year, [Some(1995), Some(1996), Some(1995), None], "{name}");
        let genres: Vec<Vec<String>> =
            tables.items.genres.iter().map(|genres| genres.clone().unwrap_or_default()).collect();
        assert_eq!(genres, [&["Animation", "Comedy"][..], &["Drama"], &["Crime", "Thriller"], &[]], "{name}");
        // An empty cell is not a cell that says that there are none.
        assert_eq!(tables.items.genres[3].is_none(), name == "recbole", "{name}");
        assert_eq!(ingested.rejects, [], "{name}");
        let expected = match name {
            "movielens-100k" | "movielens-dat" | "recbole" => (1.0, 5.0),
            "table" => (2.0, 5.0),
            _ => (0.5, 5.0),
        };
        assert_eq!((tables.scale.min(), tables.scale.max()), expected, "{name}");
        assert_eq!(
            (ingested.summary.n_rows, ingested.summary.n_ratings, ingested.summary.n_users, ingested.summary.n_items),
            (3, 3, 2, 4),
            "{name}"
        );
    }
}

#[test]
fn every_source_keeps_to_the_schema() {
    for source in SOURCES {
        let name = source.name();
        assert!(SOURCES.iter().filter(|other| other.name() == name).count() == 1);
        let (_dir, config) = example_config(name);
        let located = locate(&config, Path::new("")).unwrap();
        assert_eq!(located.source, name);
        let ingested = ingest_config(&config).unwrap();
        assert_eq!(ingested.tables.dataset.sha256, located.sha256, "{name}");
        let read = |file: &str| Table::read(&ingested.out.path().join(file)).unwrap();
        let kinds = |table: &Table| {
            table.columns().map(|(name, column)| format!("{name}: {}", column.kind())).collect::<Vec<_>>()
        };
        let ratings = read("ratings.parquet");
        assert_eq!(
            kinds(&ratings)[..5],
            [
                "user_id: integers",
                "item_id: integers",
                "rating: single-precision numbers",
                "timestamp: integers",
                "source_row: integers"
            ]
        );
        assert_eq!(
            kinds(&read("items.parquet"))[..5],
            ["item_id: integers", "title: texts", "name: texts", "year: integers", "genres: optional lists of texts"]
        );
        assert_eq!(kinds(&read("users.parquet"))[0], "user_id: integers");
        for file in ["ratings", "items", "users", "rejects"] {
            let table = read(&format!("{file}.parquet"));
            assert_eq!(table.metadata("table"), Some(file));
            assert_eq!(table.metadata("source"), Some(name));
            assert_eq!(table.metadata("sha256"), Some(located.sha256.as_str()));
            assert!(table.metadata("licence").is_some() && table.metadata("citation").is_some());
        }
    }
}

#[test]
fn users_are_described_where_the_source_knows_them() {
    for source in ["movielens-dat", "movielens-100k", "recbole"] {
        let (_dir, config) = example_config(source);
        let users = ingest_config(&config).unwrap().tables.users;
        let ids: Vec<String> = users.user_id.iter().map(ToString::to_string).collect();
        assert_eq!(ids, ["2", "7"], "{source}: the user file's order");
        let names: Vec<&str> = users.attributes.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["age", "gender", "occupation", "zip_code"], "{source}");
        let text = |texts: [&str; 2]| Values::Text(texts.map(|text| Some(text.to_owned())).to_vec());
        assert_eq!(users.attributes[1].values, text(["F", "M"]));
        if source == "movielens-dat" {
            assert_eq!(users.attributes[0].values, text(["under 18", "56+"]));
            assert_eq!(users.attributes[2].values, text(["K-12 student", "writer"]));
        } else {
            assert_eq!(users.attributes[0].values, Values::Number(vec![Some(53.0), Some(24.0)]));
            assert_eq!(users.attributes[2].values, text(["other", "technician"]));
        }
    }
}

#[test]
fn the_two_mirrors_of_movielens_100k_agree() {
    let (_a, own) = example_config("movielens-100k");
    let (_b, mirror) = example_config("recbole");
    let (own, mirror) = (ingest_config(&own).unwrap().tables, ingest_config(&mirror).unwrap().tables);
    assert_eq!(own.dataset.sha256, mirror.dataset.sha256, "the digest leaves the mirror's header line out");
    assert_eq!(own.ratings, mirror.ratings);
    assert_eq!(own.users, mirror.users);
    // The three items that the mirror writes in its own way.
    let dir = folder(&[
        ("ml-100k.inter", b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t267\t3\t1\n"),
        ("ml-100k.item", b"item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n267\tunkonwn\tunkonwn\tunknown\n1412\tLand Before Time III (1995)\tV\tAnimation Children's\n"),
    ]);
    let items = ingest_path(dir.path(), json!({})).unwrap().tables.items;
    assert_eq!(items.title, ["unknown", "Land Before Time III (1995) (V)"]);
    assert_eq!(items.year, [None, Some(1995)]);
    assert_eq!(items.genres[1].as_deref().unwrap(), ["Animation", "Children's"]);
}

#[test]
fn an_archive_may_have_a_folder_inside_and_a_raw_folder_is_searched() {
    let (dir, _, _) = example("movielens-csv");
    let raw = tempfile::tempdir().unwrap();
    let inner = raw.path().join("ml-latest-small/ml-latest-small");
    fs::create_dir_all(&inner).unwrap();
    for file in ["ratings.csv", "movies.csv"] {
        fs::copy(dir.path().join(file), inner.join(file)).unwrap();
    }
    let from = json!({ "from": [{ "path": "not/there.xlsx" }, { "path": "$RECO_NEVER_SET/x" }, { "fetch": "ml-latest-small" }] });
    let located = locate(&config(from), raw.path()).unwrap();
    assert_eq!((located.name.as_str(), located.source.as_str()), ("ml-latest-small", "movielens-csv"));
    assert_eq!(located.path, inner);
    assert_eq!(located.inputs.len(), 2);
}

#[test]
fn own_tables_may_be_events_with_contexts_and_attributes() {
    let columns = json!({ "columns": {
        "user": "u", "item": "i", "timestamp": "t", "context": ["device", "hour"],
        "user_attributes": ["city"], "item_attributes": ["price"],
    }});
    let dir = folder(&[
        ("events.csv", b"u,i,t,device,hour,city,price\nann,x1,5,mobile,7,,1.5\nbob,x1,6,,8,Oslo,2.5\nann,x2,,tablet,,Bergen,\n"),
        ("events.jsonl", b"{\"u\":\"ann\",\"i\":\"x1\",\"t\":5,\"device\":\"mobile\",\"hour\":7,\"city\":null,\"price\":1.5}\n\n{\"i\":\"x1\",\"u\":\"bob\",\"t\":6,\"hour\":8,\"city\":\"Oslo\",\"price\":2.5}\n{\"u\":\"ann\",\"i\":\"x2\",\"device\":\"tablet\",\"city\":\"Bergen\"}\n"),
    ]);
    let mut table = Table::new();
    let texts = |texts: [&str; 3]| {
        Column::Text(texts.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty())).to_vec())
    };
    table.push("u", texts(["ann", "bob", "ann"])).unwrap();
    table.push("ignored", Column::U32(vec![1, 2, 3])).unwrap();
    table.push("i", texts(["x1", "x1", "x2"])).unwrap();
    table.push("t", Column::I64(vec![Some(5), Some(6), None])).unwrap();
    table.push("device", texts(["mobile", "", "tablet"])).unwrap();
    table.push("hour", Column::F64(vec![Some(7.0), Some(8.0), None])).unwrap();
    table.push("city", texts(["", "Oslo", "Bergen"])).unwrap();
    table.push("price", Column::F32(vec![Some(1.5), Some(2.5), None])).unwrap();
    table.write(&dir.path().join("events.parquet")).unwrap();
    for file in ["events.csv", "events.jsonl", "events.parquet"] {
        let ingested =
            ingest_path(&dir.path().join(file), columns.clone()).unwrap_or_else(|error| panic!("{file}: {error}"));
        let tables = ingested.tables;
        assert_eq!(ingested.summary.dataset.name, "events");
        assert_eq!(
            tables.ratings.user_id.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["ann", "bob", "ann"],
            "{file}"
        );
        assert_eq!(tables.ratings.rating, [None; 3], "{file}");
        assert_eq!(tables.ratings.timestamp, [Some(5), Some(6), None], "{file}");
        let text = |texts: &[Option<&str>]| Values::Text(texts.iter().map(|text| text.map(str::to_owned)).collect());
        assert_eq!(tables.ratings.contexts[0].values, text(&[Some("mobile"), None, Some("tablet")]), "{file}");
        assert_eq!(tables.ratings.contexts[1].values, Values::Number(vec![Some(7.0), Some(8.0), None]), "{file}");
        assert_eq!(
            tables.users.attributes[0].values,
            text(&[Some("Bergen"), Some("Oslo")]),
            "{file}: the first that is said"
        );
        assert_eq!(tables.items.attributes[0].values, Values::Number(vec![Some(1.5), None]), "{file}");
        assert_eq!(tables.items.title, ["x1", "x2"], "{file}: without an item file, the id");
        assert_eq!((tables.scale.min(), tables.scale.max()), (0.0, 1.0), "{file}");
    }
}

#[test]
fn only_the_first_rows_are_read_when_so_many_are_asked_for() {
    let (_dir, path, _) = example("movielens-csv");
    let ingested = ingest_path(&path, json!({ "rows": 1, "name": "first" })).unwrap();
    assert_eq!((ingested.summary.n_rows, ingested.summary.n_users, ingested.summary.n_items), (1, 1, 4));
    assert_eq!(ingested.tables.dataset.name, "first");
}

#[test]
fn the_fixture_is_what_the_generator_gives_and_it_is_ours() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/fixture");
    let dir = tempfile::tempdir().unwrap();
    let again = dir.path().join("fixture");
    let config = SynthConfig { n_users: 100, n_items: 150, ..SynthConfig::sized(3_000) };
    synth(&config, &again).unwrap();
    for file in ["ratings.csv", "movies.csv", "dataset.toml"] {
        assert!(fs::read(fixture.join(file)).unwrap() == fs::read(again.join(file)).unwrap(), "{file} differs");
    }
    let ingested = ingest_path(&fixture, json!({})).unwrap();
    assert_eq!((ingested.summary.n_ratings, ingested.summary.n_users, ingested.summary.n_items), (3_000, 100, 150));
    assert!(ingested.tables.dataset.licence.starts_with("CC0"));
    assert!(ingested.tables.items.genres.iter().any(|genres| genres.as_ref().is_some_and(Vec::is_empty)));
}

#[test]
fn parquet_of_the_generator_is_read_as_its_csv_is() {
    let dir = tempfile::tempdir().unwrap();
    let config = SynthConfig { n_users: 100, n_items: 150, ..SynthConfig::sized(3_000) };
    let ingested = [false, true].map(|parquet| {
        let folder = dir.path().join(format!("parquet-{parquet}"));
        synth_watched(&config, &SynthOutput { folder: &folder, parquet, truth: None }, &reco_core::Silent).unwrap();
        ingest_path(&folder, json!({ "name": "made" })).unwrap()
    });
    let [csv, parquet] = ingested.map(|ingested| (ingested.tables.ratings, ingested.tables.items));
    assert_eq!(csv.0.len(), 3_000);
    assert_eq!(csv, parquet);
}
