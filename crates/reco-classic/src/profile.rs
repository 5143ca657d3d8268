//! Recommends from stated attributes and liked features, by naive Bayes over those who enjoyed an item.
//!
//! A user enjoyed an item if they gave it enough stars, or met it where there are no stars. A score is the log of the
//! share of all users who enjoyed the item, plus for each stated attribute the log of how much more common it is among
//! them than among everyone. Shares of few are drawn towards the whole: `(n_a(i) + k·p_a) / (n(i) + k)`, the m-estimate
//! (Cestnik 1990, "Estimating probabilities: a crucial task in machine learning"). A liked feature adds the log of
//! `like_factor` to the items that have it, and the log of how much more common it is in what their people enjoy. A
//! known user states what the catalogue knows of users, and no likes.
//!
//! With `history`, what the asker enjoyed says more: each of n such items `j` adds the log-lift of the item scored,
//! `(n(ij) + 5·p(i)) / ((n(j) + 5)·p(i))` (the association rules' lift of Brin et al. 1997, "Dynamic itemset counting",
//! as an m-estimate), divided by n^0.75, since what people enjoy together is told several times; and what is stated
//! counts 1 / (1 + n). That is for the first few ratings; longer histories are for other approaches. Without it, own
//! ratings change no answer.
//!
//! **Invariant**: an empty profile without history gives everyone the items that most people enjoyed; a visitor with a
//! user's history and attributes gets that user's scores; every score is finite.

use std::sync::Arc;

use reco_core::options::OptionsError;
use reco_core::{
    Ablation, Approach, Catalogue, Cause, EachQuery, Explanation, Features, FitError, Fitted, Interactions, ItemIdx,
    LoadError, Loaded, Query, RatingScale, Run, ScoreError, Seen, Stated, Term, Train, Weights, Who,
};
use serde::{Deserialize, Serialize};

use crate::rating_matrix::in_stars;

const NAME: &str = "profile";

/// The approach `profile`: what people enjoy who are alike in their attributes, and like the same features of items.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileBased {
    /// Stars from which a rating counts as enjoyed; if not set, three quarters up the rating scale, 4 of 1 to 5. An
    /// event always counts.
    pub enjoyed: Option<f32>,
    /// How many people with the shares of the whole are added to those who enjoyed an item. On MovieLens 100K, lists
    /// for known users, who state age, gender and occupation, are best from 100 to 300; with 5 they are no better than
    /// what everyone enjoys.
    pub prior_people: f64,
    /// The factor by which a liked feature raises an item's share of people who enjoyed it; 1 has no effect.
    pub like_factor: f32,
    /// The number of bands, with equally many users each, into which a number such as an age is divided.
    pub bands: usize,
    /// Whether what the asker enjoyed counts, by what the same people enjoyed beside it.
    pub history: bool,
}

impl Default for ProfileBased {
    fn default() -> Self {
        Self { enjoyed: None, prior_people: 100.0, like_factor: 8.0, bands: 5, history: false }
    }
}

/// How many people with the shares of the whole are added to those who enjoyed an item that the asker enjoyed. Chosen
/// with [`OWN_EXPONENT`] on users of MovieLens 100K who were held out whole, for 1 to 10 given ratings.
const OWN_PRIOR: f64 = 5.0;
/// The lifts of n items are divided by n to this power.
const OWN_EXPONENT: f64 = 0.75;

impl ProfileBased {
    /// The stars from which a rating counts as enjoyed.
    fn enjoyed_from(&self, scale: RatingScale) -> f32 {
        self.enjoyed.unwrap_or(scale.min() + 0.75 * (scale.max() - scale.min()))
    }
}

/// No training rating counts as enjoyed.
#[derive(Debug, thiserror::Error)]
#[error(
    "none of `{n_rows}` training ratings reaches `{enjoyed}` stars, from which `profile` calls an item enjoyed\nhint: lower `enjoyed`"
)]
struct NothingEnjoyed {
    n_rows: usize,
    enjoyed: f32,
}

/// Who enjoyed what.
struct Enjoyed {
    /// Rows of (user, item).
    rows: Vec<(usize, usize)>,
    /// How many enjoyed each item.
    n: Vec<f64>,
    prior: f64,
}

