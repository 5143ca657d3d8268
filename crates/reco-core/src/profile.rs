//! Translates what a visitor states about themselves into feature columns.
//!
//! Does not know who asks, nor what a model makes of it.
//!
//! **Invariant**: a [`Stated`] names columns that the catalogue has, each once, with a finite number.

use std::collections::{BTreeMap, BTreeSet};

use crate::options::did_you_mean;
use crate::{Catalogue, ScoreError, UserIdx};

/// What a visitor states: attributes such as `age`, `gender`, and liked features such as genres.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Names of item features that the visitor likes.
    pub likes: Vec<String>,
    /// User attributes by name.
    pub attributes: BTreeMap<String, String>,
}

/// A [`Profile`] in terms of a catalogue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stated {
    /// Columns of the item features that are liked, ascending.
    pub likes: Vec<usize>,
    /// Columns of the user features, ascending, each with the number that a row of that user would have there.
    pub attributes: Vec<(usize, f32)>,
}

impl Profile {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.likes.is_empty() && self.attributes.is_empty()
    }

    /// What the data say of `user`, as the user would state it: the value of each text, each number on the scale of the
    /// source file. Values that are missing are not stated.
    pub fn of(catalogue: &Catalogue, user: UserIdx) -> Self {
        let features = &catalogue.user_features;
        let row = features.matrix().row(user.index());
        let stated = features.names().iter().zip(row).enumerate().filter_map(|(column, (name, &value))| {
            match name.split_once('=') {
                Some((name, text)) => (value == 1.0).then(|| (name.to_owned(), text.to_owned())),
                None => Some((name.clone(), features.unscaled(column, value)?.to_string())),
            }
        });
        Self { likes: Vec::new(), attributes: stated.collect() }
    }

    /// The columns of `catalogue` that it names. An attribute is stated as the source file writes it: a text by one of
    /// its values, `gender = F`, a number as it is there, `age = 34`. Numbers are scaled like those of the catalogue.
    ///
    /// # Errors
    /// A feature or an attribute that the catalogue does not have, a value that no user has, an invalid number: the
    /// message names the nearest known one.
    pub fn stated(&self, catalogue: &Catalogue) -> Result<Stated, ScoreError> {
        let features = catalogue.item_features.names();
        let like = |name: &String| {
            features.iter().position(|known| known == name).ok_or_else(|| ScoreError::UnknownStatement {
                what: "liked feature",
                name: name.clone(),
                hint: did_you_mean(name, features.iter().map(String::as_str)),
            })
        };
        let likes: BTreeSet<usize> = self.likes.iter().map(like).collect::<Result<_, _>>()?;
        let attributes: BTreeMap<usize, f32> =
            self.attributes.iter().map(|(name, value)| attribute(catalogue, name, value)).collect::<Result<_, _>>()?;
        Ok(Stated { likes: likes.into_iter().collect(), attributes: attributes.into_iter().collect() })
    }
}

