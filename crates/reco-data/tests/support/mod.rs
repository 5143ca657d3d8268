//! Helpers for tests of whole files: they write raw files, ingest them and read the tables.
//!
//! Does not know what is right. **Invariant**: every folder is a test's own.
#![expect(dead_code, reason = "each test binary uses its own part")]
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use reco_data::table::{Column, Table};
use reco_data::{DataConfig, DataError, IngestSummary, SilentIngest, Tables, ingest};
use serde_json::{Value, json};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// What an ingestion left behind.
pub(crate) struct Ingested {
    pub(crate) tables: Tables,
    pub(crate) summary: IngestSummary,
    /// File, line and reason of each refused row.
    pub(crate) rejects: Vec<(String, i64, String)>,
    pub(crate) out: TempDir,
}

pub(crate) fn config(value: Value) -> DataConfig {
    reco_core::options::parse("[data]", &value).unwrap()
}

/// Ingests a file or folder.
pub(crate) fn ingest_path(path: &Path, more: Value) -> Result<Ingested, DataError> {
    let mut value = more;
    value["path"] = json!(path.to_str().unwrap());
    ingest_config(&config(value))
}

pub(crate) fn ingest_config(config: &DataConfig) -> Result<Ingested, DataError> {
    let out = tempfile::tempdir().unwrap();
    let summary = ingest(config, Path::new("no-raw-folder"), out.path(), &SilentIngest)?;
    let tables = Tables::read(out.path())?;
    let rejects = Table::read(&out.path().join("rejects.parquet"))?;
    let (Column::Text(files), Column::I64(lines), Column::Text(reasons)) =
        (rejects.column("file")?, rejects.column("line")?, rejects.column("reason")?)
    else {
        panic!("rejects have a file, a line and a reason")
    };
    let rejects = files.iter().zip(lines).zip(reasons);
    let rejects = rejects.map(|((file, line), reason)| (file.clone().unwrap(), line.unwrap(), reason.clone().unwrap()));
    Ok(Ingested { tables, summary, rejects: rejects.collect(), out })
}

/// A new folder with those files.
pub(crate) fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

/// A MovieLens CSV folder.
pub(crate) fn movielens(ratings: &[u8], movies: &[u8]) -> TempDir {
    folder(&[("ratings.csv", ratings), ("movies.csv", movies)])
}

/// Writes a workbook whose sheets hold texts and, where a cell is one, numbers.
pub(crate) fn workbook(path: &Path, sheets: &[(&str, &[&[&str]])]) {
    let data = |rows: &[&[&str]]| {
        let mut data = String::new();
        for (line, row) in rows.iter().enumerate() {
            data += &format!("<row r=\"{}\">", line + 1);
            for (column, text) in ('A'..).zip(row.iter()) {
                data += &cell(&format!("{column}{}", line + 1), text);
            }
            data += "</row>";
        }
        data
    };
    let sheets: Vec<(&str, String)> = sheets.iter().map(|(name, rows)| (*name, data(rows))).collect();
    workbook_of(path, &sheets);
}

/// The XML of one cell, nothing for an empty one.
pub(crate) fn cell(at: &str, text: &str) -> String {
    match text.parse::<f64>() {
        _ if text.is_empty() => String::new(),
        Ok(_) => format!("<c r=\"{at}\"><v>{text}</v></c>"),
        Err(_) => format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>"),
    }
}

/// Writes a workbook of sheets whose rows are XML.
pub(crate) fn workbook_of(path: &Path, sheets: &[(&str, String)]) {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    let mut file = |name: &str, text: String| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    };
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    file(
        "[Content_Types].xml",
        format!(
            "<Types xmlns=\"{package}/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>"
        ),
    );
    file(
        "_rels/.rels",
        format!(
            "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"rId1\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
        ),
    );
    let (mut names, mut links) = (String::new(), String::new());
    for (i, (name, data)) in sheets.iter().enumerate() {
        names += &format!("<sheet name=\"{name}\" sheetId=\"{0}\" r:id=\"rId{0}\"/>", i + 1);
        links += &format!(
            "<Relationship Id=\"rId{0}\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet{0}.xml\"/>",
            i + 1
        );
        file(
            &format!("xl/worksheets/sheet{}.xml", i + 1),
            format!("<worksheet xmlns=\"{main}\"><sheetData>{data}</sheetData></worksheet>"),
        );
    }
    file(
        "xl/workbook.xml",
        format!("<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets>{names}</sheets></workbook>"),
    );
    file(
        "xl/_rels/workbook.xml.rels",
        format!("<Relationships xmlns=\"{package}/relationships\">{links}</Relationships>"),
    );
    zip.finish().unwrap();
}