impl Enjoyed {
    fn new(rows: &Interactions, catalogue: &Catalogue, options: &ProfileBased) -> Result<Self, FitError> {
        let enjoyed = options.enjoyed_from(catalogue.scale);
        let mut n = vec![0.0; catalogue.n_items()];
        let enough = rows.iter().filter(|row| row.rating.is_none_or(|rating| rating.stars() >= enjoyed));
        let kept: Vec<(usize, usize)> = enough.map(|row| (row.user.index(), row.item.index())).collect();
        match (rows.len(), kept.len()) {
            (0, _) => return Err(FitError::NoRows { approach: NAME }),
            (n_rows, 0) => return Err(FitError::Other(Box::new(NothingEnjoyed { n_rows, enjoyed }))),
            _ => kept.iter().for_each(|(_, item)| n[*item] += 1.0),
        }
        Ok(Self { rows: kept, n, prior: options.prior_people })
    }

    /// The log of the share of all users who enjoyed each item, by Laplace's rule of succession.
    fn shares(&self, n_users: usize) -> Vec<f32> {
        self.n.iter().map(|n| libm::log((n + 1.0) / (n_users as f64 + 2.0)) as f32).collect()
    }

    /// The log of how much more common an attribute is among those who enjoyed each item than among everyone; `share`
    /// is how much of it each user has.
    fn lifts(&self, share: impl Fn(usize) -> f64) -> Vec<f32> {
        let mut by_item = vec![0.0; self.n.len()];
        let mut all = 0.0;
        for &(user, item) in &self.rows {
            let share = share(user);
            by_item[item] += share;
            all += share;
        }
        let p = all / self.rows.len() as f64;
        let lift = |(of_item, n): (&f64, &f64)| libm::log((of_item + self.prior * p) / ((n + self.prior) * p)) as f32;
        // An attribute that nobody has changes no score.
        if p > 0.0 { by_item.iter().zip(&self.n).map(lift).collect() } else { vec![0.0; self.n.len()] }
    }

    /// What each user enjoyed.
    fn by_user(&self, catalogue: &Catalogue) -> Vec<Seen> {
        let mut by_user = vec![Vec::new(); catalogue.n_users()];
        for &(user, item) in &self.rows {
            by_user[user].extend(catalogue.items.at(item));
        }
        by_user.into_iter().map(Seen::new).collect()
    }

    /// The share of what each user enjoyed that has a feature of the items.
    fn fondness(&self, features: &Features, column: usize, n_users: usize) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); n_users];
        for &(user, item) in &self.rows {
            let sum = &mut sums[user];
            *sum = (sum.0 + f64::from(features.matrix().row(item)[column]), sum.1 + 1.0);
        }
        sums.into_iter().map(|(sum, n)| if n > 0.0 { sum / n } else { 0.0 }).collect()
    }
}

/// One column of the user features.
enum Attribute {
    /// One value of a text, `gender=F`: the lifts of those who have it.
    Value(Vec<f32>),
    /// A number: where its bands begin after the first, and the lifts of each band.
    Bands(Vec<f32>, Vec<Vec<f32>>),
}

impl Attribute {
    fn learn(column: usize, users: &Features, enjoyed: &Enjoyed, bands: usize) -> Self {
        let value = |user: usize| users.matrix().row(user)[column];
        if is_value(users, column) {
            return Self::Value(enjoyed.lifts(|user| f64::from(value(user))));
        }
        let mut values: Vec<f32> = (0..users.matrix().n_rows()).map(value).collect();
        // There are at most as many bands as users.
        let bands = bands.min(values.len());
        values.sort_unstable_by(f32::total_cmp);
        let mut cuts: Vec<f32> = (1..bands).map(|band| values[values.len() * band / bands]).collect();
        cuts.dedup();
        cuts.retain(|cut| *cut > values[0]);
        let of_band = |band: usize| enjoyed.lifts(|user| f64::from(u8::from(band_of(&cuts, value(user)) == band)));
        let lifts = (0..=cuts.len()).map(of_band).collect();
        Self::Bands(cuts, lifts)
    }

    /// Adds it to `weights` as the attribute of a column of the user features: `attributes.<column>.lifts`, `[n_items]`
    /// or `[n_bands, n_items]`, and for bands `attributes.<column>.cuts`, `[n_bands - 1]`.
    fn save(&self, column: usize, weights: Weights) -> Weights {
        let (lifts, cuts) = Self::names(column);
        match self {
            Self::Value(of_items) => weights.with(&lifts, &[of_items.len()], of_items.iter().copied()),
            Self::Bands(at, of_bands) => {
                let shape = [of_bands.len(), of_bands[0].len()];
                let numbers = of_bands.iter().flatten().copied();
                weights.with(&cuts, &[at.len()], at.iter().copied()).with(&lifts, &shape, numbers)
            }
        }
    }

