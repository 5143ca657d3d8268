//! Formats the current date and time in UTC, for people to read.
//!
//! Does not know time zones of data.
//!
//! **Invariant**: no result and no file of a run holds it.

use jiff::Timestamp;

/// Now, as `2026-11-25 03:04:05 UTC`.
pub fn now_in_utc() -> String {
    Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_as_long_as_a_time() {
        let now = super::now_in_utc();
        assert!(
            now.len() == "2026-11-25 03:04:05 UTC".len() && now.starts_with("20") && now.ends_with(" UTC"),
            "{now}"
        );
    }
}
