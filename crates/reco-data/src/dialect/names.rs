//! Recognises the columns of user, item, rating and time by well-known names.
//!
//! Does not look at what stands in a column.
//!
//! **Invariant**: of two columns that could both be meant, none is taken, unless exactly one of them is an id.

use crate::records::{cut, listed};
use crate::{Columns, Obstacle};

// Names of columns, in lower case and without `_`, `-`, `.` and spaces.

pub(crate) const USER: &str = "\
    user userid uid username customer customerid custid reviewerid reviewer visitorid visitor member memberid account \
    accountid person personid client clientid profileid subscriber subscriberid buyer buyerid kunde kundeid kundennr \
    kundennummer benutzer nutzer utilisateur usuario utente";
pub(crate) const ITEM: &str = "\
    item itemid iid movie movieid film filmid product productid article articleid asin parentasin book bookid isbn \
    song songid track trackid artist artistid game gameid business businessid sku anime animeid recipe recipeid video \
    videoid course courseid artikel artikelid artikelnr artikelnummer produkt produktid produit producto prodotto";
pub(crate) const RATING: &str = "\
    rating ratings stars star starrating score overall bookrating reviewscore userrating bewertung sterne punkte \
    valoracion voto";
pub(crate) const TIME: &str = "\
    timestamp time date datetime ts when unixreviewtime reviewtime createdat ratedat reviewdate eventtime unixtime \
    zeit zeitpunkt datum zeitstempel fecha";

/// A name in lower case, without the separators of its words.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Whether a name ends as that of an id does.
pub(crate) fn ends_as_id(name: &str) -> bool {
    plain(name).ends_with("id")
}

/// The columns of `found` that have one of the `names`.
pub(crate) fn candidates(found: &[String], names: &str) -> Vec<String> {
    found.iter().filter(|name| names.split(' ').any(|known| known == plain(name))).cloned().collect()
}

/// Chooses the columns of user, item, rating and time. Stated ones are taken; user and item are looked for where they
/// are not stated, rating and time only where none of the four is. Also returns an obstacle for each column that is
/// needed and missing.
pub(super) fn choose(
    found: &[String],
    columns: &Columns,
    obstacles: &mut Vec<Obstacle>,
) -> ([String; 4], Vec<Obstacle>) {
    let roles = [
        ("user", &columns.user, USER),
        ("item", &columns.item, ITEM),
        ("rating", &columns.rating, RATING),
        ("timestamp", &columns.timestamp, TIME),
    ];
    let none_stated = roles.iter().all(|(_, stated, _)| stated.is_empty());
    let taken: Vec<&String> = roles.iter().map(|(_, stated, _)| *stated).collect();
    let mut missing = Vec::new();
    let chosen = roles.map(|(role, stated, names)| {
        let is_needed = matches!(role, "user" | "item");
        if !stated.is_empty() || !(is_needed || none_stated) {
            return stated.clone();
        }
        let mut candidates = candidates(found, names);
        candidates.retain(|name| !taken.contains(&name));
        let mut ids = candidates.iter().filter(|name| ends_as_id(name));
        if let (true, Some(one), None) = (is_needed, ids.next(), ids.next()) {
            // `user_id` beside `username`.
            return one.clone();
        }
        let line = |name: &str| format!("`data.columns.{role} = \"{name}\"`");
        match &candidates[..] {
            [one] => return one.clone(),
            [] if is_needed => missing.push(Obstacle {
                what: format!(
                    "no column is named for the {role}, and none of its columns has a name that says so: {}",
                    listed(found)
                ),
                hint: line("…"),
            }),
            [] => {}
            several => obstacles.push(Obstacle {
                what: format!("the {role} could be in {}", listed(several).replace("`, `", "` or `")),
                hint: several.iter().take(5).map(|name| line(&cut(name))).collect::<Vec<_>>().join(" or "),
            }),
        }
        String::new()
    });
    (chosen, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(found: &[&str], columns: &Columns) -> ([String; 4], Vec<Obstacle>) {
        let found: Vec<String> = found.iter().map(|name| (*name).to_owned()).collect();
        let mut obstacles = Vec::new();
        let (chosen, missing) = choose(&found, columns, &mut obstacles);
        obstacles.extend(missing);
        (chosen, obstacles)
    }

    #[test]
    fn well_known_names_are_taken_in_any_case() {
        let (chosen, obstacles) =
            of(&["userId", "MOVIE_ID", "Star Rating", "created_at", "title"], &Columns::default());
        assert_eq!(chosen, ["userId", "MOVIE_ID", "Star Rating", "created_at"]);
        assert!(obstacles.is_empty());
        let (chosen, _) = of(&["user", "item"], &Columns::default());
        assert_eq!(chosen, ["user", "item", "", ""]);
        let stated = Columns { user: "user".to_owned(), ..Columns::default() };
        assert_eq!(of(&["user", "item", "rating"], &stated).0, ["user", "item", "", ""], "events, as stated");
    }

    #[test]
    fn an_id_is_taken_before_a_name() {
        let (chosen, obstacles) = of(&["user_id", "username", "movie", "movieId", "stars"], &Columns::default());
        assert_eq!(chosen, ["user_id", "movieId", "stars", ""]);
        assert!(obstacles.is_empty());
        let (chosen, obstacles) = of(&["user_id", "customer_id", "item"], &Columns::default());
        assert_eq!((chosen[0].as_str(), obstacles.len()), ("", 1));
    }

    #[test]
    fn of_two_columns_none_is_taken() {
        let (chosen, obstacles) = of(&["customer", "asin", "parent_asin", "overall"], &Columns::default());
        assert_eq!(chosen, ["customer", "", "overall", ""]);
        assert_eq!(obstacles[0].what, "the item could be in `asin` or `parent_asin`");
        assert_eq!(obstacles[0].hint, "`data.columns.item = \"asin\"` or `data.columns.item = \"parent_asin\"`");
        let (_, obstacles) = of(&["who", "what"], &Columns::default());
        assert_eq!(obstacles.len(), 2);
    }
}
