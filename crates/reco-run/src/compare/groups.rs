//! Which groups do users fall into?
//!
//! Does not know what a group is worth.
//!
//! **Invariant**: each user is in one group of each grouping, `not stated` included; groups stand in an order that no chance
//! decides.

use std::collections::BTreeMap;
use std::path::Path;

use reco_core::options::did_you_mean;
use reco_core::{Catalogue, UserId};
use reco_eval::compare::{Grouping, Pair};

use super::CompareError;
use crate::RunError;

/// More values than these part users only if they are asked to.
const MOST_VALUES: usize = 12;

/// Into how many groups a number of many values is parted.
const BANDS: usize = 4;

/// What users are parted by who are known by nothing else.
const ACTIVITY: &str = "activity";

/// What is said of users by columns of their features.
pub(super) struct Attributes {
    /// Those of texts and of numbers, in the catalogue's order.
    attributes: Vec<Attribute>,
    users: Vec<UserId>,
}

struct Attribute {
    name: String,
    /// What each is called.
    groups: Vec<String>,
    /// The group of each user of the catalogue; `None` where nothing is stated.
    of_user: Vec<Option<usize>>,
    /// How many values were parted into groups.
    n_values: usize,
}

impl Attributes {
    /// Reads what the run under `run` knows of its users; nothing where its features are gone.
    pub(super) fn read(run: &Path, notes: &mut Vec<String>) -> Result<Self, RunError> {
        let features = run.join("features");
        if !features.join("users.parquet").exists() {
            notes.push(format!("`{}` is not there: users are parted by `{ACTIVITY}` alone", features.display()));
            return Ok(Self { attributes: Vec::new(), users: Vec::new() });
        }
        let (catalogue, _) = reco_features::read_catalogue(&features)?;
        Ok(Self { attributes: attributes(&catalogue), users: catalogue.users.ids().to_vec() })
    }

    /// The users of `pair` in the groups of every attribute that is `wanted`, or of each with few values.
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

/// One-hot columns, `gender=F`, by what they say before the equals sign; other columns are numbers.
fn attributes(catalogue: &Catalogue) -> Vec<Attribute> {
    let features = &catalogue.user_features;
    let mut attributes: Vec<Attribute> = Vec::new();
    for (column, name) in features.names().iter().enumerate() {
        let values = || (0..catalogue.n_users()).map(|user| features.matrix().row(user)[column]);
        let Some((name, value)) = name.split_once('=') else {
            // Scaled numbers are single-precision: what was 34 is 34 again to a thousandth.
            let number = |value: f32| (features.unscaled(column, value).unwrap_or_default() * 1e3).round() / 1e3;
            attributes.push(numbers(name, &values().map(number).collect::<Vec<_>>()));
            continue;
        };
        let at = attributes.iter().position(|attribute| attribute.name == name).unwrap_or_else(|| {
            let of_user = vec![None; catalogue.n_users()];
            attributes.push(Attribute { name: name.to_owned(), groups: Vec::new(), of_user, n_values: 0 });
            attributes.len() - 1
        });
        let attribute = &mut attributes[at];
        for (of_user, _) in attribute.of_user.iter_mut().zip(values()).filter(|(_, is_it)| *is_it > 0.0) {
            *of_user = Some(attribute.groups.len());
        }
        attribute.groups.push(value.to_owned());
        attribute.n_values += 1;
    }
    attributes
}

/// A number's values as groups, or its quarters where there are many.
fn numbers(name: &str, numbers: &[f64]) -> Attribute {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut values = sorted.clone();
    values.dedup();
    let starts: Vec<f64> = if values.len() <= MOST_VALUES {
        values.clone()
    } else {
        let mut starts: Vec<f64> = (0..BANDS).map(|band| sorted[band * sorted.len() / BANDS]).collect();
        starts.dedup();
        starts
    };
    let of_user = |number: &f64| starts.partition_point(|start| start <= number).checked_sub(1);
    let last = |band: usize| {
        let end = starts.get(band + 1).copied().unwrap_or(f64::INFINITY);
        values.iter().copied().rfind(|value| *value < end).unwrap_or(starts[band])
    };
    let label = |(band, start): (usize, &f64)| {
        let last = last(band);
        if last > *start { format!("{start}-{last}") } else { start.to_string() }
    };
    Attribute {
        name: name.to_owned(),
        groups: starts.iter().enumerate().map(label).collect(),
        of_user: numbers.iter().map(of_user).collect(),
        n_values: values.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_numbers_are_groups_and_many_are_quarters() {
        let few = numbers("rooms", &[2.0, 1.0, 2.0, 3.5]);
        assert_eq!((few.groups.as_slice(), few.n_values), (&["1", "2", "3.5"].map(str::to_owned)[..], 3));
        assert_eq!(few.of_user, [Some(1), Some(0), Some(1), Some(2)]);
        let ages: Vec<f64> = (20..60).map(f64::from).collect();
        let many = numbers("age", &ages);
        assert_eq!(many.groups, ["20-29", "30-39", "40-49", "50-59"]);
        assert_eq!((many.of_user[9], many.of_user[10], many.of_user[39]), (Some(0), Some(1), Some(3)));
        assert_eq!(many.n_values, 40);
    }
}
