//! Compares an estimate of the memory that a task needs with what the machine has, before the task begins.
//!
//! The machine's memory is read once: on Linux the least of `MemTotal` in `/proc/meminfo` and the limits of the
//! process's control groups, elsewhere [`STATED`].
//!
//! Does not know which tables a task needs: the task lists them.
//!
//! **Invariant**: sizes saturate at 2¹²⁸ - 1 bytes in place of overflowing, so that an absurd size is refused.

use std::fmt::{self, Write};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::{AnyApproach, Catalogue};

/// The memory assumed where that of the machine cannot be read: 16 GiB.
pub const STATED: u64 = 16 << 30;

/// An estimate of the memory that tables of numbers need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// The description of each table, and its bytes.
    parts: Vec<(String, u128)>,
    /// The keys of the options that make it smaller.
    keys: Vec<&'static str>,
}

impl Need {
    /// Adds the table `what`: as many numbers as the product of `sizes`, of `bytes` bytes each.
    #[must_use]
    pub fn and(mut self, what: &str, sizes: &[usize], bytes: usize) -> Self {
        let product = sizes.iter().fold(bytes as u128, |product, size| product.saturating_mul(*size as u128));
        let mut text = format!("{what} ");
        for size in sizes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{} × ", Thousands(*size));
        }
        let _ = write!(text, "{bytes} bytes");
        self.parts.push((text, product));
        self
    }

    /// Names `key` as an option that makes it smaller.
    #[must_use]
    pub fn lowered_by(mut self, key: &'static str) -> Self {
        self.keys.push(key);
        self
    }

    /// The sum of this and another estimate.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self.keys.extend(other.keys);
        self
    }

    /// What `n_rows` training rows over `catalogue` take in a [`Train`](crate::Train), times and lines of their file
    /// included.
    pub fn of_rows(catalogue: &Catalogue, n_rows: usize) -> Self {
        Self::default().and("training rows", &[n_rows], 32 + 4 * catalogue.contexts.len())
    }

    /// All bytes.
    pub fn bytes(&self) -> u128 {
        self.parts.iter().fold(0, |sum: u128, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// Refuses what `memory` cannot hold; `name` is what needs it.
    ///
    /// # Errors
    /// More bytes than there are.
    pub fn check(&self, name: &str, memory: u64) -> Result<(), MemoryError> {
        if self.bytes() <= u128::from(memory) {
            return Ok(());
        }
        let keys: Vec<String> = self.keys.iter().map(|key| format!("`{key}`")).collect();
        Err(MemoryError {
            name: name.to_owned(),
            need: self.clone(),
            memory,
            remedy: match keys.is_empty() {
                true => "take fewer users or items, or a machine with more memory".to_owned(),
                false => format!("lower {}", keys.join(" or ")),
            },
        })
    }
}

/// What a fit of `approach` over `catalogue` and `n_rows` training rows needs, if this machine has it; called before
/// the fit begins.
///
/// # Errors
/// More bytes than the machine has.
pub fn affordable(approach: &dyn AnyApproach, catalogue: &Catalogue, n_rows: usize) -> Result<Need, MemoryError> {
    affordable_in(of_machine(), approach, catalogue, n_rows)
}

/// As [`affordable`], on a machine of `memory` bytes.
///
/// # Errors
/// More bytes than that.
pub fn affordable_in(
    memory: u64,
    approach: &dyn AnyApproach,
    catalogue: &Catalogue,
    n_rows: usize,
) -> Result<Need, MemoryError> {
    let need = approach.memory(catalogue).with(approach.memory_of_rows(catalogue, n_rows));
    need.check(approach.name(), memory).map_err(|error| MemoryError {
        remedy: approach.would_fit(catalogue, n_rows, memory).unwrap_or_else(|| error.remedy.clone()),
        ..error
    })?;
    Ok(need)
}

/// What a trained `approach` over `catalogue` needs, if this machine has it; called before its weights are read.
///
/// # Errors
/// More bytes than the machine has.
pub fn loadable(approach: &dyn AnyApproach, catalogue: &Catalogue) -> Result<Need, MemoryError> {
    let need = approach.memory_to_load(catalogue);
    need.check(approach.name(), of_machine())?;
    Ok(need)
}

/// `12.3 GiB: 2 × 1,682 × …`, the largest part first.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<&(String, u128)> = self.parts.iter().collect();
        parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let parts: Vec<&str> = parts.iter().map(|(text, _)| text.as_str()).collect();
        write!(f, "{}: {}", Size(self.bytes()), parts.join(", "))
    }
}

