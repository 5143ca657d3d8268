//! Checks whether a raw row, or a pair of a user and an item, is on both sides of the split.
//!
//! A split gives each row one part, and `reco features` refuses a pair that is there twice; a data set made in another
//! way may have both. Does not know how the rows were split.
//!
//! **Invariant**: each pair of a user and an item, and each raw row, is counted once for any two parts that both have
//! it.

use reco_core::{ItemIdx, UserIdx};

use super::{CheckEntry, Finding, Severity, Subject, Verdict};

pub(super) const ENTRY: CheckEntry =
    CheckEntry { name: "row-twice", about: "whether a raw row, or a user and an item, stand in two parts", look };

const WHY: &str = "test rows were learned from, or shown, before they are asked about";

const PARTS: [&str; 4] = ["train", "validation", "fold-in", "test"];

fn look(subject: &Subject<'_>) -> Verdict {
    let dataset = subject.dataset()?;
    let lines = &dataset.source_rows;
    let parts = [
        (Some(&dataset.fit), &lines.fit),
        (dataset.validation.as_ref(), &lines.validation),
        (dataset.fold_in.as_ref(), &lines.fold_in),
        (Some(&dataset.test), &lines.test),
    ];
    let mut pairs: Vec<((UserIdx, ItemIdx), usize)> = Vec::new();
    let mut raw: Vec<(u64, usize)> = Vec::new();
    for (part, (rows, lines)) in parts.into_iter().enumerate() {
        if let Some(rows) = rows {
            pairs.extend(rows.users().iter().copied().zip(rows.items().iter().copied()).map(|pair| (pair, part)));
        }
        raw.extend(lines.iter().map(|line| (*line, part)));
    }
    let finding = |found: String, remedy: &str| Finding::new(Severity::Leak, found, WHY, remedy);
    let of_pairs = in_two(&mut pairs).into_iter().map(|(n, [a, b])| {
        let pairs = if n == 1 { "pair of a user and an item stands" } else { "pairs of a user and an item stand" };
        finding(
            format!("{n} {pairs} in {a} and in {b}"),
            "keep one rating of each pair, as `reco ingest` does, and make the data set with `reco features`",
        )
    });
    let of_rows = in_two(&mut raw).into_iter().map(|(n, [a, b])| {
        let rows = if n == 1 { "raw row stands" } else { "raw rows stand" };
        finding(
            format!("{n} {rows} in {a} and in {b}"),
            "give each row to one part; `split.kind = \"file\"` does so with a split of your own, and refuses any \
             other",
        )
    });
    Ok(of_pairs.chain(of_rows).collect())
}

/// The number of keys that two parts both have, for each two parts that share any; `rows` are keys with their part.
fn in_two<Key: Ord + Copy>(rows: &mut Vec<(Key, usize)>) -> Vec<(usize, [&'static str; 2])> {
    rows.sort_unstable();
    rows.dedup();
    let mut shared = [[0; PARTS.len()]; PARTS.len()];
    for same in rows.chunk_by(|a, b| a.0 == b.0) {
        for (place, (_, a)) in same.iter().enumerate() {
            same[place + 1..].iter().for_each(|(_, b)| shared[*a][*b] += 1);
        }
    }
    let all = (0..PARTS.len()).flat_map(|a| (0..PARTS.len()).map(move |b| (a, b)));
    all.filter(|&(a, b)| shared[a][b] > 0).map(|(a, b)| (shared[a][b], [PARTS[a], PARTS[b]])).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Unknown;
    use super::super::testing::{dataset, experiment, found, rows, subject, unknown};
    use super::*;

    #[test]
    fn a_pair_and_a_raw_row_in_two_parts_are_leaks() {
        let experiment = experiment(&[]);
        let mut data =
            dataset(&[(1, 1, 4, 0), (1, 2, 3, 1), (2, 1, 5, 2)], &[(1, 1, 4, 3), (1, 2, 3, 4), (2, 2, 5, 5)]);
        data.validation = Some(rows(&data, &[(2, 2, 1, 6)]));
        data.source_rows.validation = vec![2];
        let found = found(&ENTRY, &Subject { dataset: Some(data), ..subject(&experiment) });
        let texts: Vec<&str> = found.iter().map(|one| one.found.as_str()).collect();
        assert_eq!(
            texts,
            [
                "2 pairs of a user and an item stand in train and in test",
                "1 pair of a user and an item stands in validation and in test",
                "1 raw row stands in train and in validation",
            ]
        );
        assert!(found.iter().all(|one| one.severity == Severity::Leak));
    }

    #[test]
    fn rows_of_their_own_are_fine_and_without_rows_nobody_knows() {
        let experiment = experiment(&[]);
        // The same item of another user, and another item of the same user, are other pairs.
        let data = dataset(&[(1, 1, 4, 0), (2, 2, 3, 0)], &[(1, 2, 4, 0), (2, 1, 3, 0)]);
        assert!(found(&ENTRY, &Subject { dataset: Some(data), ..subject(&experiment) }).is_empty());
        assert_eq!(unknown(&ENTRY, &subject(&experiment)), Unknown::Dataset);
    }
}
