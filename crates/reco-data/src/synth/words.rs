//! Generates the titles of synthetic films.
//!
//! Does not know real titles.
//!
//! **Invariant**: two films have different titles.

use super::draw::Draw;

/// The genres of MovieLens since 2013, in its order.
pub(super) const GENRES: &str = "\
    Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir Horror IMAX Musical Mystery \
    Romance Sci-Fi Thriller War Western";

const ADJECTIVES: &str = "\
    Amber Broken Distant Electric Empty Final Forgotten Frozen Golden Hidden Hollow Last Long Lost Northern Pale Quiet \
    Restless Scarlet Secret Silent Slow Wild Winter";

const NOUNS: &str = "\
    Bridge Carnival City Crossing Engine Garden Harbour Heist Horizon Island Letter Lighthouse Mountain Orchard Parade \
    River Road Signal Station Storm Summer Theatre Voyage Witness";

/// The word numbered `number` of a list.
pub(super) fn word(list: &'static str, number: usize) -> &'static str {
    list.split(' ').nth(number).expect("a list has as many words as are counted")
}

/// The title of the film numbered `number`. Some begin with an article, which MovieLens puts last; some have another
/// title in parentheses, with an accent.
pub(super) fn title(draw: &mut Draw, number: u32) -> String {
    let n_nouns = NOUNS.split(' ').count() as u32;
    let n_pairs = ADJECTIVES.split(' ').count() as u32 * n_nouns;
    // Seven has no factor in common with the number of pairs, so that each pair comes once before any comes again.
    let pair = (number % n_pairs * 7 + 3) % n_pairs;
    let part = number / n_pairs;
    let part = if part == 0 { String::new() } else { format!(" {}", part + 1) };
    let name =
        format!("{} {}{part}", word(ADJECTIVES, (pair / n_nouns) as usize), word(NOUNS, (pair % n_nouns) as usize));
    match draw.below(10) {
        0 | 1 => format!("{name}, The"),
        2 => format!("{name} (L'été {number})"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_differ() {
        let mut draw = Draw::new(1, "test");
        let mut titles: Vec<String> = (0..2_000).map(|number| title(&mut draw, number)).collect();
        titles.sort();
        titles.dedup();
        assert_eq!(titles.len(), 2_000);
    }
}
