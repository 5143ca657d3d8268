//! Counts passed and failed tests.
//!
//! Does not know which tests they are: it reads the closing lines of Rust's test runner.
//!
//! **Invariant**: a line that is no closing line changes nothing.

/// Tests so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Count {
    /// Adds what `line` says, if it is `test result: ok. 12 passed; 0 failed; …`.
    pub(crate) fn read(&mut self, line: &str) {
        let Some(result) = line.trim_start().strip_prefix("test result: ") else { return };
        let number = |what: &str| {
            let before = result.split_once(what)?.0;
            before.rsplit([' ', ';']).find(|word| !word.is_empty())?.parse::<usize>().ok()
        };
        if let (Some(passed), Some(failed)) = (number(" passed"), number(" failed")) {
            self.passed += passed;
            self.failed += failed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up_and_others_are_not() {
        let mut count = Count::default();
        for line in [
            "running 12 tests",
            "test a::b ... ok",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "he said: test result: ok. 5 passed; 5 failed",
            "test result: who knows",
        ] {
            count.read(line);
        }
        assert_eq!(count, Count { passed: 15, failed: 2 });
    }
}
