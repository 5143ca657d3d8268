//! Holds the texts of `sql/`, and fills in what differs between experiments.
//!
//! Does not know which text an experiment needs.
//!
//! **Invariant**: a filled text has no name in braces left; what is filled in is a number, a name of ours, a plain
//! name of a column, or another text, so that nothing of the user's is taken for SQL.

/// One text of `sql/`, by its name.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../sql/", $name, ".sql"))
    };
}
pub(crate) use text;

/// `text` with each `{name}` replaced by its value.
///
/// # Panics
/// A name without a value: a mistake in this crate, which the tests of the plan find.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text.trim_end();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').expect("a brace of ours is closed");
        let value = values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        filled.push_str(before);
        filled.push_str(value.unwrap_or_else(|| panic!("`{{{name}}}` has no value")));
        rest = after;
    }
    filled + rest
}

/// A double-precision number: a bare `0.1` is a decimal in DuckDB and Spark.
pub(crate) fn double(number: f64) -> String {
    format!("CAST('{number:?}' AS DOUBLE)")
}

/// A single-precision number, as ratings are.
pub(crate) fn float(number: f32) -> String {
    format!("CAST('{number:?}' AS FLOAT)")
}

/// The draw of the rows or entities with these ids: the first sixteen digits of `md5("{seed}:{user}:{item}")`, in
/// lower case, which are ordered as the numbers of [`keyed_hash`](reco_core::random::keyed_hash) are.
pub(crate) fn draw(seed: u64, ids: &[&str]) -> String {
    let ids: String = ids.iter().map(|id| format!(" || ':' || CAST({id} AS STRING)")).collect();
    format!("SUBSTR(md5('{seed}'{ids}), 1, 16)")
}

/// Whether all engines read `name` alike without quotation marks, of which they use different ones.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_braces_are_filled_in() {
        assert_eq!(fill("SELECT {a}, {b} FROM t\n", &[("b", "2"), ("a", "1")]), "SELECT 1, 2 FROM t");
        assert_eq!(fill("{a}{a}", &[("a", "x")]), "xx");
    }

    #[test]
    fn numbers_keep_all_their_digits() {
        assert_eq!(
            (double(0.1), double(1e-9)),
            ("CAST('0.1' AS DOUBLE)".to_owned(), "CAST('1e-9' AS DOUBLE)".to_owned())
        );
        assert_eq!(float(4.0), "CAST('4.0' AS FLOAT)");
        assert_eq!(draw(42, &["u.user_id"]), "SUBSTR(md5('42' || ':' || CAST(u.user_id AS STRING)), 1, 16)");
    }

    #[test]
    fn a_plain_name_needs_no_quotation_marks() {
        assert!(["device", "place_2"].into_iter().all(is_plain));
        assert!(!["Device", "device type", "2nd", "", "naïve", "a\"b"].into_iter().any(is_plain));
    }
}
