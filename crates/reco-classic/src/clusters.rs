//! Rating prediction by k-means clusters of users and cluster smoothing (Xue et al. 2005, equations 3 and 4).
//!
//! `r_ui = b_ui + Σ_v (r_vi - b_vi) / (reg + n)` over the n users v of u's cluster who rated i. Unlike in "Scalable
//! Collaborative Filtering Using Cluster-based Smoothing", deviations are from baselines, not from users' means, and
//! are shrunk. A user's profile is what the baseline leaves of their ratings of the most rated items, divided by √(1 +
//! its squared length); k-means clusters these profiles. Does not know single neighbours: users of a cluster differ in
//! their baselines alone.
//!
//! **Invariant**: a user who rated none of the profile's items is in no cluster and gets the baseline; a visitor whose
//! history is a user's rows gets that user's scores.

use std::num::NonZeroUsize;
use std::sync::Arc;

use reco_core::memory::Need;
use reco_core::options::OptionsError;
use reco_core::{
    Approach, Catalogue, EachQuery, Explanation, FitError, Fitted, ItemIdx, LoadError, Loaded, Query, Requirement, Run,
    ScoreError, ScoreKind, Train, Weights, Who,
};
use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, Biases, not_negative};
use crate::k_means;
use crate::rating_matrix::{Entry, Stars, in_stars};
use crate::terms::{self, part};

const NAME: &str = "clusters";

/// The approach `clusters`: what users of the same kind give the item, by k-means over their ratings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clusters {
    /// How many clusters of users there are, at most.
    pub n_clusters: NonZeroUsize,
    /// How many items a profile has, the most rated first.
    pub n_profile_items: NonZeroUsize,
    /// How often k-means goes over all users, at most.
    pub max_iterations: NonZeroUsize,
    /// How many users with a deviation of 0 each cluster is given besides its own.
    pub reg: f64,
    /// The baseline.
    pub baseline: Baseline,
}

impl Default for Clusters {
    fn default() -> Self {
        let count = |n| NonZeroUsize::new(n).expect("no default is 0");
        Self {
            n_clusters: count(8),
            n_profile_items: count(256),
            max_iterations: count(100),
            reg: 20.0,
            baseline: Baseline::default(),
        }
    }
}

impl Approach for Clusters {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "stars: what users of the same kind give the item";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        not_negative(place, "reg", self.reg)?;
        self.baseline.check(&format!("{place}.baseline"))
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        let (n_users, n_items) = (catalogue.n_users(), catalogue.n_items());
        let (n_clusters, n_profile_items) =
            (self.n_clusters.get().min(n_users), self.n_profile_items.get().min(n_items));
        Need::default()
            .and("profiles", &[2, n_users, n_profile_items], 8)
            .and("clusters' items", &[n_clusters, n_items], 24)
            .and("centroids", &[2, n_clusters, n_profile_items], 8)
            .lowered_by("n_clusters")
            .lowered_by("n_profile_items")
    }

    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        // Only the fit needs the users' profiles.
        let (n_clusters, n_items) = (self.n_clusters.get().min(catalogue.n_users()), catalogue.n_items());
        Need::default()
            .and("clusters' items", &[2, n_clusters, n_items], 8)
            .and("centroids", &[2, n_clusters, self.n_profile_items.get().min(n_items)], 8)
            .lowered_by("n_clusters")
            .lowered_by("n_profile_items")
    }

    fn requires(&self) -> Vec<Requirement> {
        vec![Requirement::Stars]
    }

    fn learn(&self, train: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let stars = Stars::new(train, NAME)?;
        let biases = Biases::new(&stars, self.baseline, run.progress)?;
        let mut kinds = Kinds {
            profile_items: most_rated(&stars, self.n_profile_items.get()),
            centroids: Vec::new(),
            deviations: Vec::new(),
            users: Vec::new(),
            biases,
        };
        let profiles: Vec<Option<Vec<f64>>> =
            stars.by_user.iter().map(|(user, rated)| kinds.profile(rated, kinds.biases.users[user])).collect();
        let known: Vec<Vec<f64>> = profiles.iter().flatten().cloned().collect();
        kinds.centroids = k_means::centroids(&known, self.n_clusters, self.max_iterations, run.seed, run.progress)?;
        kinds.users = profiles
            .iter()
            .map(|profile| profile.as_ref().and_then(|at| k_means::nearest(at, &kinds.centroids)))
            .collect();
        kinds.deviations = self.deviations(&stars, &kinds);
        Ok(Box::new(Model { kinds, options: *self, catalogue: Arc::clone(&train.catalogue) }))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let kinds = Kinds::load(weights, catalogue)?;
        Ok(Box::new(Model { kinds, options: *self, catalogue: Arc::clone(catalogue) }))
    }
}

