//! Ratings in stars, the targets that models learn, and the scores that recommenders give.
//!
//! Does not know which items were rated, nor how a scaling was fitted.
//!
//! **Invariant**: a [`Rating`] lies on its [`RatingScale`], and an `Option<Rating>` takes the four bytes of a number; a
//! [`Target`] and a [`Score`] are finite.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize, Serializer};

use crate::ItemIdx;

/// The scale of the ratings of one data set, in stars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatingScale {
    min: f32,
    max: f32,
}

/// A rating in stars, on the scale that made it.
///
/// It is held as the complement of the number's bits: all ones are a NaN, which no scale has, so that zero is free to
/// stand for no rating.
#[derive(Clone, Copy)]
pub struct Rating(NonZeroU32);

/// What a model is fitted to: a rating after [`Scaling`], or 1 for an implicit event. Finite.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Target(f32);

/// What a recommender answers for one pair of user and item: finite, and therefore ordered.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Score(f32);

impl Eq for Score {}

#[expect(clippy::derive_ord_xor_partial_ord, reason = "finite floats are totally ordered")]
impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        // `+ 0.0` makes -0 and 0 equal, as `PartialEq` has them.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

impl Score {
    /// A score, if `value` is finite.
    pub fn new(value: f32) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl Target {
    /// The target of an event that has no rating.
    pub const EVENT: Self = Self(1.0);

    /// A target, if `value` is finite.
    pub fn new(value: f32) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl Rating {
    fn new(stars: f32) -> Option<Self> {
        NonZeroU32::new(!stars.to_bits()).map(Self)
    }

    /// The number of stars.
    pub fn stars(self) -> f32 {
        f32::from_bits(!self.0.get())
    }
}

impl fmt::Debug for Rating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rating").field(&self.stars()).finish()
    }
}

impl PartialEq for Rating {
    fn eq(&self, other: &Self) -> bool {
        self.stars() == other.stars()
    }
}

impl PartialOrd for Rating {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.stars().partial_cmp(&other.stars())
    }
}

impl Serialize for Rating {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f32(self.stars())
    }
}

/// Why a number is not a rating, or two numbers are not a scale.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RatingError {
    /// The number is NaN, infinite, or beyond the scale.
    #[error("rating `{value}` is outside the scale `{min}` to `{max}`")]
    OutsideScale {
        /// The number.
        value: f32,
        /// The scale's lower end.
        min: f32,
        /// The scale's upper end.
        max: f32,
    },
    /// Not a scale.
    #[error("`{min}` to `{max}` is no rating scale\nhint: both ends are finite and the first is the smaller")]
    NoScale {
        /// The lower end given.
        min: f32,
        /// The upper end given.
        max: f32,
    },
}

impl RatingScale {
    /// The scale from `min` to `max` stars, both included.
    ///
    /// # Errors
    /// Unless both are finite and `min < max`.
    pub fn new(min: f32, max: f32) -> Result<Self, RatingError> {
        if min.is_finite() && max.is_finite() && min < max {
            Ok(Self { min, max })
        } else {
            Err(RatingError::NoScale { min, max })
        }
    }

    /// The lower end.
    pub fn min(self) -> f32 {
        self.min
    }

    /// The upper end.
    pub fn max(self) -> f32 {
        self.max
    }

    /// `value` as a rating.
    ///
    /// # Errors
    /// If it is NaN, infinite or beyond either end.
    pub fn rating(self, value: f32) -> Result<Rating, RatingError> {
        let on_scale = Some(value).filter(|value| *value >= self.min && *value <= self.max);
        let refuse = RatingError::OutsideScale { value, min: self.min, max: self.max };
        on_scale.and_then(Rating::new).ok_or(refuse)
    }

    /// The rating nearest to a prediction.
    pub fn clamp(self, value: f32) -> f32 {
        value.clamp(self.min, self.max)
    }
}

/// The linear map from ratings to targets, fitted once and kept with the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Scaling {
    /// Targets are stars.
    None,
    /// One line for all items: `from` in stars maps onto `to`.
    MinMax {
        /// The ends in stars.
        from: (f32, f32),
        /// The ends as targets.
        to: (f32, f32),
    },
    /// One line per item, as scikit-learn's `MinMaxScaler` over the columns of a user-item matrix.
    ItemMinMax {
        /// The ends in stars, one pair per item of the catalogue.
        from: Vec<(f32, f32)>,
        /// The ends as targets.
        to: (f32, f32),
    },
}

