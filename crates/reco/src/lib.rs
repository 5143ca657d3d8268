//! Recommenders from a table of ratings: trained, asked and measured in a few lines.
//!
//! Re-exports the crates of reco under one name; the command-line program `reco` is built from the same ones. Does not
//! know anything that they do not.
//!
//! **Invariant**: without the feature `networks` it builds in seconds; without `data` it reads no file.
//!
//! # From ratings in memory
//! ```
//! use reco::{Approach, Protocol, Run, Svd, Test, Train, evaluate};
//!
//! let train = Train::from_ratings([("ann", "Alien", 5.0), ("ann", "Brazil", 3.0), ("bob", "Alien", 4.0)])?;
//! let model = Svd { epochs: 30, ..Svd::default() }.fit(&train, &Run::default())?;
//! for (item, score) in model.recommend("bob", 10)? {
//!     println!("{item}  {score:.2}");
//! }
//! let test = Test::from_ratings(&train, [("bob", "Brazil", 5.0)])?;
//! let report = evaluate(&model, &test, &Protocol::default())?;
//! println!("{report}");
//! # assert_eq!(report.metric("hit@10"), Some(1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! Ids are text or integers. [`Train::from_events`] takes clicks and purchases without stars, and [`Train::builder`] a
//! rating scale, features of items and users, contexts, times and validation rows.
//!
//! # Which model
//! | struct | learns from | for someone new |
//! | --- | --- | --- |
//! | [`Popularity`] | rows | the same list for everyone |
//! | [`TopRated`] | stars | the same list for everyone |
//! | [`ProfileBased`] | rows, features of users and items | by what they state |
//! | [`Baseline`] | stars | by what they rated |
//! | [`UserKnn`], [`ItemKnn`] | stars | by what they rated |
//! | [`Svd`] | stars | by what they rated |
//! | [`Clusters`] | stars | by what they rated |
//! | [`Random`], [`UserMean`] | – | yardsticks |
#![cfg_attr(
    feature = "networks",
    doc = "| [`networks::Content`] | rows, features of items | by what they rated |\n| [`networks::Collaborative`], [`networks::Neural`], [`networks::Hybrid`] | stars; the last, features and contexts too | no answer |"
)]
//!
//! All options are public fields with documented defaults. Every approach also stands in a registry by its name, with
//! its options as JSON: [`APPROACHES`].
//!
//! # Ask a model
//! ```
//! # use reco::{Approach, ItemKnn, Run, Train, Visitor};
//! # let train = Train::from_ratings([
//! #     ("ann", "Alien", 5.0), ("ann", "Brazil", 3.0), ("bob", "Alien", 4.0), ("bob", "Casablanca", 2.0),
//! # ])?;
//! # let model = ItemKnn::default().fit(&train, &Run::default())?;
//! let best = model.recommend("ann", 10)?;                                // a user of the training rows
//! let best = model.recommend(Visitor::new().rated("Alien", 5.0), 10)?;   // someone new
//! let alike = model.similar_items("Alien", 10)?;
//! let scores = model.score_items("ann", ["Casablanca"])?;
//! if let Some(reasons) = model.reasons("ann", "Casablanca")? {
//!     println!("{reasons}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use reco_classic::{
    APPROACHES, Baseline, BayesianFm, BayesianFmModel, Clusters, Ease, Ials, ImplicitKnn, ItemFeatures, ItemKnn, Knn,
    Popularity, ProfileBased, Random, RatingModel, Side, Similarity, Svd, SvdPlusPlus, TopRated, Trending, UserEase,
    UserKnn, UserMean, Variant, Weighting,
};
pub use reco_core::{
    Approach, AskError, Asker, Checkpoints, DeviceChoice, EachQuery, FitError, Fitted, ItemId, Model, Progress,
    RawInteraction, Reasons, Recommender, RowError, Run, ScoreError, ScoreKind, Train, TrainBuilder, TrainError,
    UserId, Visitor,
};
pub use reco_eval::{EvalError, Evaluation, METRICS, MetricEntry, Protocol, Test, TestError, evaluate, evaluate_by};

/// The crate of types and traits, whole: queries, rankings, catalogues, for models of one's own.
pub use reco_core as core;

/// The crate of metrics, whole: what a metric of one's own looks at, intervals, comparisons.
pub use reco_eval as eval;

/// Ratings from files and Arrow tables, features, splits.
///
/// ```no_run
/// use reco::data::{DataConfig, FeaturesConfig, SplitConfig, held_out, read};
/// use reco::{Approach, Protocol, Run, Svd, evaluate};
///
/// let (data, features, split) = (DataConfig::default(), FeaturesConfig::default(), SplitConfig::default());
/// let dataset = read("ratings.csv".as_ref(), &data, &features, &split, 42)?;
/// let model = Svd::default().fit(&dataset.train(), &Run::default())?;
/// println!("{}", evaluate(&model, &held_out(&dataset), &Protocol::default())?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "data")]
pub mod data {
    pub use reco_data::{BatchColumns, Columns, DataConfig, DataError, interactions, is_table};
    pub use reco_features::{Dataset, FeaturesConfig, FeaturesError, SPLITS, SplitConfig, read};

    use reco_eval::{Test, TrainingCounts};

    /// The test part of `dataset`, to evaluate on. Genres are not told, so that miscalibration has no value.
    pub fn held_out(dataset: &Dataset) -> Test {
        let counts = TrainingCounts::new(&dataset.fit, &dataset.catalogue);
        Test::new(&dataset.catalogue, dataset.test_users(), dataset.seen(), counts)
    }
}

/// The neural networks, trained on any GPU or on the CPU.
#[cfg(feature = "networks")]
pub mod networks {
    pub use reco_models::*;
}
