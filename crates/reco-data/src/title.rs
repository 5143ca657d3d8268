//! Parses a film's name and year from its title.
//!
//! Does not know other sources of a name or a year.
//!
//! **Invariant**: wherever the article's own rule gives a year, this gives the same.

/// `title` without its bracketed parts, trimmed: what `re.sub(r"[\(\[].*?[\)\]]", "", title).strip()` leaves.
pub(crate) fn name(title: &str) -> String {
    let mut name = String::with_capacity(title.len());
    let mut rest = title;
    while let Some(open) = rest.find(['(', '[']) {
        let Some(length) = rest[open + 1..].find([')', ']']) else { break };
        name.push_str(&rest[..open]);
        rest = &rest[open + 1 + length + 1..];
    }
    name.push_str(rest);
    name.trim().to_owned()
}

/// The year that `title` ends in: the integer after the last `(`, as in the article. If that is not an integer, the
/// last parenthesis that is or begins with four digits counts: `(1995) (V)` gives 1995, `(2006–2007)` gives 2006.
pub(crate) fn year(title: &str) -> Option<i32> {
    let (_, last) = title.rsplit_once('(')?;
    if let Ok(year) = last.replace(')', "").trim().parse() {
        return Some(year);
    }
    let spans = title.split('(').skip(1).filter_map(|part| {
        let digits = part.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        let ends = !part[4..].starts_with(|next: char| next.is_alphanumeric());
        ends.then(|| digits.parse().ok()).flatten()
    });
    spans.last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_brackets() {
        assert_eq!(name("Toy Story (1995)"), "Toy Story");
        assert_eq!(
            name("City of Lost Children, The (Cité des enfants perdus, La) (1995)"),
            "City of Lost Children, The"
        );
        assert_eq!(name("[REC] (2007)"), "");
        assert_eq!(name("A (b [c) d] (1990)"), "A  d]");
        assert_eq!(name("Babylon 5"), "Babylon 5");
        assert_eq!(name("Open ( (1"), "Open ( (1");
    }

    #[test]
    fn years_stand_in_the_last_parenthesis() {
        assert_eq!(year("Toy Story (1995)"), Some(1995));
        assert_eq!(year("Dark (Se7en) ( 1995 )"), Some(1995));
        assert_eq!(year("Land Before Time III (1995) (V)"), Some(1995));
        assert_eq!(year("Death Note (2006–2007)"), Some(2006));
        assert_eq!(year("Fawlty Towers (1975-1979)"), Some(1975));
        assert_eq!(year("Babylon 5"), None);
        assert_eq!(year("unknown"), None);
        assert_eq!(year("Film (2001a)"), None);
        assert_eq!(year("Film (été)"), None);
    }
}