impl Scaling {
    /// `rating` of `item` as a target. An item whose ends coincide gives the lower end.
    pub fn target(&self, item: ItemIdx, rating: Rating) -> Target {
        Target(self.predicted_target(item, rating.stars()))
    }

    /// A prediction in stars, on or off the rating scale, as a target of `item`: the same line as [`Scaling::target`].
    pub fn predicted_target(&self, item: ItemIdx, stars: f32) -> f32 {
        match self.line(item) {
            None => stars,
            Some(((a, b), (c, _))) if a == b => c,
            Some(((a, b), (c, d))) => {
                let slope = (f64::from(d) - f64::from(c)) / (f64::from(b) - f64::from(a));
                (f64::from(stars) * slope + (f64::from(c) - f64::from(a) * slope)) as f32
            }
        }
    }

    /// A predicted target of `item` in stars; `None` where the item's ends coincide, so that the map has no inverse.
    pub fn stars(&self, item: ItemIdx, target: f32) -> Option<f32> {
        match self.line(item) {
            None => Some(target),
            Some(((a, b), _)) if a == b => None,
            Some(((a, b), (c, d))) => Some(a + (target - c) * (b - a) / (d - c)),
        }
    }

    /// Whether every item's targets can be read back as stars.
    pub fn is_invertible(&self) -> bool {
        match self {
            Self::None => true,
            Self::MinMax { from, .. } => from.0 < from.1,
            Self::ItemMinMax { from, .. } => from.iter().all(|(a, b)| a < b),
        }
    }

    /// The item's ends in stars, and as targets.
    fn line(&self, item: ItemIdx) -> Option<((f32, f32), (f32, f32))> {
        match self {
            Self::None => None,
            Self::MinMax { from, to } => Some((*from, *to)),
            Self::ItemMinMax { from, to } => Some((from[item.index()], *to)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ItemId, Items};

    fn item() -> ItemIdx {
        Items::new(vec![ItemId::from(1)]).unwrap().at(0).unwrap()
    }

    #[test]
    fn ratings_lie_on_their_scale() {
        let scale = RatingScale::new(0.5, 5.0).unwrap();
        assert_eq!(scale.rating(0.5).unwrap().stars(), 0.5);
        for bad in [0.0, 5.5, f32::NAN, f32::INFINITY] {
            assert!(scale.rating(bad).unwrap_err().to_string().contains("outside the scale"));
        }
        assert!(RatingScale::new(5.0, 5.0).is_err());
    }

    #[test]
    fn a_rating_is_a_number_in_four_bytes_none_among_them() {
        let scale = RatingScale::new(f32::MIN, f32::MAX).unwrap();
        let of = |stars| scale.rating(stars).unwrap();
        for stars in [0.0, -0.0, 4.5, -1.0, f32::MIN_POSITIVE, f32::MIN, f32::MAX] {
            assert_eq!(of(stars).stars().to_bits(), stars.to_bits());
        }
        assert_eq!(size_of::<Option<Rating>>(), 4);
        assert!(of(0.0) == of(-0.0) && of(-1.0) < of(0.5) && of(4.0) != of(4.5));
        assert_eq!(format!("{:?}", Some(of(4.5))), "Some(Rating(4.5))");
        assert_eq!(serde_json::to_string(&[Some(of(3.5)), None]).unwrap(), "[3.5,null]");
    }

    #[test]
    fn scaling_by_item_goes_there_and_back() {
        let scale = RatingScale::new(0.5, 5.0).unwrap();
        let scaling = Scaling::ItemMinMax { from: vec![(1.5, 5.0)], to: (0.5, 1.0) };
        assert_eq!(scaling.target(item(), scale.rating(5.0).unwrap()).get(), 1.0);
        assert_eq!(scaling.target(item(), scale.rating(1.5).unwrap()).get(), 0.5);
        assert_eq!(scaling.stars(item(), 1.0), Some(5.0));
        assert_eq!(scaling.predicted_target(item(), 8.5), 1.5);
        let flat = Scaling::ItemMinMax { from: vec![(4.0, 4.0)], to: (0.5, 1.0) };
        assert_eq!(flat.target(item(), scale.rating(4.0).unwrap()).get(), 0.5);
        assert_eq!(flat.stars(item(), 0.5), None);
        assert!(!flat.is_invertible());
    }

    #[test]
    fn scores_are_finite_and_ordered() {
        assert!(Score::new(f32::NAN).is_none());
        assert!(Score::new(f32::INFINITY).is_none());
        assert!(Score::new(1.0) > Score::new(0.5));
        assert_eq!(Score::new(0.0).unwrap().cmp(&Score::new(-0.0).unwrap()), Ordering::Equal);
    }
}
