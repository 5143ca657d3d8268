//! Writes what a target's mutations begin with: small files that its reader takes.
//!
//! Does not know what becomes of them.
//!
//! **Invariant**: the same files each time; what libFuzzer has found beside them stays.

use std::fs;
use std::io::{self, Cursor, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use reco_core::{ApproachEntry, DeviceChoice, Run, Weights};
use reco_data::table::{Column, Table};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::target::{PARTS, small, train, zipped};

/// Writes the seeds of a target into `into`; `folder` is for what has to be made on the way.
pub(crate) fn write(target: &str, into: &Path, folder: &Path) -> io::Result<()> {
    let mut seeds = of(target, folder)?;
    match target {
        // The first byte is no part of the file.
        "csv" => seeds.push([&[0], &packed(&seeds[0][1..])?[..]].concat()),
        "json-lines" => seeds.push(packed(&seeds[0])?),
        _ => {}
    }
    for (row, bytes) in seeds.into_iter().enumerate() {
        fs::write(into.join(format!("seed-{row}")), bytes)?;
    }
    Ok(())
}

fn of(target: &str, folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    Ok(match target {
        "csv" => [
            "\0user,item,score,time\n1,10,4.5,964982703\n2,\"a \"\"b\"\"\",3,964982704\n1,10,2,964982705\n",
            "\0user;item;score;time\r\n1;10;4,5;2000-07-30T18:45:03Z\r\n2;11;3,0;2000-07-30 18:45:03\r\n",
            "\0\u{feff}time,score,item,user\n964982703000,5,\u{e9},x\n2000-07-30,1,y,\u{65e5}\n",
            "\x01user\titem\tscore\ttime\n1\t10\t4\t964982703\n1\t\"x\"\"y\"\t4\t964982703\n",
            "\0user|item|score|time\n1|2|3|4\n",
            "\0sep=;\r\nuser_id;username;item;rating;date\r\n1;\"a\nb\";10;4,5;20240131\r\n2;b;11;3,0;20240131183015\r\n",
            "\x011\t2\t3\t964982703\r4\t\"x\" y\t5\t964982703\r",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec(),
        "json-lines" => vec![
            b"{\"user\":1,\"item\":\"a\",\"score\":4.5,\"time\":964982703}\n{\"user\":\"\\u00e9\",\"item\":2,\"score\":1e0,\"time\":null}\n"
                .to_vec(),
            b"\xef\xbb\xbf{\"user\":[1,2],\"item\":{\"a\":1},\"score\":true,\"time\":\"2000-07-30\"}\n\n".to_vec(),
        ],
        "parquet" => tables(folder)?,
        "workbook" => {
            let part = |(row, (_, text)): (usize, &(&str, &str))| {
                [&[u8::try_from(row).unwrap_or(u8::MAX)], text.as_bytes()].concat()
            };
            let whole = [&[u8::MAX], &zipped(None)[..]].concat();
            PARTS.iter().enumerate().map(part).chain([whole]).collect()
        }
        "zip" => vec![archive(&["ml/ratings.csv", "ml/a/b.txt"])?, archive(&["ratings.csv", "__MACOSX/x", "d/"])?],
        "weights" => weights(reco_classic::APPROACHES)?,
        #[cfg(feature = "experiment")]
        "all-weights" => weights(reco_run::approaches())?,
        "manifest" => vec![
            br#"{"name":"svd","kind":"svd","options":{"epochs":1},"seed":1,"dataset":"d","has_stars":true}"#.to_vec(),
            br#"{"schema_version":1,"stage":"train","stage_version":6,"experiment":{"name":"svd","kind":"svd","options":{}},"inputs":{},"outputs":{"config.json":"00"},"versions":{"reco":"0"},"device":"cpu","seed":1,"seconds":0.5,"peak_memory_bytes":1,"notes":{}}"#.to_vec(),
        ],
        _ => vec![
            include_bytes!("../../../data/experiments/default.toml").to_vec(),
            include_bytes!("../../../data/experiments/article.toml").to_vec(),
            include_bytes!("../../../data/experiments/surprise-5fold.toml").to_vec(),
        ],
    })
}

/// Packed with gzip, stored, so that mutations of the text are met and not only those of its packing.
fn packed(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(text)?;
    encoder.finish()
}

/// Parquet files with every kind of column.
fn tables(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut ratings = Table::new().with_metadata("table", "ratings");
    let mut kinds = Table::new();
    let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
    let pushed = [
        ratings.push("user", Column::I64(vec![Some(1), Some(2), Some(1)])),
        ratings.push("item", Column::Text(vec![Some("a".to_owned()), Some("b".to_owned()), None])),
        ratings.push("score", Column::F32(vec![Some(4.5), Some(1.0), None])),
        ratings.push("time", Column::I64(vec![Some(964_982_703), None, Some(0)])),
        kinds.push("user", Column::U32(vec![1, 2, 3])),
        kinds.push("item", Column::TextList(vec![list(&["a", "b"]), list(&[]), list(&["c"])])),
        kinds.push("score", Column::F64(vec![None, Some(f64::MAX), Some(0.1)])),
        kinds.push("o", Column::OptionalTextList(vec![Some(list(&["a"])), Some(list(&[])), None])),
    ];
    for column in pushed {
        column.map_err(io::Error::other)?;
    }
    let path = folder.join("seed.parquet");
    [ratings, kinds]
        .iter()
        .map(|table| {
            table.write(&path).map_err(io::Error::other)?;
            fs::read(&path)
        })
        .collect()
}

/// The weights of each approach, fitted.
fn weights(approaches: impl IntoIterator<Item = &'static ApproachEntry>) -> io::Result<Vec<Vec<u8>>> {
    let (train, run) = (train(), Run { device: DeviceChoice::Cpu, ..Run::default() });
    let saved =
        |entry| Ok(small(entry).fit(&train, &run).map_err(io::Error::other)?.save().map_err(io::Error::other)?);
    approaches.into_iter().map(|entry| saved(entry).map(|weights: Weights| weights.to_bytes())).collect()
}

fn archive(names: &[&str]) -> io::Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        writer.start_file(*name, SimpleFileOptions::default()).map_err(io::Error::other)?;
        writer.write_all(b"userId,movieId,rating,timestamp\n1,1,4.0,964982703\n")?;
    }
    Ok(writer.finish().map_err(io::Error::other)?.into_inner())
}
