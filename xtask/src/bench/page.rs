//! Replaces the section of a case in the Markdown page of results, or appends it.
//!
//! Does not know what a section says.
//!
//! **Invariant**: replacing changes only the text between the markers of the case; appending trims only white space at
//! the end.

/// What a new page begins with.
const HEADER: &str = "\
# Results

Measured by `cargo xtask bench`, which replaces what stands between a case's markers. Everything can be run again: the
commands stand with the numbers.
";

/// `page` with the section of case `name` replaced, or added at the end.
pub(super) fn with_section(page: &str, name: &str, section: &str) -> String {
    let page = if page.trim().is_empty() { HEADER } else { page };
    let (begin, end) = (format!("<!-- begin {name} -->"), format!("<!-- end {name} -->"));
    let section = format!("{begin}\n{section}\n{end}");
    if let Some((before, rest)) = page.split_once(&begin)
        && let Some((_, after)) = rest.split_once(&end)
    {
        return format!("{before}{section}{after}");
    }
    format!("{}\n\n{section}\n", page.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_added_then_replaced_and_the_rest_stays() {
        let one = with_section("", "a", "1");
        assert!(one.starts_with("# Results\n") && one.ends_with("\n\n<!-- begin a -->\n1\n<!-- end a -->\n"), "{one}");
        let two = with_section(&format!("{one}\nby hand\n"), "b", "2");
        let three = with_section(&two, "a", "3");
        assert_eq!(three, two.replace("\n1\n", "\n3\n"));
        assert!(three.contains("\nby hand\n\n<!-- begin b -->\n2\n<!-- end b -->\n"), "{three}");
    }
}
