//! Lists the readers of foreign bytes, each as a function of bytes.
//!
//! Does not know where the bytes come from.
//!
//! **Invariant**: each goes through a public function of the crates, as `reco` does.

use std::fs;
use std::io::{Cursor, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::LazyLock;

use reco_core::{
    AnyApproach, ApproachEntry, Candidates, DeviceChoice, Profile, Query, RawInteraction, Run, Target as Stars, Train,
    Weights, Who, options,
};
use reco_data::table::{Table, TableReader};
use reco_data::{
    Columns, DataConfig, Decimal, Delimiter, Encoding, Header, Quote, Row, SOURCES, SilentIngest, Source, TimeFormat,
    fetch, ingest, read_scores,
};
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A reader.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Reads bytes, in a folder that it may use.
    pub(crate) read: fn(&[u8], &Path),
}

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "csv", read: csv },
    Target { name: "json-lines", read: |data, folder| table(data, folder, "jsonl") },
    Target { name: "parquet", read: parquet },
    Target { name: "workbook", read: workbook },
    Target { name: "zip", read: archive },
    Target { name: "toml", read: toml },
    Target { name: "weights", read: |data, _| weights(data, reco_classic::APPROACHES) },
    #[cfg(feature = "experiment")]
    Target { name: "experiment", read: experiment },
    #[cfg(feature = "experiment")]
    Target { name: "all-weights", read: |data, _| weights(data, reco_run::approaches()) },
    #[cfg(feature = "experiment")]
    Target { name: "manifest", read: manifest },
];

/// The parts of a workbook that have a meaning to a reader.
pub(crate) const PARTS: [(&str, &str); 6] = [
    ("_rels/.rels", include_str!("workbook/root.xml")),
    ("xl/workbook.xml", include_str!("workbook/workbook.xml")),
    ("xl/_rels/workbook.xml.rels", include_str!("workbook/rels.xml")),
    ("xl/worksheets/sheet1.xml", include_str!("workbook/users.xml")),
    ("xl/worksheets/sheet2.xml", include_str!("workbook/products.xml")),
    ("xl/sharedStrings.xml", include_str!("workbook/strings.xml")),
];

/// The first byte says how the file is called.
fn csv(data: &[u8], folder: &Path) {
    let Some((&first, rest)) = data.split_first() else { return };
    let extension = if first.is_multiple_of(2) { "csv" } else { "tsv" };
    table(rest, folder, extension);
    let places = Columns {
        user: "1".to_owned(),
        item: "2".to_owned(),
        rating: "3".to_owned(),
        timestamp: "4".to_owned(),
        ..Columns::default()
    };
    // Columns that are found by their names, and by their places, with what `[data]` may state beside them.
    let stated = [
        DataConfig::default(),
        DataConfig { columns: places.clone(), ..DataConfig::default() },
        DataConfig { columns: places, header: Header::No, quote: Quote::None, ..DataConfig::default() },
        DataConfig { decimal: Decimal::Comma, encoding: Encoding::Windows1252, ..DataConfig::default() },
        DataConfig { time_format: TimeFormat::YearMonthDay, delimiter: Delimiter::Byte(b';'), ..DataConfig::default() },
    ];
    for config in stated {
        ingested(config, &folder.join(format!("ratings.{extension}")), folder);
    }
}

/// Reads one's own file as ratings, as `config` states.
fn ingested(config: DataConfig, path: &Path, folder: &Path) {
    let out = folder.join("tables");
    fs::create_dir_all(&out).expect("a temporary folder can be made");
    let (source, path) = ("table".to_owned(), path.display().to_string());
    let config = DataConfig { source, path, max_reject_share: 1.0, ..config };
    let _ = ingest(&config, folder, &out, &SilentIngest);
}

fn parquet(data: &[u8], folder: &Path) {
    let path = folder.join("table.parquet");
    fs::write(&path, data).expect("a temporary file can be written");
    let _ = Table::read(&path);
    let _ = Table::read_first(&path, 2);
    let _ = TableReader::open(&path).and_then(|reader| reader.each(|_| Ok(())));
    table(data, folder, "parquet");
}

/// Reads it as ratings and as scores, as the user's own file.
fn table(data: &[u8], folder: &Path, extension: &str) {
    let path = folder.join(format!("ratings.{extension}"));
    fs::write(&path, data).expect("a temporary file can be written");
    let columns = |timestamp: &str| Columns {
        user: "user".to_owned(),
        item: "item".to_owned(),
        rating: "score".to_owned(),
        timestamp: timestamp.to_owned(),
        ..Columns::default()
    };
    for timestamp in ["time", ""] {
        ingested(DataConfig { columns: columns(timestamp), ..DataConfig::default() }, &path, folder);
    }
    let _ = read_scores(&path);
}

/// The first byte says which part of a sound workbook the rest replaces; above the parts, the rest is the whole file.
fn workbook(data: &[u8], folder: &Path) {
    let Some((&first, rest)) = data.split_first() else { return };
    let path = folder.join("book.xlsx");
    let bytes = match PARTS.get(usize::from(first)) {
        Some((part, _)) => zipped(Some((part, rest))),
        None => rest.to_vec(),
    };
    fs::write(&path, bytes).expect("a temporary file can be written");
    let source = SOURCES.iter().find(|source| source.name() == "article-workbook").expect("it is a source");
    let _ = read_all(*source, &path);
}

