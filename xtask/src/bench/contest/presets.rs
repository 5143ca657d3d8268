//! Lists the presets of the contest: who enters, who is a baseline, and which columns decide.
//!
//! Does not know how they are run.
//!
//! **Invariant**: a name here is a file, an approach or a column of `data/experiments`.

/// A preset, and what is read from its runs.
pub(super) struct Preset {
    pub(super) name: &'static str,
    pub(super) entrants: &'static Entrants,
    /// Keys that make it run on MovieLens 100K, where it is about other data.
    pub(super) sets: &'static [&'static str],
    /// The column that decides, and others.
    pub(super) columns: &'static [&'static str],
    /// Entrants that the protocol refuses.
    pub(super) without: &'static [&'static str],
}

/// A list of approaches, and who among them is a baseline.
pub(super) struct Entrants {
    /// The experiment that lists them with their tuned options.
    pub(super) file: &'static str,
    /// Simple models that others have as well. The best of them is what everyone is compared with.
    pub(super) baselines: &'static [&'static str],
    /// Those whose result depends on the seed.
    pub(super) chance: &'static [&'static str],
    /// Who runs on further splits; the first is what the others are compared with.
    pub(super) leaders: &'static [&'static str],
}

const LISTS: Entrants = Entrants {
    file: "contest-lists",
    baselines: &["popularity", "implicit-item-knn", "implicit-user-knn", "ease-plain", "ials"],
    chance: &["ials", "collaborative-lists", "neural-lists", "hybrid-lists", "blend"],
    leaders: &["ease-plain", "ease", "ials", "neural-lists", "hybrid-lists", "blend-linear", "blend", "blend-learned"],
};

const STARS: Entrants = Entrants {
    file: "contest-stars",
    baselines: &["baseline", "item-knn", "user-knn", "svd", "svdpp"],
    chance: &["svd", "svdpp", "bayesian-fm", "collaborative", "neural", "hybrid"],
    leaders: &["svdpp", "item-knn", "bayesian-fm", "blend"],
};

/// They know only the users that they were trained on.
const KNOW_ONLY_THEIR_USERS: &[&str] = &["collaborative", "neural", "hybrid", "collaborative-lists"];

const RANKING: &[&str] = &["ndcg@10", "mrr@10", "recall@10"];

pub(super) const PRESETS: [Preset; 10] = [
    preset("ratio-811", &LISTS, RANKING),
    preset("leave-one-out", &LISTS, &["ndcg@10", "mrr@10", "hit@10"]),
    preset("ncf-loo99", &LISTS, &["sampled99_ndcg@10", "sampled99_hit@10"]),
    preset("msr-75-25", &LISTS, RANKING),
    preset("temporal", &LISTS, RANKING),
    Preset {
        without: KNOW_ONLY_THEIR_USERS,
        ..preset("vae-strong", &LISTS, &["ndcg@100", "capped_recall@20", "capped_recall@50"])
    },
    Preset { without: KNOW_ONLY_THEIR_USERS, ..preset("cold-users", &LISTS, RANKING) },
    preset("cold-items", &LISTS, RANKING),
    preset("surprise-5fold", &STARS, &["rmse", "mae"]),
    Preset {
        sets: &[
            "data.name=ml-100k",
            "data.fetch=ml-100k",
            "data.from=[]",
            "data.rows=0",
            "data.rating_scale=[1,5]",
            "features.drop_items=[]",
            "features.drop_items_without_genres=false",
        ],
        ..preset("article", &STARS, &["scaled_mae", "hit_share", "article_accuracy", "article_mrr", "mrr"])
    },
];

const fn preset(name: &'static str, entrants: &'static Entrants, columns: &'static [&'static str]) -> Preset {
    Preset { name, entrants, columns, sets: &[], without: &[] }
}

/// Seeds of those who depend on it, besides the preset's own.
pub(super) const SEEDS: [u64; 2] = [43, 44];

/// The seed of the presets, which draws their splits.
pub(super) const SEED: u64 = 42;
