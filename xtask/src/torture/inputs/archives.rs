//! Draws zip archives and workbooks, which are zip archives, damaged inside and out; packs text with gzip.
//!
//! Writes entries stored, with their true CRC, so that damage inside reaches the reader and not only a checksum.
//!
//! **Invariant**: an archive is at most some hundred kilobytes.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::Drawn;
use super::tables::{absurd, runs};
use crate::torture::bytes::damaged;
use crate::torture::chance::Chance;
use crate::torture::prepared::Prepared;

const BOOK: &str = include_str!("../../../fuzz/src/workbook/workbook.xml");
const ROOT: &str = include_str!("../../../fuzz/src/workbook/root.xml");
const RELATIONS: &str = include_str!("../../../fuzz/src/workbook/rels.xml");
const STRINGS: &str = include_str!("../../../fuzz/src/workbook/strings.xml");

/// Places of cells that no sheet has, or only the largest.
const PLACES: [&str; 8] = ["A1", "XFD1048576", "A1048576", "ZZZZ99999999999", "", "1", "A0", "B4294967296"];

/// A sheet with one row of names.
fn sheet(names: &[&str], chance: &mut Chance) -> String {
    let bad = *chance.pick(&[&0, &10, &100]);
    let mut text = "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">".to_owned();
    if chance.one_in(2) {
        text += &format!("<dimension ref=\"A1:{}\"/>", chance.pick(&PLACES));
    }
    text += "<sheetData>";
    for row in 1..=2 + chance.below(40) {
        text += &format!("<row r=\"{row}\">");
        for (column, name) in names.iter().enumerate() {
            let is_bad = bad > 0 && chance.one_in(bad);
            let letter = ["A", "B", "C", "D"][column];
            let place = match chance.one_in(if is_bad { 2 } else { 1000 }) {
                true => chance.pick(&PLACES).to_owned(),
                false => format!("{letter}{row}"),
            };
            let content = if row == 1 {
                (*name).to_owned()
            } else if is_bad {
                absurd(chance).replace(['\0', '\u{1b}', '\u{7}', '\u{8}'], "&#x1b;").replace('<', "&lt;")
            } else {
                (1 + chance.below(5)).to_string()
            };
            let kind = if row == 1 { "str" } else { chance.pick(&["n", "n", "n", "s", "str", "b", "e", "d", "x"]) };
            text += &format!("<c r=\"{place}\" t=\"{kind}\"><v>{content}</v></c>");
        }
        text += "</row>";
    }
    text + "</sheetData></worksheet>"
}

pub(super) fn workbook(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let users = sheet(&["userId", "movieId", "rating", "timestamp"], chance);
    let items = sheet(&["movieId", "title", "genres"], chance);
    let mut parts = vec![
        ("_rels/.rels".to_owned(), ROOT.as_bytes().to_vec()),
        ("xl/workbook.xml".to_owned(), BOOK.as_bytes().to_vec()),
        ("xl/_rels/workbook.xml.rels".to_owned(), RELATIONS.as_bytes().to_vec()),
        ("xl/worksheets/sheet1.xml".to_owned(), users.into_bytes()),
        ("xl/worksheets/sheet2.xml".to_owned(), items.into_bytes()),
        ("xl/sharedStrings.xml".to_owned(), STRINGS.as_bytes().to_vec()),
    ];
    for _ in 0..chance.below(3) {
        let at = chance.below(parts.len());
        parts[at].1 = damaged(std::mem::take(&mut parts[at].1), chance);
    }
    let mut bytes = zip(&parts);
    if chance.one_in(4) {
        bytes = damaged(bytes, chance);
    }
    fs::write(folder.join("book.xlsx"), bytes)?;
    let named = json!({ "user": "userId", "item": "movieId", "rating": "rating" });
    let columns = if chance.one_in(4) { named } else { json!({}) };
    let source = chance.pick(&["auto", "article-workbook"]);
    runs(prepared, "book.xlsx", columns, source, 1.0, chance, folder)
}

/// An archive that was placed by hand, or is named as the data.
pub(super) fn archive(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let names = ["ml-1m/ratings.dat", "../evil", "/etc/evil", "a/../../evil", "ratings.csv", "\u{1b}[31m", ""];
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for _ in 0..chance.below(5) {
        parts.push((chance.pick(&names).to_owned(), absurd(chance).into_bytes()));
    }
    let mut bytes = zip(&parts);
    if chance.one_in(2) {
        bytes = damaged(bytes, chance);
    }
    if chance.one_in(2) {
        fs::create_dir(folder.join("raw"))?;
        fs::write(folder.join("raw/ml-1m.zip"), bytes)?;
        return Ok(Drawn::words(["fetch", "ml-1m", "--raw", "raw"]));
    }
    let file = chance.pick(&["ratings.zip", "ratings.csv.gz", "ratings.csv"]);
    fs::write(folder.join(file), bytes)?;
    runs(prepared, file, json!({}), "auto", 1.0, chance, folder)
}

/// A zip archive of stored entries.
fn zip(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let at = (bytes.len() as u32).to_le_bytes();
        let size = (content.len() as u32).to_le_bytes();
        let common = [
            // Version 2.0, no flags, stored, no time.
            &[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..],
            &crc32(content).to_le_bytes(),
            &size,
            &size,
            &(name.len() as u16).to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        directory.extend([&b"PK\x01\x02\x14\0"[..], &common, &[0; 10], &at, name.as_bytes()].concat());
        bytes.extend([&b"PK\x03\x04"[..], &common, name.as_bytes(), content].concat());
    }
    let n_parts = (parts.len() as u16).to_le_bytes();
    let end = [
        &b"PK\x05\x06\0\0\0\0"[..],
        &n_parts,
        &n_parts,
        &(directory.len() as u32).to_le_bytes(),
        &(bytes.len() as u32).to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    [bytes, directory, end].concat()
}

/// Packs bytes as gzip would, stored, so that damage reaches the reader of what is inside.
pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    let mut blocks = bytes.chunks(usize::from(u16::MAX)).peekable();
    if blocks.peek().is_none() {
        packed.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        packed.push(u8::from(blocks.peek().is_none()));
        packed.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        packed.extend(block);
    }
    packed.extend(crc32(bytes).to_le_bytes());
    packed.extend((bytes.len() as u32).to_le_bytes());
    packed
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_zip() {
        assert_eq!(packed(b"a")[10..16], [1, 1, 0, 0xfe, 0xff, b'a']);
        assert_eq!(packed(&[0; 70_000]).len(), 10 + 2 * 5 + 70_000 + 8);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert!(zip(&[("a".to_owned(), b"b".to_vec())]).starts_with(b"PK\x03\x04\x14\0"));
    }
}
