//! Tells the time, and formats dates and times in UTC for people to read.
//!
//! Does not know time zones of data.
//!
//! **Invariant**: no result and no file of a run holds the current time.

use jiff::Timestamp;

/// Now, as `2026-11-25 03:04:05 UTC`.
pub fn now_in_utc() -> String {
    Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Now, as milliseconds since 1970.
pub fn now_in_milliseconds() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Seconds since 1970 as `2026-11-25 03:04:05`; the number itself where no calendar reaches that far.
pub fn in_utc(seconds: i64) -> String {
    let moment = Timestamp::from_second(seconds);
    moment.map_or_else(|_| seconds.to_string(), |moment| moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn seconds_are_a_date_where_there_is_one() {
        assert_eq!(super::in_utc(1_709_209_815), "2024-02-29 12:30:15");
        assert_eq!(super::in_utc(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn it_is_as_long_as_a_time() {
        let now = super::now_in_utc();
        assert!(
            now.len() == "2026-11-25 03:04:05 UTC".len() && now.starts_with("20") && now.ends_with(" UTC"),
            "{now}"
        );
    }
}
