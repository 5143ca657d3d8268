//! Draws command lines with absurd visitors, contexts, approaches and numbers.
//!
//! Does not know what the commands do.
//!
//! **Invariant**: a command reads the prepared run and writes into the trial's folder alone.

use std::path::Path;

use anyhow::Result;

use super::Drawn;
use super::tables::absurd;
use crate::torture::chance::Chance;
use crate::torture::prepared::Prepared;

/// A word without NUL and of limited length, as the operating system demands of an argument.
fn word(chance: &mut Chance) -> String {
    let sound = chance.one_in(3);
    let word = if sound { chance.below(160).to_string() } else { absurd(chance) };
    word.replace('\0', "").chars().take(5_000).collect()
}

pub(super) fn recommend(prepared: &Prepared, chance: &mut Chance, _folder: &Path) -> Result<Drawn> {
    let models = prepared.folder.join("out/models").display().to_string();
    let mut words: Vec<String> = ["recommend", "--models", &models, "--device", "cpu"].map(str::to_owned).to_vec();
    match chance.below(6) {
        0 | 1 => words.extend(["--user".to_owned(), word(chance)]),
        2 => {
            let out = chance.pick(&["out.parquet", "out.csv", "keep.txt/x", "no/such/folder/x.parquet"]);
            words.extend(["--all", "--out", out].map(str::to_owned));
        }
        _ => words.push("--new-user".to_owned()),
    }
    for _ in 0..chance.below(5) {
        let (one, two) = (word(chance), word(chance));
        match chance.below(9) {
            0 => words.push(format!("--likes={one}")),
            1 => words.push(format!("--age={one}")),
            2 => words.push(format!("--gender={one}")),
            3 => words.push(format!("--attribute={one}={two}")),
            4 => words.push(format!("--rated={one}={two}")),
            5 => words.push(format!("--context={}={one}", chance.pick(&["daytime", "weekend", "x"]))),
            6 => words.push(format!("--top={one}")),
            7 => words.push("--explain".to_owned()),
            _ => words.push("--json".to_owned()),
        }
    }
    if chance.one_in(2) {
        let names = prepared.models();
        words.extend(["--approach".to_owned(), names[chance.below(names.len())].clone()]);
    }
    Ok(Drawn::words(words))
}

pub(super) fn any_command(prepared: &Prepared, chance: &mut Chance, _folder: &Path) -> Result<Drawn> {
    let out = prepared.folder.join("out").display().to_string();
    let words: Vec<String> = match chance.below(8) {
        0 => vec!["show".to_owned(), "keep.txt".to_owned(), "--rows".to_owned(), word(chance)],
        1 => vec!["show".to_owned(), format!("{out}/tables/ratings.parquet"), format!("--rows={}", word(chance))],
        2 => vec!["describe".to_owned(), word(chance), "--models".to_owned(), format!("{out}/models")],
        3 => {
            let metrics = format!("--metrics={}", word(chance));
            vec!["compare".to_owned(), out, metrics, format!("--alpha={}", word(chance))]
        }
        4 => {
            let against = format!("--against={}", chance.pick(&["popularity", "x", ""]));
            vec!["compare".to_owned(), out, against, format!("--groups={}", word(chance))]
        }
        5 => {
            let number = |chance: &mut Chance| {
                chance.pick(&["0", "1", "3", "-1", "4294967295", "4294967296", "4000000000", "x"]).to_owned()
            };
            let (users, items) = (number(chance), number(chance));
            let ratings = chance.pick(&["0", "1", "50", "18446744073709551615", "-1"]);
            let words = ["synth", "--out", "made", "--users", &users, "--items", &items, "--ratings", ratings];
            let drawn = Drawn::words(words);
            return Ok(Drawn { may_be_long: true, ..drawn });
        }
        6 => vec!["fetch".to_owned(), word(chance), "--raw".to_owned(), "raw".to_owned()],
        _ => vec![word(chance), word(chance)],
    };
    Ok(Drawn::words(words))
}
