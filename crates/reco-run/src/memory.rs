//! Measures the peak memory of the process.
//!
//! Does not know what used it.
//!
//! **Invariant**: nothing here changes what is computed; where the system does not tell, there is no number.

use std::fs;

/// Starts the measurement again. Linux only; elsewhere, or where it is not permitted, the peak is the whole process's.
pub(crate) fn reset_peak() {
    // "5" resets VmHWM: proc_pid_clear_refs(5). A refusal only makes the number coarser.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The largest resident memory since the last reset, in bytes.
pub(crate) fn peak_bytes() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:").map(|kilobytes| kilobytes * 1024)
}

fn kilobytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_field_of_the_kernel() {
        assert_eq!(kilobytes("VmPeak:\t 9 kB\nVmHWM:\t   5120 kB\n", "VmHWM:"), Some(5120));
        assert_eq!(kilobytes("VmPeak:\t 9 kB\n", "VmHWM:"), None);
    }
}