    fn load(column: usize, weights: &mut Weights, catalogue: &Catalogue) -> Result<Self, LoadError> {
        let (lifts, cuts) = Self::names(column);
        let n_items = catalogue.n_items();
        if is_value(&catalogue.user_features, column) {
            return Ok(Self::Value(weights.take(&lifts, &[n_items])?));
        }
        let n_cuts = weights.n_rows(&cuts)?;
        let cuts = weights.take(&cuts, &[n_cuts])?;
        Ok(Self::Bands(cuts, weights.take_rows(&lifts, n_cuts + 1, n_items)?))
    }

    fn names(column: usize) -> (String, String) {
        (format!("attributes.{column}.lifts"), format!("attributes.{column}.cuts"))
    }

    fn n_parameters(&self) -> usize {
        match self {
            Self::Value(lifts) => lifts.len(),
            Self::Bands(cuts, lifts) => cuts.len() + lifts.iter().map(Vec::len).sum::<usize>(),
        }
    }
}

/// Whether a column of the user features is one value of a text, and no number.
fn is_value(users: &Features, column: usize) -> bool {
    users.names()[column].contains('=')
}

fn band_of(cuts: &[f32], value: f32) -> usize {
    cuts.partition_point(|cut| *cut <= value)
}

impl Approach for ProfileBased {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "what people enjoy who are alike in age, gender, … and like the same genres";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        let refuse = |reason: String| Err(OptionsError::Value { place: place.to_owned(), reason });
        let Self { enjoyed, prior_people, like_factor, bands, history: _ } = *self;
        if enjoyed.is_some_and(|stars| !stars.is_finite()) {
            return refuse("`enjoyed` is no finite number\nhint: a number of stars, such as `4`".to_owned());
        }
        if !(1e-15..=1e15).contains(&prior_people) {
            return refuse(format!(
                "`prior_people` is `{prior_people}`\nhint: a number from 1e-15 to 1e15, such as `100`"
            ));
        }
        if !(like_factor.is_finite() && like_factor >= 1.0) {
            return refuse(format!("`like_factor` is `{like_factor}`\nhint: a number of 1 or more, such as `8`"));
        }
        if bands == 0 {
            return refuse("`bands` is `0`\nhint: a number of 1 or more, such as `5`".to_owned());
        }
        Ok(())
    }

    fn follows_ratings(&self) -> bool {
        self.history
    }

    fn learn(&self, train: &Train, _: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let catalogue = &train.catalogue;
        let enjoyed = Enjoyed::new(&train.fit, catalogue, self)?;
        let (users, items) = (&catalogue.user_features, &catalogue.item_features);
        let n_users = catalogue.n_users();
        let fans = |column| {
            let fondness = enjoyed.fondness(items, column, n_users);
            enjoyed.lifts(|user| fondness[user])
        };
        let learned = Learned {
            like: libm::logf(self.like_factor),
            shares: enjoyed.shares(n_users),
            attributes: (0..users.names().len())
                .map(|column| Attribute::learn(column, users, &enjoyed, self.bands))
                .collect(),
            fans: (0..items.names().len()).map(fans).collect(),
        };
        let together = self.history.then(|| Together::new(enjoyed.by_user(catalogue), self, catalogue));
        Ok(Box::new(Alike { learned, together, catalogue: Arc::clone(catalogue) }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let (n_attributes, n_features) = (catalogue.user_features.names().len(), catalogue.item_features.names().len());
        let attributes = (0..n_attributes).map(|column| Attribute::load(column, weights, catalogue));
        let learned = Learned {
            attributes: attributes.collect::<Result<_, _>>()?,
            like: weights.take_one("like")?,
            shares: weights.take("items.share", &[catalogue.n_items()])?,
            fans: weights.take_rows("features.fans", n_features, catalogue.n_items())?,
        };
        let together = match self.history {
            true => Some(Together::new(Seen::load(weights, catalogue)?, self, catalogue)),
            false => None,
        };
        Ok(Box::new(Alike { learned, together, catalogue: Arc::clone(catalogue) }))
    }
}

/// What is kept in the file: logs of factors, one for each item of the catalogue.
struct Learned {
    /// The log of `like_factor`.
    like: f32,
    shares: Vec<f32>,
    /// One for each column of the user features.
    attributes: Vec<Attribute>,
    /// One for each column of the item features.
    fans: Vec<Vec<f32>>,
}

/// Who enjoyed what, and what the same people enjoyed beside it.
struct Together {
    /// The stars from which a visitor's rating counts.
    enjoyed: f32,
    by_user: Vec<Seen>,
    /// The users who enjoyed each item, ascending.
    by_item: Vec<Vec<usize>>,
    /// The share of the active users who enjoyed each item.
    shares: Vec<f64>,
}

impl Together {
    fn new(by_user: Vec<Seen>, options: &ProfileBased, catalogue: &Catalogue) -> Self {
        let mut by_item = vec![Vec::new(); catalogue.n_items()];
        for (user, items) in by_user.iter().enumerate() {
            items.items().iter().for_each(|item| by_item[item.index()].push(user));
        }
        let n_active = by_user.iter().filter(|items| !items.items().is_empty()).count() as f64;
        let shares = by_item.iter().map(|users| (users.len() as f64 + 0.5) / (n_active + 1.0)).collect();
        Self { enjoyed: options.enjoyed_from(catalogue.scale), by_user, by_item, shares }
    }

    /// What the asker enjoyed.
    fn of(&self, who: &Who<'_>, catalogue: &Catalogue) -> Seen {
        match who {
            Who::Known(user) => self.by_user[user.index()].clone(),
            Who::Visitor { history, .. } => {
                let enough = in_stars(history, catalogue).into_iter().filter(|entry| entry.value >= self.enjoyed);
                Seen::new(enough.filter_map(|entry| catalogue.items.at(entry.index())).collect())
            }
        }
    }

    /// The log-lift of each item of the catalogue for who enjoyed `item`.
    fn lifts(&self, item: ItemIdx) -> Vec<f32> {
        let mut n_both = vec![0.0; self.shares.len()];
        let users = &self.by_item[item.index()];
        for other in users.iter().flat_map(|user| self.by_user[*user].items()) {
            n_both[other.index()] += 1.0;
        }
        let whole = users.len() as f64 + OWN_PRIOR;
        // Most items were never enjoyed by the same people.
        let never = libm::log(OWN_PRIOR / whole) as f32;
        let lift = |(both, share): (&f64, &f64)| match *both {
            0.0 => never,
            both => libm::log((both / share + OWN_PRIOR) / whole) as f32,
        };
        n_both.iter().zip(&self.shares).map(lift).collect()
    }
}

struct Alike {
    learned: Learned,
    /// Where histories count.
    together: Option<Together>,
    catalogue: Arc<Catalogue>,
}

/// A part of a score.
enum Part<'a> {
    /// A number for each item.
    Lifts(String, &'a [f32]),
    /// The same of an attribute, which counts less the more is known.
    Attribute(String, &'a [f32], f32),
    /// The same of an item that the asker enjoyed, and how much it counts.
    Own(ItemIdx, Vec<f32>, f32),
    /// A liked feature of the items, by its column.
    Likes(usize),
}

impl Alike {
    /// What the asker states.
    fn stated(&self, who: &Who<'_>) -> Result<Stated, ScoreError> {
        match who {
            Who::Visitor { profile, .. } => profile.stated(&self.catalogue),
            Who::Known(user) => {
                let row = self.catalogue.user_features.matrix().row(user.index());
                Ok(Stated { likes: Vec::new(), attributes: row.iter().copied().enumerate().collect() })
            }
        }
    }

    /// The parts that the asker's scores are the sum of.
    fn parts(&self, who: &Who<'_>, stated: Stated) -> Vec<Part<'_>> {
        let Stated { likes, attributes } = stated;
        let (users, items) = (&self.catalogue.user_features, &self.catalogue.item_features);
        let mut parts = vec![Part::Lifts("enjoyed by everyone".to_owned(), &self.learned.shares)];
        let own = self.together.as_ref().map(|together| (together, together.of(who, &self.catalogue)));
        let n_own = own.as_ref().map_or(0, |(_, own)| own.items().len());
        let counts = 1.0 / (1.0 + n_own as f32);
        for (column, value) in attributes {
            match &self.learned.attributes[column] {
                Attribute::Value(lifts) if value > 0.0 => {
                    parts.push(Part::Attribute(format!("people of {}", users.names()[column]), lifts, counts));
                }
                Attribute::Value(_) => {}
                Attribute::Bands(cuts, lifts) => {
                    let band = band_of(cuts, value);
                    parts.push(Part::Attribute(band_name(users, column, cuts, band), &lifts[band], counts));
                }
            }
        }
        for column in likes {
            parts.push(Part::Likes(column));
            parts.push(Part::Lifts(format!("people who enjoy {}", items.names()[column]), &self.learned.fans[column]));
        }
        if let Some((together, own)) = own {
            let counts = libm::pow(n_own.max(1) as f64, -OWN_EXPONENT) as f32;
            parts.extend(own.items().iter().map(|item| Part::Own(*item, together.lifts(*item), counts)));
        }
        parts
    }

    /// What a part adds to the score of `item`.
    fn effect(&self, part: &Part<'_>, item: usize) -> f32 {
        match part {
            Part::Lifts(_, lifts) => lifts[item],
            Part::Attribute(_, lifts, counts) => counts * lifts[item],
            Part::Own(_, lifts, counts) => counts * lifts[item],
            Part::Likes(column) => self.learned.like * self.catalogue.item_features.matrix().row(item)[*column],
        }
    }
}

/// `people of age from 25 to below 31`, in the numbers of the source's file.
fn band_name(users: &Features, column: usize, cuts: &[f32], band: usize) -> String {
    let number = |cut: f32| users.unscaled(column, cut).map_or(f64::from(cut), |n| (n * 1000.0).round() / 1000.0);
    let name = &users.names()[column];
    match (band.checked_sub(1).map(|before| number(cuts[before])), cuts.get(band).map(|&cut| number(cut))) {
        (None, None) => format!("people of any {name}"),
        (None, Some(end)) => format!("people of {name} below {end}"),
        (Some(start), None) => format!("people of {name} from {start}"),
        (Some(start), Some(end)) => format!("people of {name} from {start} to below {end}"),
    }
}

impl EachQuery for Alike {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        let stated = self.stated(&query.who)?;
        let mut sums = vec![0.0; self.catalogue.n_items()];
        for part in self.parts(&query.who, stated) {
            sums.iter_mut().enumerate().for_each(|(item, sum)| *sum += self.effect(&part, item));
        }
        query.candidates.write(scores, |item| sums[item]);
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let parts = self.parts(&query.who, self.stated(&query.who)?);
        let names = self.catalogue.item_features.names();
        let explanation = |item: &ItemIdx| {
            let mut explanation = Explanation { score: 0.0, terms: Vec::new(), without: Vec::new() };
            for part in &parts {
                let effect = self.effect(part, item.index());
                explanation.score += effect;
                let cause = match part {
                    Part::Lifts(name, _) | Part::Attribute(name, ..) => Cause::Part { name: name.clone() },
                    Part::Own(item, ..) => Cause::Item { item: *item, similarity: effect, rating: None },
                    Part::Likes(_) if effect == 0.0 => continue,
                    Part::Likes(column) => {
                        let name = names[*column].clone();
                        explanation.without.push(Ablation { feature: name.clone(), change: -effect });
                        Cause::Feature { name, weight: self.learned.like }
                    }
                };
                explanation.terms.push(Term { cause, effect });
            }
            explanation
        };
        Ok(Some(items.iter().map(explanation).collect()))
    }
}

impl Fitted for Alike {
    fn n_parameters(&self) -> usize {
        let Learned { shares, attributes, fans, .. } = &self.learned;
        let attributes: usize = attributes.iter().map(Attribute::n_parameters).sum();
        let met = self.together.iter().flat_map(|together| &together.by_user).map(|items| items.items().len());
        shares.len() + attributes + fans.iter().map(Vec::len).sum::<usize>() + met.sum::<usize>()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let Learned { like, shares, attributes, fans } = &self.learned;
        let weights = Weights::new(NAME, &self.catalogue)
            .with("like", &[], [*like])
            .with("items.share", &[shares.len()], shares.iter().copied())
            .with("features.fans", &[fans.len(), shares.len()], fans.iter().flatten().copied());
        let weights = match &self.together {
            Some(together) => Seen::save(&together.by_user, weights),
            None => weights,
        };
        Ok(attributes.iter().enumerate().fold(weights, |weights, (column, one)| one.save(column, weights)))
    }
}

#[cfg(test)]
mod tests;
