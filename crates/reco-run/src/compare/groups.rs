//! Groups the users of a comparison by their attributes and their activity.
//!
//! Does not know how any group fares.
//!
//! **Invariant**: each user is in one group of each grouping, `not stated` included; the order of groups does not
//! depend on chance.

use std::collections::BTreeMap;
use std::path::Path;

use reco_core::UserId;
use reco_core::options::did_you_mean;
use reco_eval::compare::{Grouping, Pair};
use reco_eval::{Attribute, MOST_VALUES, attributes};

use super::CompareError;
use crate::RunError;

/// The grouping that applies even to users of whom nothing else is known.
const ACTIVITY: &str = "activity";

/// The attributes of users, as the columns of their features say.
pub(super) struct Attributes {
    /// The attributes of texts and of numbers, in the catalogue's order.
    attributes: Vec<Attribute>,
    users: Vec<UserId>,
}

impl Attributes {
    /// Reads what the run under `run` knows of its users; no attributes where its features are gone.
    pub(super) fn read(run: &Path, notes: &mut Vec<String>) -> Result<Self, RunError> {
        let features = run.join("features");
        if !features.join("users.parquet").exists() {
            notes.push(format!("`{}` is not there: users are parted by `{ACTIVITY}` alone", features.display()));
            return Ok(Self { attributes: Vec::new(), users: Vec::new() });
        }
        let (catalogue, _) = reco_features::read_catalogue(&features)?;
        Ok(Self { attributes: attributes(&catalogue), users: catalogue.users.ids().to_vec() })
    }

    /// Groups the users of `pair` by every attribute in `wanted`; if that is empty, by each that has few values.
    pub(super) fn groupings(
        &self,
        pair: &Pair,
        wanted: &[String],
        notes: &mut Vec<String>,
    ) -> Result<Vec<Grouping>, CompareError> {
        let names = || self.attributes.iter().map(|attribute| attribute.name.as_str()).chain([ACTIVITY]);
        if let Some(name) = wanted.iter().find(|name| names().all(|known| known != **name)) {
            return Err(CompareError::UnknownAttribute { name: name.clone(), hint: did_you_mean(name, names()) });
        }
        let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
        let mut groupings = Vec::new();
        for attribute in self.attributes.iter().filter(|attribute| is_wanted(&attribute.name)) {
            if wanted.is_empty() && attribute.n_values > MOST_VALUES {
                let Attribute { name, n_values, .. } = attribute;
                notes.push(format!("`{name}` has {n_values} values and parts no groups unless `--groups` names it"));
                continue;
            }
            groupings.push(self.grouping(attribute, pair));
        }
        if is_wanted(ACTIVITY) {
            groupings.push(pair.by_activity());
        }
        Ok(groupings)
    }

    fn grouping(&self, attribute: &Attribute, pair: &Pair) -> Grouping {
        let rows: BTreeMap<&UserId, usize> = self.users.iter().enumerate().map(|(row, user)| (user, row)).collect();
        let mut groups = attribute.groups.clone();
        let not_stated = groups.len();
        groups.push("not stated".to_owned());
        let of_user = |user: &UserId| rows.get(user).and_then(|row| attribute.of_user[*row]).or(Some(not_stated));
        Grouping {
            attribute: attribute.name.clone(),
            groups,
            of_user: pair.users().iter().map(|row| of_user(&row.user)).collect(),
        }
    }
}
