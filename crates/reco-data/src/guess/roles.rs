//! Chooses the columns of user, item, rating and time by their names, and by what stands in them.
//!
//! Does not know how a file is written.
//!
//! **Invariant**: a column has one role at most; where several columns could have a role, the choice is explained.

use super::sample::{Facts, Sample};
use crate::dialect::names;
use crate::records::listed;

/// Words in names of columns that say who; those in the second list say it only where none of the first does.
const USER: &str = "user customer visitor reviewer member account client buyer person subscriber player patron guest \
    student learner listener viewer kunde kunden benutzer nutzer usuario utente household shopper consumer profile";
const WEAK_USER: &str = "email mail login nickname reader author owner session cookie order invoice basket cart \
    transaction bestellung rechnung";
/// Words that say what.
const ITEM: &str = "sku item product lineitem stock variant track song video movie film episode show book isbn asin \
    game app article artikel produkt business restaurant hotel anime recipe course album artist podcast beer wine \
    offer news venue poi ean gtin";
const WEAK_ITEM: &str = "title name description url page place location content titel bezeichnung";
/// Of two items, these are the coarser.
const COARSE: &str = "artist album author brand parent series shop store seller show";
/// Words that say when.
const TIME: &str = "timestamp time date datetime ts t when at created day datum zeit fecha";
/// Words of times that are of something else than the event.
const OTHER_TIME: &str = "update updated modified paid shipped fulfilled cancelled canceled deleted release released \
    birth born published publication joined registered signup start started end ended expire expired read";
/// Words that say how much it was liked, and those that make it a sum over many.
const RATING: &str =
    "rating ratings stars star score overall vote grade r note bewertung wertung sterne punkte valoracion voto";
const SUM: &str = "count counts avg average mean num n number total votes sum max min imdb critic critics meta helpful \
    global reviews";
/// Words behind the name of a thing that say that it is its id.
const ID: &str = "id ids nr no num number code key uuid guid hash";
/// Things that have ids, and are neither who nor what.
const OTHER: &str = "review rating event row record comment visit log request impression order transaction basket cart \
    session list category genre type group class subclass brand store shop seller vendor parent place location region";
/// Words that describe the moment.
const CONTEXT: &str = "context device platform channel place city country region weather mood season os browser source \
    medium companion company daypart weekday";

