//! Derives the contexts of a rating from its time, and those of a query from what is stated.
//!
//! Does not know what a context is good for.
//!
//! **Invariant**: the rules of time zones come from the data bundled with the program, so that every machine derives
//! the same hour from the same second; a stated context is as long as the catalogue's list.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{TimeZone, db};
use reco_core::options::did_you_mean;
use reco_core::{Catalogue, ContextColumn, ContextValue};

use crate::FeaturesError;
use crate::catalogue::unknown;

/// Reads the time of day and the day of the week in one zone.
#[derive(Debug)]
pub(crate) struct Clock {
    zone: TimeZone,
}

/// The contexts of a rating that follow from its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// 6 < hour < 20: from 07:00:00 to 19:59:59.
    pub(crate) daytime: bool,
    /// Saturday or Sunday.
    pub(crate) weekend: bool,
}

impl Clock {
    /// The clock of the zone with that IANA name.
    ///
    /// # Errors
    /// A name that the bundled data does not have.
    pub(crate) fn new(name: &str) -> Result<Self, FeaturesError> {
        let zone = TimeZone::get(name).map_err(|_| {
            let names: Vec<String> = db().available().map(|known| known.to_string()).collect();
            let nearest = did_you_mean(name, names.iter().map(String::as_str));
            // Without a near name, the hint would list all six hundred.
            let hint = Some(nearest).filter(|hint| hint.starts_with("did you mean"));
            let hint = hint.unwrap_or_else(|| "an IANA name such as `Europe/Rome` or `UTC`".to_owned());
            FeaturesError::Unknown { what: "time zone", name: name.to_owned(), place: " in `features.time_zone`", hint }
        })?;
        Ok(Self { zone })
    }

    /// The moment of `seconds` since 1970, UTC; `None` outside the years that the calendar supports (-9999 to 9999).
    pub(crate) fn moment(&self, seconds: i64) -> Option<Moment> {
        let local = self.zone.to_datetime(Timestamp::from_second(seconds).ok()?);
        Some(Moment {
            daytime: 6 < local.hour() && local.hour() < 20,
            weekend: matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday),
        })
    }
}

/// A stated moment: the values of contexts by their names.
pub type Stated = BTreeMap<String, ContextValue>;

/// Turns a stated moment into one number per context of `catalogue`, for [`Query::context`](reco_core::Query). A
/// context that is not stated is its average over the training rows. A text context is stated by its name, `device =
/// "mobile"`, which sets the column `device=mobile` and clears those of the other devices.
///
/// # Errors
/// A context that the catalogue does not have, a value that it never had, a number that is not finite, or one beyond 0
/// and 1 where the training rows lie between them.
pub fn context_vector(catalogue: &Catalogue, stated: &Stated) -> Result<Vec<f32>, FeaturesError> {
    let columns = &catalogue.contexts;
    let settings = stated.iter().map(|(name, value)| setting(columns, name, value)).collect::<Result<Vec<_>, _>>()?;
    let mut vector = catalogue.average_moment();
    for (stated, _) in &settings {
        let of_family = |column: &&ContextColumn| column.family() == columns[*stated].family();
        let cleared = columns.iter().zip(&mut vector).filter(|(column, _)| of_family(column));
        cleared.for_each(|(_, number)| *number = 0.0);
    }
    settings.into_iter().for_each(|(column, number)| vector[column] = number);
    Ok(vector)
}

/// The column that the value `value` of the context `name` sets, and the number it is set to.
fn setting(columns: &[ContextColumn], name: &str, value: &ContextValue) -> Result<(usize, f32), FeaturesError> {
    let refuse = |hint| FeaturesError::ContextValue { name: name.to_owned(), value: value.to_string(), hint };
    if let Some(at) = columns.iter().position(|column| column.name == name) {
        let number = number(value).ok_or_else(|| refuse("it is a number".to_owned()))?;
        let within_one = columns[at].low >= 0.0 && columns[at].high <= 1.0;
        if within_one && !(0.0..=1.0).contains(&number) {
            return Err(refuse("it lies between `0` and `1`".to_owned()));
        }
        return Ok((at, number));
    }
    let prefix = format!("{name}=");
    let values: Vec<&str> = columns.iter().filter_map(|column| column.name.strip_prefix(&prefix)).collect();
    if values.is_empty() {
        let names: BTreeSet<&str> = columns.iter().map(ContextColumn::family).collect();
        let hint = match names.len() {
            0 => "these data have no context".to_owned(),
            _ => did_you_mean(name, names.into_iter()),
        };
        return Err(unknown("context", name, hint));
    }
    let column = format!("{prefix}{value}");
    let at = columns.iter().position(|known| known.name == column);
    at.map(|at| (at, 1.0)).ok_or_else(|| refuse(did_you_mean(&value.to_string(), values.into_iter())))
}