/// More memory is needed than there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` needs about {need}; this machine has `{}`\nhint: {remedy}", Size(u128::from(*memory)))]
pub struct MemoryError {
    name: String,
    need: Need,
    memory: u64,
    remedy: String,
}

/// Bytes in words: `12.3 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u128);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match bytes {
            ..1_048_576.0 => write!(f, "{:.1} KiB", bytes / 1024.0),
            ..1_073_741_824.0 => write!(f, "{:.1} MiB", bytes / 1_048_576.0),
            ..1.0e15 => write!(f, "{:.1} GiB", bytes / 1_073_741_824.0),
            _ => write!(f, "{:.1e} GiB", bytes / 1_073_741_824.0),
        }
    }
}

/// `1,682`
struct Thousands(usize);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// The most bytes that this process may use.
pub fn of_machine() -> u64 {
    static ASKED: OnceLock<u64> = OnceLock::new();
    *ASKED.get_or_init(|| {
        let read = |path: &Path| fs::read_to_string(path).ok();
        let total = read(Path::new("/proc/meminfo")).as_deref().and_then(total);
        let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
        total.into_iter().chain(group_limits(&groups, &read)).min().unwrap_or(STATED)
    })
}

/// `MemTotal:  24689764 kB`
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The limits of the groups that `/proc/self/cgroup` names and of those above them, in version 2 and 1; `max` is none.
/// Inside a container the group's own folder may be mounted in the place of the root.
fn group_limits(groups: &str, read: &dyn Fn(&Path) -> Option<String>) -> Vec<u64> {
    let mut limits = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|one| one == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        for above in Path::new(group.trim_start_matches('/')).ancestors() {
            let limit = read(&Path::new(root).join(above).join(file));
            limits.extend(limit.and_then(|limit| limit.trim().parse::<u64>().ok()));
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_said_with_its_parts_and_the_key() {
        let need = Need::default().and("rows", &[2, 1682, 1 << 20], 4).and("biases", &[1682], 4);
        let need = need.lowered_by("embedding_size");
        assert_eq!(need.bytes(), 2 * 1682 * (1 << 20) * 4 + 1682 * 4);
        need.check("svd", 1 << 40).unwrap();
        assert_eq!(
            need.check("svd", 1 << 30).unwrap_err().to_string(),
            "`svd` needs about 13.1 GiB: rows 2 × 1,682 × 1,048,576 × 4 bytes, biases 1,682 × 4 bytes; this machine has `1.0 GiB`\nhint: lower `embedding_size`"
        );
        let most = Need::default().and("squares", &[usize::MAX; 3], 8);
        assert_eq!(most.bytes(), u128::MAX);
        assert!(most.check("x", u64::MAX).unwrap_err().to_string().contains("hint: take fewer users"));
    }

    #[test]
    fn a_machine_has_what_its_files_say() {
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       24689764 kB\n"), Some(24_689_764 * 1024));
        assert_eq!(total("MemTotal: none\n"), None);
        let files = |path: &Path| match path.to_str()? {
            "/sys/fs/cgroup/a/b/memory.max" => Some("max\n".to_owned()),
            "/sys/fs/cgroup/a/memory.max" => Some("4096\n".to_owned()),
            "/sys/fs/cgroup/memory/memory.limit_in_bytes" => Some("8192\n".to_owned()),
            _ => None,
        };
        assert_eq!(group_limits("0::/a/b\n", &files), [4096]);
        assert_eq!(group_limits("5:cpu,memory:/docker/x\n4:pids:/\n", &files), [8192]);
        assert!(group_limits("nonsense", &files).is_empty());
        assert!(of_machine() > 1 << 20);
    }
}