/// The column and the number of one attribute.
fn attribute(catalogue: &Catalogue, name: &str, value: &str) -> Result<(usize, f32), ScoreError> {
    let features = &catalogue.user_features;
    let columns = features.names();
    let refuse = |hint: String| ScoreError::StatedValue { name: name.to_owned(), value: value.to_owned(), hint };
    if let Some(column) = columns.iter().position(|column| column == name) {
        let number: f64 = value.trim().parse().map_err(|_| refuse("it is a number".to_owned()))?;
        // An age is never negative; a difference may be.
        if number < 0.0 && features.spans().get(name).is_some_and(|span| span.low >= 0.0) {
            return Err(refuse("it is not negative: no user's in these data is".to_owned()));
        }
        let scaled = features.scaled(column, number).filter(|scaled| scaled.is_finite());
        return Ok((column, scaled.ok_or_else(|| refuse("it is a finite number".to_owned()))?));
    }
    let prefix = format!("{name}=");
    let values: Vec<&str> = columns.iter().filter_map(|column| column.strip_prefix(&prefix)).collect();
    if values.is_empty() {
        let names: BTreeSet<&str> =
            columns.iter().map(|column| column.split_once('=').map_or(column.as_str(), |(name, _)| name)).collect();
        let hint = match names.len() {
            0 => "these data say nothing of their users".to_owned(),
            _ => did_you_mean(name, names.into_iter()),
        };
        return Err(ScoreError::UnknownStatement { what: "user attribute", name: name.to_owned(), hint });
    }
    let column = format!("{prefix}{}", value.trim());
    match columns.iter().position(|known| *known == column) {
        Some(column) => Ok((column, 1.0)),
        None => Err(refuse(did_you_mean(value.trim(), values.into_iter()))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Features, Items, Matrix, RatingScale, Scaling, Span, Users};

    fn catalogue() -> Arc<Catalogue> {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let users = Features::new(names(&["age", "gender=F", "gender=M"]), Matrix::zeros(1, 3)).unwrap();
        Arc::new(Catalogue {
            users: Users::new(vec![1.into()]).unwrap(),
            items: Items::new(vec![1.into()]).unwrap(),
            user_features: users.with_spans(BTreeMap::from([("age".to_owned(), Span { low: 10.0, high: 60.0 })])),
            item_features: Features::new(names(&["old", "Drama", "Sci-Fi"]), Matrix::zeros(1, 3)).unwrap(),
            contexts: vec![],
            scale: RatingScale::new(1.0, 5.0).unwrap(),
            scaling: Scaling::None,
        })
    }

    fn stated(likes: &[&str], attributes: &[(&str, &str)]) -> Result<Stated, String> {
        let attributes = attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let profile = Profile { likes: likes.iter().map(|&name| name.to_owned()).collect(), attributes };
        profile.stated(&catalogue()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_said_finds_its_columns() {
        let found = stated(&["Sci-Fi", "Drama", "Sci-Fi"], &[("gender", "M"), ("age", " 35 ")]).unwrap();
        assert_eq!(found, Stated { likes: vec![1, 2], attributes: vec![(0, 0.5), (2, 1.0)] });
        assert_eq!(stated(&[], &[]).unwrap(), Stated::default());
        // An age outside those of the data lies outside 0 to 1.
        assert_eq!(stated(&[], &[("age", "85")]).unwrap().attributes, [(0, 1.5)]);
    }

    #[test]
    fn a_user_of_the_catalogue_states_what_the_data_say() {
        let features = catalogue().user_features.clone();
        let matrix = Matrix::new(1, 3, vec![0.5, 1.0, 0.0]).unwrap();
        let user_features =
            Features::new(features.names().to_vec(), matrix).unwrap().with_spans(features.spans().clone());
        let catalogue = Catalogue { user_features, ..Catalogue::clone(&catalogue()) };
        let profile = Profile::of(&catalogue, catalogue.users.at(0).unwrap());
        let stated = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(profile.attributes, BTreeMap::from([stated("age", "35"), stated("gender", "F")]));
        assert_eq!(profile.stated(&catalogue).unwrap().attributes, [(0, 0.5), (1, 1.0)]);
    }

    #[test]
    fn what_is_not_known_is_refused_with_the_nearest() {
        for (likes, attributes, expected) in [
            (&["Sci-fi"][..], &[][..], "unknown liked feature `Sci-fi`\nhint: did you mean `Sci-Fi`?"),
            (&["Westerns"], &[], "unknown liked feature `Westerns`\nhint: known are `old`, `Drama`, `Sci-Fi`"),
            (&[], &[("agee", "3")], "unknown user attribute `agee`\nhint: did you mean `age`?"),
            (&[], &[("shoe size", "3")], "unknown user attribute `shoe size`\nhint: known are `age`, `gender`"),
            (&[], &[("gender", "f")], "user attribute `gender` cannot be `f`\nhint: did you mean `F`?"),
            (&[], &[("age", "old")], "user attribute `age` cannot be `old`\nhint: it is a number"),
            (
                &[],
                &[("age", "-5")],
                "user attribute `age` cannot be `-5`\nhint: it is not negative: no user's in these data is",
            ),
            (&[], &[("age", "inf")], "user attribute `age` cannot be `inf`\nhint: it is a finite number"),
        ] {
            assert_eq!(stated(likes, attributes).unwrap_err(), expected);
        }
        let nothing = Catalogue { user_features: Features::none(1), ..Catalogue::clone(&catalogue()) };
        let profile =
            Profile { attributes: BTreeMap::from([("age".to_owned(), "3".to_owned())]), ..Profile::default() };
        let error = profile.stated(&nothing).unwrap_err().to_string();
        assert_eq!(error, "unknown user attribute `age`\nhint: these data say nothing of their users");
    }
}