impl Clusters {
    /// `[n_clusters, n_items]`: what each cluster adds to the baseline of each item.
    fn deviations(&self, stars: &Stars, kinds: &Kinds) -> Vec<Vec<f64>> {
        let mut sums = vec![vec![(0.0, 0.0); stars.by_item.len()]; kinds.centroids.len()];
        for (user, rated) in stars.by_user.iter() {
            let Some(cluster) = kinds.users[user] else { continue };
            for entry in rated {
                let (sum, n) = &mut sums[cluster][entry.index()];
                *sum += kinds.residual(entry, kinds.biases.users[user]);
                *n += 1.0;
            }
        }
        let shrunk = |(sum, n): (f64, f64)| if n > 0.0 { sum / (self.reg + n) } else { 0.0 };
        sums.into_iter().map(|cluster| cluster.into_iter().map(shrunk).collect()).collect()
    }
}

/// The `n` items with most ratings, in catalogue order; items without any are left out.
fn most_rated(stars: &Stars, n: usize) -> Vec<usize> {
    let mut items: Vec<(usize, usize)> = stars.by_item.iter().map(|(item, raters)| (raters.len(), item)).collect();
    items.retain(|(n_raters, _)| *n_raters > 0);
    items.sort_by_key(|(n_raters, item)| (std::cmp::Reverse(*n_raters), *item));
    let mut items: Vec<usize> = items.into_iter().take(n).map(|(_, item)| item).collect();
    items.sort_unstable();
    items
}

/// What was learned.
struct Kinds {
    biases: Biases,
    /// The items whose ratings make a profile, in catalogue order.
    profile_items: Vec<usize>,
    /// `[n_clusters, n_profile_items]`
    centroids: Vec<Vec<f64>>,
    /// `[n_clusters, n_items]`
    deviations: Vec<Vec<f64>>,
    /// The cluster of each user of the catalogue.
    users: Vec<Option<usize>>,
}

impl Kinds {
    /// What the baseline leaves of one rating.
    fn residual(&self, entry: &Entry, bias: f64) -> f64 {
        f64::from(entry.value) - self.biases.expected(bias, entry.index())
    }

    /// The profile of someone who rated `rated`; `None` if they rated none of its items.
    fn profile(&self, rated: &[Entry], bias: f64) -> Option<Vec<f64>> {
        let mut profile = vec![0.0; self.profile_items.len()];
        let mut squares = 0.0;
        let mut is_empty = true;
        for entry in rated {
            if let Ok(place) = self.profile_items.binary_search(&entry.index()) {
                profile[place] = self.residual(entry, bias);
                squares += profile[place] * profile[place];
                is_empty = false;
            }
        }
        // The 1 keeps a few ratings near the baseline from becoming a strong taste.
        let length = f64::sqrt(1.0 + squares);
        profile.iter_mut().for_each(|number| *number /= length);
        (!is_empty).then_some(profile)
    }