fn has(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

/// The words of a column's name, in lower case: `userId`, `User-ID` and `user_id` have the same two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_alphanumeric() || before.is_lowercase() && c.is_uppercase() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// How surely a column's name says that it is an id of the things that `well_known` names and `strong` and `weak` words
/// are about; 0 for not at all.
fn id_score(name: &str, well_known: &str, [strong, weak]: [&str; 2]) -> u8 {
    let mut words = words(name);
    // `beerid` is `beer id`.
    let glued = words.last().and_then(|word| {
        let cut = ["id", "nr", "name"].iter().find_map(|end| Some((word.strip_suffix(end)?, *end)))?;
        has(strong, cut.0).then(|| [cut.0.to_owned(), cut.1.to_owned()])
    });
    if let Some(parts) = glued {
        words.pop();
        words.extend(parts);
    }
    let has_id = words.len() > 1 && words.last().is_some_and(|word| has(ID, word));
    if !names::candidates(&[name.to_owned()], well_known).is_empty() {
        return if has_id || names::ends_as_id(name) { 9 } else { 8 };
    }
    if has_id {
        words.pop();
    }
    let Some((last, before)) = words.split_last() else { return 0 };
    let id = u8::from(has_id);
    match (has(strong, last), has(weak, last)) {
        (true, _) if before.is_empty() => 6 + id,
        (true, _) => 4 + id,
        // `user_pseudo_id`
        _ if has_id && !has(OTHER, last) && before.iter().any(|word| has(strong, word)) => 3,
        (_, true) if before.is_empty() => 1 + id,
        // `track_name`
        (_, true) if before.iter().any(|word| has(strong, word)) => 3,
        _ => 0,
    }
}

fn user_score(name: &str) -> u8 {
    id_score(name, names::USER, [USER, WEAK_USER])
}

fn item_score(name: &str) -> u8 {
    id_score(name, names::ITEM, [ITEM, WEAK_ITEM])
}

/// How surely a column's name says when; 1 for a time of something else.
fn time_score(name: &str) -> u8 {
    let words = words(name);
    let says = |list: &str| words.iter().any(|word| has(list, word));
    match says(TIME) || !names::candidates(&[name.to_owned()], names::TIME).is_empty() {
        _ if says(OTHER_TIME) => 1,
        true if names::candidates(&[name.to_owned()], names::TIME).is_empty() => 3,
        true => 4,
        false => 2,
    }
}

fn rating_score(name: &str) -> u8 {
    let words = words(name);
    let says = |list: &str| words.iter().any(|word| has(list, word));
    match () {
        () if !names::candidates(&[name.to_owned()], names::RATING).is_empty() => 4,
        () if says(RATING) && !says(SUM) => 3,
        () => 0,
    }
}

/// Whether a column's name says that it describes the moment.
pub(super) fn is_context(name: &str) -> bool {
    words(name).iter().any(|word| has(CONTEXT, word))
}

/// Whether a column's name says that it tells kinds of events apart.
pub(super) fn is_kind(name: &str) -> bool {
    words(name).iter().any(|word| has("event action behavior behaviour interaction activity", word))
}

/// Whether it is called as an id, a title or an address is, of which no features can be made.
pub(super) fn is_label(name: &str) -> bool {
    let is = |word: &String| has(ID, word) || has("title name url link image text description titel", word);
    words(name).last().is_some_and(is)
}

/// The columns chosen, `None` where there is none, and what is to be said of the choice.
#[derive(Default)]
pub(super) struct Roles {
    /// Of user, item, rating and time.
    pub(super) columns: [Option<usize>; 4],
    pub(super) notes: Vec<String>,
}

/// Names of roles, as one reads them and as options name them.
pub(super) const ROLES: [&str; 4] = ["user", "item", "rating", "time"];

impl Roles {
    /// Chooses among the columns of `sample`. What is `stated` is taken: a column's place, or none.
    pub(super) fn choose(sample: &Sample, stated: [Option<Option<usize>>; 4], has_names: bool) -> Self {
        let mut roles = Self { columns: stated.map(Option::flatten), notes: Vec::new() };
        let of = |score: fn(&str) -> u8, column: usize| if has_names { score(&sample.names[column]) } else { 0 };
        // An id of something unknown is rather an item than a mere name is.
        let is_other_id = |column: usize, facts: &Facts| {
            let words = words(&sample.names[column]);
            let is = matches!(&words[..], [.., stem, last] if has("id uuid guid", last) && !has(OTHER, stem));
            is && has_names && facts.n_distinct < facts.n_filled && of(user_score, column) == 0
        };
        // What a name says of users and items comes before what stands in other columns.
        let sure: [Vec<usize>; 2] = [user_score as fn(&str) -> u8, item_score].map(|score| {
            let known = (0..sample.names.len()).filter(|column| of(score, *column) >= 6);
            known.filter(|column| sample.columns[*column].can_hold_ids()).collect()
        });
        if stated[3].is_none() {
            roles.columns[3] = roles.best(sample, 3, |column, facts| match has_names {
                _ if !facts.is_time() || sure.iter().any(|columns| columns.contains(&column)) => 0,
                false => 2,
                // A number may be anything, unless a name says that it is a time.
                true if facts.is_date() || time_score(&sample.names[column]) != 2 => time_score(&sample.names[column]),
                true => 0,
            });
        }
        if stated[2].is_none() {
            roles.columns[2] = roles.best(sample, 2, |column, facts| match has_names {
                true if facts.can_be_stars() => of(rating_score, column),
                false if facts.look_like_stars() && !facts.is_time() => 1,
                _ => 0,
            });
        }
        if stated[0].is_none() {
            roles.columns[0] = roles.best(sample, 0, |column, facts| match facts.can_hold_ids() {
                true if of(item_score, column) <= of(user_score, column) => of(user_score, column),
                _ => 0,
            });
        }
        if stated[1].is_none() {
            roles.columns[1] = roles.best(sample, 1, |column, facts| match facts.can_hold_ids() {
                true if is_other_id(column, facts) => of(item_score, column).max(2),
                true => of(item_score, column),
                false => 0,
            });
        }
        roles.by_values(sample, [stated[0].is_none(), stated[1].is_none()]);
        roles.tell_of_texts(sample, has_names && stated[2].is_none());
        roles
    }

    /// The column with the best score above 0; says why, where others have a good one too.
    fn best(&mut self, sample: &Sample, role: usize, score: impl Fn(usize, &Facts) -> u8) -> Option<usize> {
        let n_sound = sample.n_sound();
        let free = (0..sample.names.len()).filter(|column| !self.columns.contains(&Some(*column)));
        let mut scored: Vec<(usize, u8, [usize; 3])> = free
            .map(|column| {
                let facts = &sample.columns[column];
                let is_filled = usize::from(10 * facts.n_filled >= 9 * n_sound);
                let is_fine = usize::from(!words(&sample.names[column]).iter().any(|word| has(COARSE, word)));
                let score = score(column, facts);
                (column, if is_filled == 1 { score } else { score.min(3) }, [is_filled, is_fine, facts.n_distinct])
            })
            .filter(|(column, score, _)| *score > 0 && 2 * sample.columns[*column].n_filled >= n_sound)
            .collect();
        // Equal scores: the fuller column, the finer thing, the one with more different values, the first.
        scored.sort_by_key(|(column, score, rest)| (std::cmp::Reverse((*score, *rest)), *column));
        let (best, highest, of_best) = *scored.first()?;
        let others: Vec<String> = scored[1..]
            .iter()
            .filter(|(_, score, _)| score + 1 >= highest && *score > 1)
            .map(|(column, ..)| sample.names[*column].clone())
            .collect();
        if let (false, Some((_, score, of_next))) = (others.is_empty(), scored.get(1)) {
            let why = match () {
                () if *score < highest => "its name says it best",
                () if of_best[0] > of_next[0] => "it has fewer gaps",
                () if of_best[1] > of_next[1] => "it is the finer one",
                () if of_best[2] > of_next[2] => "it has more different values",
                () => "it comes first",
            };
            self.notes.push(format!(
                "the {} could also be in {}: `{}` was taken, as {why}; `--{} COLUMN` names another",
                ROLES[role],
                listed(&others),
                sample.names[best],
                ROLES[role],
            ));
        }
        Some(best)
    }

    /// Chooses user and item, where no name told, by the values: the first columns that look like ids.
    fn by_values(&mut self, sample: &Sample, is_open: [bool; 2]) {
        let n_sound = sample.n_sound();
        for role in [0, 1] {
            if self.columns[role].is_some() || !is_open[role] {
                continue;
            }
            let fits = |column: &usize| {
                let facts = &sample.columns[*column];
                let is_taken = self.columns.contains(&Some(*column));
                // A value that each row has for itself is a key of rows.
                let is_key = facts.n_distinct == facts.n_filled;
                !is_taken && facts.can_be_id() && !is_key && 2 * facts.n_filled >= n_sound
            };
            let rank = |column: &usize| {
                let facts = &sample.columns[*column];
                let is_filled = 1000 * facts.n_filled >= 999 * n_sound;
                // A handful of values are categories.
                let is_many = facts.n_distinct > 12 || 5 * facts.n_distinct >= facts.n_filled;
                // A code or a title names an item.
                let is_item = facts.are_codes() || facts.are_phrases();
                let is_right = is_item == (role == 1);
                let is_code = role == 1 && facts.are_codes();
                std::cmp::Reverse((is_many, is_code, is_filled, role == 0 && is_right, !facts.look_like_stars()))
            };
            let mut candidates: Vec<usize> = (0..sample.names.len()).filter(fits).collect();
            candidates.sort_by_key(|column| (rank(column), *column));
            let Some(&best) = candidates.first() else { continue };
            self.columns[role] = Some(best);
            let why = match &sample.columns[best] {
                facts if role == 1 && facts.are_codes() => "its values are ISBNs or ASINs".to_owned(),
                _ => format!("no name says so, and it is the first that looks like ids of {}s", ROLES[role]),
            };
            self.notes.push(format!(
                "the {} is taken from column `{}`: {why}; `--{} COLUMN` names another",
                ROLES[role], sample.names[best], ROLES[role],
            ));
        }
    }

    /// Says of columns that are called ratings why none was taken.
    fn tell_of_texts(&mut self, sample: &Sample, is_open: bool) {
        if !is_open || self.columns[2].is_some() {
            return;
        }
        for (column, name) in sample.names.iter().enumerate().filter(|(_, name)| rating_score(name) > 0) {
            let facts = &sample.columns[column];
            let why = match () {
                () if facts.n_filled == 0 => "it is empty",
                () if !facts.is_number() => "it holds no numbers",
                () if facts.n_distinct < 2 => "all its values are the same",
                () => "it has too many different values",
            };
            self.notes.push(format!("`{name}` was not taken as the rating, as {why}: every row is an event"));
        }
        let look: Vec<String> = (0..sample.names.len())
            .filter(|column| !self.columns.contains(&Some(*column)) && sample.columns[*column].look_like_stars())
            .map(|column| sample.names[column].clone())
            .collect();
        if !look.is_empty() {
            self.notes.push(format!(
                "no column is called a rating, so that every row is an event; `--rating COLUMN` takes one as stars: \
                 {}",
                listed(&look)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        assert_eq!(words("userId"), ["user", "id"]);
        assert_eq!(words("Lineitem sku"), ["lineitem", "sku"]);
        assert_eq!(words("__x-Y.z"), ["x", "y", "z"]);
        assert!(words("").is_empty());
    }

    #[test]
    fn an_id_is_surer_than_a_name_and_a_thing_than_what_is_said_of_it() {
        let surest = |score: fn(&str) -> u8, names: &[&str]| {
            let scores: Vec<u8> = names.iter().map(|name| score(name)).collect();
            assert!(scores.is_sorted_by(|a, b| a > b), "{names:?}: {scores:?}");
        };
        surest(user_score, &["user_id", "Customer", "steam player", "email", "user_age"]);
        surest(item_score, &["itemid", "product", "StockCode", "Lineitem sku", "Lineitem name", "title", "price"]);
        surest(time_score, &["timestamp", "visit date", "anything", "updated_at"]);
        surest(rating_score, &["Book-Rating", "my score", "rating_count"]);
        surest(user_score, &["user", "user_pseudo_id", "user_age"]);
        surest(item_score, &["beer_beerid", "beer_name", "brewery_name"]);
        assert_eq!(rating_score("average_rating"), 0);
    }
}
