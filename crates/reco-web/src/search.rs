//! Finds items by words of their title, with room for typing errors.
//!
//! Does not know who searches.
//!
//! **Invariant**: the order is that of the match, then of how many people met the item, then that in which the titles
//! came: equal words have equal answers.

use std::collections::BTreeMap;

use strsim::normalized_damerau_levenshtein;

/// How alike a mistyped word must be to what was meant.
const ALIKE: f64 = 0.7;

/// The words of all titles.
#[derive(Default)]
pub struct Search {
    /// The places of the titles that have each word, ascending.
    words: BTreeMap<String, Vec<usize>>,
    /// How many words each title has.
    lengths: Vec<usize>,
    n_people: Vec<usize>,
}

impl Search {
    /// Over `titles`, each with the number of people who met the item.
    pub fn new<'a>(titles: impl Iterator<Item = (&'a str, usize)>) -> Self {
        let mut search = Self::default();
        for (item, (title, n_people)) in titles.enumerate() {
            search.n_people.push(n_people);
            let words = words(title);
            search.lengths.push(words.len());
            for word in words {
                let items = search.words.entry(word).or_default();
                if items.last() != Some(&item) {
                    items.push(item);
                }
            }
        }
        search
    }

    /// The places of the titles that fit `query`, the best first, and how well each fits.
    pub fn find(&self, query: &str) -> Vec<(usize, f64)> {
        let query = words(query);
        let mut found: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for (place, asked) in query.iter().enumerate() {
            for (word, items) in &self.words {
                let fit = fit(asked, word, place + 1 == query.len());
                if fit > 0.0 {
                    for &item in items {
                        let best = found.entry(item).or_insert_with(|| vec![0.0; query.len()]);
                        best[place] = best[place].max(fit);
                    }
                }
            }
        }
        // Every word that was asked for has to be there.
        let full = found.into_iter().filter(|(_, fits)| fits.iter().all(|&fit| fit > 0.0));
        let mut ranked: Vec<(usize, f64)> = full
            .map(|(item, fits)| {
                let of_title = query.len() as f64 / self.lengths[item].max(query.len()) as f64;
                (item, fits.iter().sum::<f64>() / fits.len() as f64 + of_title / 4.0)
            })
            .collect();
        ranked.sort_by(|(one, fit), (other, other_fit)| {
            let people = |item: &usize| self.n_people[*item];
            other_fit.total_cmp(fit).then(people(other).cmp(&people(one))).then(one.cmp(other))
        });
        ranked
    }
}

/// The words of a text in small letters, without marks and accents' case.
fn words(text: &str) -> Vec<String> {
    let letters = text.chars().flat_map(char::to_lowercase).map(|c| if c.is_alphanumeric() { c } else { ' ' });
    letters.collect::<String>().split_whitespace().map(str::to_owned).collect()
}

/// How well `word` fits what was typed, from 0 to 1; the last word may be unfinished.
fn fit(asked: &str, word: &str, is_last: bool) -> f64 {
    if asked == word {
        return 1.0;
    }
    if is_last && word.starts_with(asked) {
        return 0.9;
    }
    // Short words are not guessed, nor words of quite another length, which are no typing errors.
    let (one, other) = (asked.chars().count(), word.chars().count());
    if one < 4 || one.abs_diff(other) > 2 {
        return 0.0;
    }
    let alike = normalized_damerau_levenshtein(asked, word);
    if alike >= ALIKE { alike * 0.8 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str) -> Vec<usize> {
        let titles =
            ["Star Wars (1977)", "Star Trek: First Contact (1996)", "Stargate (1994)", "Amélie (2001)", "Star"];
        let search = Search::new(titles.into_iter().zip([500, 300, 100, 50, 1]));
        search.find(query).into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn words_are_found_whole_unfinished_and_mistyped() {
        assert_eq!(found("star wars"), [0]);
        assert_eq!(found("star"), [4, 0, 1, 2], "the whole title, then whole words, then a beginning");
        assert_eq!(found("STAR tr"), [1]);
        assert_eq!(found("contcat first"), [1], "in any order, with letters swapped");
        assert_eq!(found("amélie"), [3]);
        assert_eq!(found("stargaet"), [2]);
        assert_eq!(found("wars trek"), [] as [usize; 0], "every word has to be there");
        assert_eq!(found(" ?! "), [] as [usize; 0]);
    }
}