    fn save(&self, weights: Weights) -> Weights {
        let (n_clusters, n_profile_items) = (self.centroids.len(), self.profile_items.len());
        // There are fewer items and clusters than 2^31; no cluster is -1.
        let items = self.profile_items.iter().map(|item| *item as u32);
        let users = self.users.iter().map(|cluster| cluster.map_or(-1, |cluster| cluster as i32));
        self.biases
            .save(weights)
            .with("profile.item", &[n_profile_items], items)
            .with("clusters.profile", &[n_clusters, n_profile_items], self.centroids.iter().flatten().copied())
            .with(
                "clusters.deviation",
                &[n_clusters, self.biases.items.len()],
                self.deviations.iter().flatten().copied(),
            )
            .with("users.cluster", &[self.users.len()], users)
    }

    fn load(weights: &mut Weights, catalogue: &Catalogue) -> Result<Self, LoadError> {
        let (n_users, n_items) = (catalogue.n_users(), catalogue.n_items());
        let (n_clusters, n_profile_items) = (weights.n_rows("clusters.profile")?, weights.n_rows("profile.item")?);
        let users: Vec<i32> = weights.take("users.cluster", &[n_users])?;
        let items: Vec<u32> = weights.take("profile.item", &[n_profile_items])?;
        let is_cluster = |cluster: &i32| *cluster == -1 || usize::try_from(*cluster).is_ok_and(|one| one < n_clusters);
        let fits = n_clusters <= n_users
            && users.iter().all(is_cluster)
            && items.is_sorted_by(|a, b| a < b)
            && items.last().is_none_or(|item| (*item as usize) < n_items);
        if !fits {
            return Err(LoadError::Weights { reason: format!("its `{n_clusters}` clusters do not fit the catalogue") });
        }
        Ok(Self {
            biases: Biases::load(weights, catalogue)?,
            centroids: weights.take_rows("clusters.profile", n_clusters, n_profile_items)?,
            deviations: weights.take_rows("clusters.deviation", n_clusters, n_items)?,
            profile_items: items.into_iter().map(|item| item as usize).collect(),
            users: users.into_iter().map(|cluster| usize::try_from(cluster).ok()).collect(),
        })
    }
}

struct Model {
    kinds: Kinds,
    options: Clusters,
    catalogue: Arc<Catalogue>,
}

impl Model {
    /// The bias and the cluster of the asker.
    fn asker(&self, who: &Who<'_>) -> (f64, Option<usize>) {
        match who {
            Who::Known(user) => (self.kinds.biases.users[user.index()], self.kinds.users[user.index()]),
            Who::Visitor { history, .. } => {
                let rated = in_stars(history, &self.catalogue);
                let bias = self.kinds.biases.of_user(&rated, self.options.baseline);
                let profile = self.kinds.profile(&rated, bias);
                (bias, profile.and_then(|profile| k_means::nearest(&profile, &self.kinds.centroids)))
            }
        }
    }

    fn deviation(&self, cluster: Option<usize>, item: usize) -> f64 {
        cluster.map_or(0.0, |cluster| self.kinds.deviations[cluster][item])
    }
}

impl EachQuery for Model {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Stars
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        let (bias, cluster) = self.asker(&query.who);
        query.candidates.write(scores, |item| {
            let expected = self.kinds.biases.expected(bias, item) + self.deviation(cluster, item);
            terms::clipped(expected, self.catalogue.scale)
        });
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let (bias, cluster) = self.asker(&query.who);
        let explain = |item: &ItemIdx| {
            let deviation = self.deviation(cluster, item.index());
            let mut terms = self.kinds.biases.terms(bias, *item);
            terms.extend(cluster.map(|cluster| part(&format!("cluster {cluster}"), deviation)));
            let expected = self.kinds.biases.expected(bias, item.index()) + deviation;
            terms::explanation(terms, expected, self.catalogue.scale)
        };
        Ok(Some(items.iter().map(explain).collect()))
    }
}