fn number(value: &ContextValue) -> Option<f32> {
    let number = match value {
        ContextValue::Number(number) => *number,
        ContextValue::Text(text) => text.trim().parse().ok()?,
    } as f32;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::{Features, Items, RatingScale, Scaling, Users};

    #[test]
    fn the_hour_is_read_in_the_named_zone() {
        // 2000-07-30 18:45:03 UTC, a Sunday: 20:45 in Rome (summer time), 14:45 in New York.
        let at = |zone: &str, seconds| Clock::new(zone).unwrap().moment(seconds).unwrap();
        assert_eq!(at("UTC", 964_982_703), Moment { daytime: true, weekend: true });
        assert_eq!(at("Europe/Rome", 964_982_703), Moment { daytime: false, weekend: true });
        assert_eq!(at("America/New_York", 964_982_703), Moment { daytime: true, weekend: true });
        // Friday 2000-07-28 at 23:30 UTC is Saturday in Rome.
        assert_eq!(at("UTC", 964_827_000), Moment { daytime: false, weekend: false });
        assert_eq!(at("Europe/Rome", 964_827_000), Moment { daytime: false, weekend: true });
        // The ends of the day: 06:59:59, 07:00:00, 19:59:59, 20:00:00 on 1970-01-01, a Thursday.
        let daytime = [25_199, 25_200, 71_999, 72_000].map(|seconds| at("UTC", seconds).daytime);
        assert_eq!(daytime, [false, true, true, false]);
        assert_eq!(Clock::new("UTC").unwrap().moment(1_000_000_000_000), None);
    }

    #[test]
    fn an_unknown_zone_names_the_nearest() {
        let refuse = |name| Clock::new(name).unwrap_err().to_string();
        assert_eq!(
            refuse("Europe/Rom"),
            "unknown time zone `Europe/Rom` in `features.time_zone`\nhint: did you mean `Europe/Rome`?"
        );
        assert!(refuse("the middle of nowhere at all").ends_with("hint: an IANA name such as `Europe/Rome` or `UTC`"));
    }

    #[test]
    fn a_moment_is_stated_by_name() {
        let catalogue = Catalogue {
            users: Users::new(vec![]).unwrap(),
            items: Items::new(vec![]).unwrap(),
            user_features: Features::none(0),
            item_features: Features::none(0),
            contexts: [("daytime", 0.5), ("weekend", 0.25), ("device=mobile", 0.75), ("device=tv", 0.125)]
                .map(|(name, mean)| ContextColumn { name: name.to_owned(), mean, low: 0.0, high: 1.0 })
                .to_vec(),
            scale: RatingScale::new(1.0, 5.0).unwrap(),
            scaling: Scaling::None,
        };
        let vector = |stated: &[(&str, ContextValue)]| {
            context_vector(
                &catalogue,
                &stated.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            )
        };
        // What is not stated is the average; where a text is stated, its other values are cleared.
        assert_eq!(vector(&[]).unwrap(), [0.5, 0.25, 0.75, 0.125]);
        assert_eq!(vector(&[("daytime", "1".into()), ("device", "tv".into())]).unwrap(), [1.0, 0.25, 0.0, 1.0]);
        assert_eq!(vector(&[("device=mobile", 1.0.into()), ("weekend", 1.0.into())]).unwrap(), [0.5, 1.0, 1.0, 0.0]);
        let shares = [("device=mobile", 0.5.into()), ("device=tv", 0.5.into())];
        assert_eq!(vector(&shares).unwrap()[2..], [0.5, 0.5]);
        let refuse = |name, value: ContextValue| vector(&[(name, value)]).unwrap_err().to_string();
        assert_eq!(refuse("weekday", 1.0.into()), "unknown context `weekday`\nhint: did you mean `weekend`?");
        assert_eq!(
            refuse("place", "home".into()),
            "unknown context `place`\nhint: known are `daytime`, `device`, `weekend`"
        );
        assert_eq!(
            refuse("device", "mobil".into()),
            "context `device` cannot be `mobil`\nhint: did you mean `mobile`?"
        );
        assert_eq!(
            refuse("daytime", 17.0.into()),
            "context `daytime` cannot be `17`\nhint: it lies between `0` and `1`"
        );
        assert_eq!(refuse("daytime", "noon".into()), "context `daytime` cannot be `noon`\nhint: it is a number");
    }
}
