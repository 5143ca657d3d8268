//! Tests that a table is the same whether it is written and read whole or a part at a time.
//!
//! Does not know what a table holds.
//!
//! **Invariant**: files are compared byte by byte, rows one by one.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

use reco_data::DataError;
use reco_data::table::{Column, ROW_GROUP, Table, TableGroups, TableReader, TableWriter};

/// Rows of a chunk that is read.
const ROWS: usize = 1 << 16;

/// Rows without a pattern, some of them missing.
fn long(n: usize) -> Table {
    let number = |row: usize| (row as i64).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> 40;
    let missing = |row: usize| row.is_multiple_of(3);
    let mut table = Table::new().with_metadata("table", "long");
    let i = (0..n).map(|row| (!missing(row)).then(|| number(row)));
    table.push("i", Column::I64(i.collect())).unwrap();
    table.push("u", Column::U32((0..n as u32).rev().collect())).unwrap();
    let f = (0..n).map(|row| (!missing(row + 1)).then(|| number(row) as f32));
    table.push("f", Column::F32(f.collect())).unwrap();
    table.push("t", Column::Text((0..n).map(|row| Some((number(row) % 7).to_string())).collect())).unwrap();
    table
}

/// The rows from `from` to before `to`.
fn part(table: &Table, from: usize, to: usize) -> Table {
    let mut part = Table::new();
    for (name, column) in table.columns() {
        let column = match column {
            Column::I64(values) => Column::I64(values[from..to].to_vec()),
            Column::U32(values) => Column::U32(values[from..to].to_vec()),
            Column::F32(values) => Column::F32(values[from..to].to_vec()),
            Column::Text(values) => Column::Text(values[from..to].to_vec()),
            _ => unreachable!("the table has no other columns"),
        };
        part.push(name, column).unwrap();
    }
    part
}

#[test]
fn a_table_in_row_groups_has_the_bytes_of_the_whole_and_is_read_in_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, groups) = (dir.path().join("whole.parquet"), dir.path().join("groups.parquet"));
    let n = ROW_GROUP + ROWS + 5;
    let table = long(n);
    table.write(&whole).unwrap();
    let mut writer = TableWriter::create(&groups, &part(&table, 0, 0)).unwrap();
    writer.write(&part(&table, 0, ROW_GROUP)).unwrap();
    writer.write(&part(&table, ROW_GROUP, n)).unwrap();
    writer.finish(table.all_metadata()).unwrap();
    assert!(std::fs::read(&whole).unwrap() == std::fs::read(&groups).unwrap());

    let reader = TableReader::open(&whole).unwrap();
    assert_eq!((reader.n_rows(), reader.like().n_rows()), (n, 0));
    assert_eq!(reader.like().metadata("table"), Some("long"));
    let (mut at, mut sizes) = (0, Vec::new());
    let each = reader.each(|chunk| -> Result<(), DataError> {
        assert!(chunk.columns().eq(part(&table, at, at + chunk.n_rows()).columns()), "from row {at}");
        at += chunk.n_rows();
        sizes.push(chunk.n_rows());
        Ok(())
    });
    each.unwrap();
    assert_eq!((at, sizes.len(), sizes[0], sizes[17]), (n, 18, ROWS, 5));
    let stop = TableReader::open(&whole).unwrap().each(|_| Err(DataError::Interrupted));
    assert!(matches!(stop, Err(DataError::Interrupted)));
}

#[test]
fn any_row_group_is_read_of_the_columns_that_are_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("groups.parquet");
    let (n, size) = (2 * ROWS + 7, ROWS / 2);
    let table = long(n);
    let mut writer = TableWriter::create(&path, &part(&table, 0, 0)).unwrap().with_groups_of(size);
    // However its rows come.
    writer.write(&part(&table, 0, 5)).unwrap();
    writer.write(&part(&table, 5, n)).unwrap();
    writer.finish(table.all_metadata()).unwrap();
    let groups = TableGroups::open(&path, |name| name != "t").unwrap();
    assert_eq!(groups.like().names().collect::<Vec<_>>(), ["i", "u", "f"]);
    assert_eq!(
        (0..groups.n_groups()).map(|group| groups.n_rows(group)).collect::<Vec<_>>(),
        [size, size, size, size, 7]
    );
    for group in [4, 0, 3, 3] {
        let read = groups.read(group).unwrap();
        let rows = part(&table, group * size, group * size + groups.n_rows(group));
        assert!(read.columns().eq(rows.columns().filter(|(name, _)| *name != "t")), "group {group}");
    }
    assert_eq!(Table::read(&path).unwrap().n_rows(), n);
}