impl Fitted for Model {
    /// Biases, centroids, what clusters add, and the cluster of each user.
    fn n_parameters(&self) -> usize {
        let Kinds { biases, centroids, deviations, users, .. } = &self.kinds;
        biases.len() + centroids.iter().chain(deviations).map(Vec::len).sum::<usize>() + users.len()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        Ok(self.kinds.save(Weights::new(NAME, &self.catalogue)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rating_matrix::tests::{fit, query, scores_of, train, visitor_like};
    use reco_core::ApproachEntry;
    use reco_core::Cause;
    use serde_json::{Value, json};

    const ENTRY: ApproachEntry = ApproachEntry::of::<Clusters>();

    /// Users 0 to 2 like items 0 and 1, users 3 to 5 like items 2 and 3; users 0 and 3 have not met items 1 and 3; user
    /// 6 has rated nothing.
    const ROWS: [(usize, usize, f32); 20] = [
        (0, 0, 5.0),
        (0, 2, 1.0),
        (1, 0, 5.0),
        (1, 1, 5.0),
        (1, 2, 1.0),
        (1, 3, 1.0),
        (2, 0, 5.0),
        (2, 1, 5.0),
        (2, 2, 1.0),
        (2, 3, 1.0),
        (3, 0, 1.0),
        (3, 2, 5.0),
        (4, 0, 1.0),
        (4, 1, 1.0),
        (4, 2, 5.0),
        (4, 3, 5.0),
        (5, 0, 1.0),
        (5, 1, 1.0),
        (5, 2, 5.0),
        (5, 3, 5.0),
    ];

    /// Two clusters, and baselines that are the mean: 60 stars in 20 ratings are 3.
    fn options() -> Value {
        json!({ "n_clusters": 2, "reg": 1.0, "baseline": { "epochs": 0 } })
    }

    #[test]
    fn two_kinds_by_hand() {
        let fitted = fit(&ENTRY, &options(), &train(7, 5, &ROWS));
        // Of user 0's kind, three rated item 0 two stars above 3: 3 + 6 / (1 + 3). Two rated item 1: 3 + 4 / (1 + 2),
        // and item 3 as far below. Nobody rated item 4.
        let third = 1.0 / 3.0;
        assert_eq!(scores_of(&*fitted, 0), [4.5, 4.0 + third, 1.5, 2.0 - third, 3.0]);
        assert_eq!(scores_of(&*fitted, 3), [1.5, 2.0 - third, 4.5, 4.0 + third, 3.0]);
        assert_eq!(scores_of(&*fitted, 6), [3.0; 5], "nobody's kind");
        assert_eq!(visitor_like(&*fitted, &ROWS, 3), scores_of(&*fitted, 3));
        assert_eq!(visitor_like(&*fitted, &ROWS, 6), scores_of(&*fitted, 6));

        let item = fitted.catalogue().items.at(0).unwrap();
        let explanation = fitted.explain(&query(&*fitted, 0), &[item]).unwrap().unwrap().remove(0);
        let last = explanation.terms.last().unwrap();
        assert!(matches!(&last.cause, Cause::Part { name } if name.starts_with("cluster ")), "{last:?}");
        assert_eq!((last.effect, explanation.score), (1.5, 4.5));
    }

    #[test]
    fn more_clusters_than_profiles_are_as_many_as_profiles() {
        let mut many = options();
        many["n_clusters"] = json!(100);
        let fitted = fit(&ENTRY, &many, &train(7, 5, &ROWS));
        // Users 1 and 2 have one profile, and so have 4 and 5: four clusters.
        let biases = 1 + 7 + 5;
        assert_eq!(fitted.n_parameters(), biases + 4 * 4 + 4 * 5 + 7);
        let one = fit(&ENTRY, &many, &train(2, 2, &[(0, 0, 5.0), (1, 0, 5.0)]));
        assert_eq!(scores_of(&*one, 0), [5.0, 5.0]);
    }

    #[test]
    fn an_option_that_cannot_be_is_refused() {
        let refuse = |given| (ENTRY.configure)(&given).err().unwrap().to_string();
        assert_eq!(refuse(json!({ "reg": -1.0 })), "[[approach]] clusters: `reg` is `-1`\nhint: it is a number from 0");
        assert!(
            refuse(json!({ "n_clusters": 0 })).starts_with("[[approach]] clusters `n_clusters`: `0`: invalid value")
        );
    }
}
