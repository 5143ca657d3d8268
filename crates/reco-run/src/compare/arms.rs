//! Compares the arms of an A/B test from the events that a service exported.
//!
//! Does not know statistics, which reco-eval has.
//!
//! **Invariant**: an event counts for the user who saw the answer that it names, and for nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use reco_data::{DataError, read_events};
use reco_eval::compare::{ArmComparison, ArmUser, compare_arms};

use super::CompareError;
use crate::RunError;

/// Compares the arms in `folder`, which a service exported, at the level `alpha`.
///
/// # Errors
/// A folder that was not exported, or has no exposure; a level that is no probability.
pub fn compare_exposures(folder: &Path, alpha: f64) -> Result<ArmComparison, RunError> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(CompareError::Alpha { value: alpha }.into());
    }
    let none = || CompareError::NoExposures { path: folder.display().to_string() };
    let [events, exposures] = match read_events(folder) {
        Err(DataError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Err(none().into()),
        read => read?,
    };
    let mut arms: BTreeMap<&str, BTreeMap<&str, ArmUser>> = BTreeMap::new();
    let mut arms_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for exposure in &exposures {
        let Some(arm) = exposure.arm.as_deref() else { continue };
        let user = exposure.user_id.as_str();
        arms.entry(arm).or_default().entry(user).or_default().n_exposures += 1;
        arms_of.entry(user).or_default().insert(arm);
    }
    if arms.is_empty() {
        return Err(none().into());
    }
    for event in &events {
        let of_arm = event.arm.as_deref().and_then(|arm| arms.get_mut(arm));
        if let Some(user) = of_arm.and_then(|users| users.get_mut(event.user_id.as_str())) {
            user.n_events += 1;
            user.stars.extend(event.rating.map(f64::from));
        }
    }
    let n_in_several = arms_of.values().filter(|arms| arms.len() > 1).count();
    let arms = arms.into_iter().map(|(arm, users)| (arm.to_owned(), users.into_values().collect())).collect();
    Ok(compare_arms(&arms, alpha, n_in_several))
}