fn read_all(source: &dyn Source, path: &Path) -> Option<()> {
    let config = DataConfig::default();
    let files = source.files(path, &config).ok()?;
    if let Some(path) = &files.items {
        let _ = source.items(path, &config);
    }
    let writing = source.writing(&files, &config).ok()?;
    let mut rows = source.ratings(&files, &config, &writing).ok()?;
    let mut row = Row::default();
    while rows.read(&mut row).ok()? {}
    Some(())
}

/// A workbook, one part of it replaced.
pub(crate) fn zipped(instead: Option<(&str, &[u8])>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, text) in PARTS {
        let content = instead.filter(|(part, _)| *part == name).map_or(text.as_bytes(), |(_, content)| content);
        writer.start_file(name, stored).expect("memory can be written");
        writer.write_all(content).expect("memory can be written");
    }
    writer.finish().expect("memory can be written").into_inner()
}

fn archive(data: &[u8], folder: &Path) {
    let (path, into) = (folder.join("archive.zip"), folder.join("unpacked"));
    fs::write(&path, data).expect("a temporary file can be written");
    let _ = fs::remove_dir_all(&into);
    fs::create_dir_all(&into).expect("a temporary folder can be made");
    let _ = fetch::unpack(&path, &into, &fetch::Silent);
}

/// The tables of an experiment, by those crates that have no network in them.
fn toml(data: &[u8], _folder: &Path) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(table) = text.parse::<toml::Table>() else { return };
    let Ok(value) = serde_json::to_value(&table) else { return };
    let of = |key: &str| value.get(key).cloned().unwrap_or(Value::Null);
    let _ = options::parse::<DataConfig>("[data]", &of("data"));
    let _ = options::parse::<reco_features::FeaturesConfig>("[features]", &of("features"));
    let _ = options::parse::<reco_features::SplitConfig>("[split]", &of("split"));
    let _ = options::parse::<reco_eval::Protocol>("[evaluate]", &of("evaluate"));
}

/// Loads it as the weights of each approach over a small catalogue, and asks what was loaded.
fn weights(data: &[u8], approaches: impl IntoIterator<Item = &'static ApproachEntry>) {
    static TRAIN: LazyLock<Train> = LazyLock::new(train);
    let Ok(weights) = Weights::from_bytes(data) else { return };
    let (run, profile) = (Run { device: DeviceChoice::Cpu, ..Run::default() }, Profile::default());
    let catalogue = &TRAIN.catalogue;
    for entry in approaches {
        let Ok(loaded) = small(entry).load(weights.clone(), catalogue, &run) else { continue };
        let history: Vec<_> = catalogue.items.indices().take(2).map(|item| (item, Stars::EVENT)).collect();
        let askers = [Who::Known(TRAIN.fit.users()[0]), Who::Visitor { history: &history, profile: &profile }];
        let items: Vec<_> = catalogue.items.indices().collect();
        for who in askers {
            let query = Query { who, context: &[], candidates: Candidates::These(&items) };
            let _ = loaded.recommend(&[query], NonZeroUsize::MIN);
            let _ = loaded.explain(&query, &items);
        }
        let _ = loaded.save().expect("the CPU does not fail").to_bytes();
    }
}

/// Rows of three users and four items, with features.
pub(crate) fn train() -> Train {
    let rows = [("ann", "a", 5.0), ("ann", "b", 2.0), ("bob", "a", 4.0), ("bob", "c", 1.0), ("cem", "d", 3.0)];
    let rows = rows.map(|(user, item, stars)| RawInteraction::rating(user, item, stars));
    let train = Train::builder()
        .item_features(["even", "any"], [("b", vec![1.0, 1.0]), ("d", vec![1.0, 0.5])])
        .user_features(["age", "gender=F"], [("ann", vec![0.2, 1.0]), ("bob", vec![0.8, 0.0])])
        .rows(rows);
    train.build().expect("the rows are on the scale")
}

/// The approach with few numbers to learn.
pub(crate) fn small(entry: &ApproachEntry) -> Box<dyn AnyApproach> {
    let mut options = (entry.defaults)();
    for (key, value) in [("embedding_size", 2), ("epochs", 1)] {
        if let Some(option) = options.get_mut(key) {
            *option = value.into();
        }
    }
    (entry.configure)(&options).expect("a small model is one")
}

/// Reads it as a model's manifest, and as the description of a model whose manifest vouches for it.
#[cfg(feature = "experiment")]
fn manifest(data: &[u8], folder: &Path) {
    let (manifest, config) = (folder.join(reco_run::MANIFEST), folder.join("config.json"));
    let load = || drop(reco_run::Artifact::load(folder, DeviceChoice::Cpu));
    fs::write(&config, data).expect("a temporary file can be written");
    fs::write(&manifest, data).expect("a temporary file can be written");
    load();
    let said = serde_json::from_slice::<Value>(data).unwrap_or_default();
    let vouching = serde_json::json!({
        "schema_version": reco_run::SCHEMA_VERSION,
        "stage": "train",
        "stage_version": 1,
        "experiment": said,
        "inputs": {},
        "outputs": reco_run::digests(folder).expect("a temporary folder can be read"),
        "versions": {},
        "seed": said.get("seed").and_then(Value::as_u64).unwrap_or_default(),
        "seconds": 0,
        "notes": null,
    });
    fs::write(&manifest, vouching.to_string()).expect("a temporary file can be written");
    load();
}

#[cfg(feature = "experiment")]
fn experiment(data: &[u8], folder: &Path) {
    let path = folder.join("experiment.toml");
    fs::write(&path, data).expect("a temporary file can be written");
    let _ = reco_run::Experiment::read(&reco_run::Source::File(path), &[], &[]);
}
