//! Lists the datasets that can be fetched, with their terms of use and mirrors.
//!
//! Does not know how to fetch: a mirror is a description.
//!
//! **Invariant**: every archive named here is one file, and a mirror says which file of it holds the ratings, so that
//! an archive without them is refused.

use std::fmt;

/// A dataset of GroupLens, whose archive has its name; perhaps with a further mirror.
macro_rules! movielens {
    ($name:literal, $page:literal, $ratings:literal, $licence:expr, $about:literal $(, $mirror:expr)?) => {
        Dataset {
            name: $name,
            about: $about,
            licence: $licence,
            citation: HARPER_KONSTAN,
            page: concat!("https://grouplens.org/datasets/movielens/", $page, "/"),
            mirrors: &[
                Mirror {
                    archive: concat!($name, ".zip"),
                    origin: Origin::Http {
                        url: concat!("https://files.grouplens.org/datasets/movielens/", $name, ".zip"),
                    },
                    folder: None,
                    ratings: Ratings { file: $ratings, header: false },
                    note: None,
                },
                $($mirror)?
            ],
        }
    };
}

/// The datasets that `reco fetch` knows, smallest first.
pub const DATASETS: &[Dataset] = &[
    movielens!(
        "ml-100k",
        "100k",
        "u.data",
        NO_REDISTRIBUTION,
        "100,000 ratings of 1,682 films by 943 users, 1997-1998, with age, gender and occupation",
        Mirror {
            archive: "recbole-1.2.1-py3-none-any.whl",
            origin: Origin::Pip { requirement: "recbole==1.2.1" },
            folder: Some("recbole/dataset_example/ml-100k"),
            ratings: Ratings { file: "ml-100k.inter", header: true },
            note: Some(
                "titles differ from GroupLens' own archive: they have no year (it has a column of its own), item 267 \
                 is `unkonwn` and item 1412 has the year `V`; ratings, years and genres are otherwise the same",
            ),
        }
    ),
    movielens!(
        "ml-latest-small",
        "latest",
        "ratings.csv",
        SAME_CONDITIONS,
        "100,836 ratings of 9,742 films by 610 users, up to September 2018"
    ),
    movielens!(
        "ml-1m",
        "1m",
        "ratings.dat",
        NO_REDISTRIBUTION,
        "1,000,209 ratings of 3,883 films by 6,040 users, 2000, with age, gender and occupation"
    ),
    movielens!(
        "ml-10m",
        "10m",
        "ratings.dat",
        NO_REDISTRIBUTION,
        "10,000,054 ratings of 10,681 films by 71,567 users, 2009"
    ),
    movielens!(
        "ml-20m",
        "20m",
        "ratings.csv",
        SAME_CONDITIONS,
        "20,000,263 ratings of 27,278 films by 138,493 users, 2015"
    ),
    movielens!(
        "ml-25m",
        "25m",
        "ratings.csv",
        SAME_CONDITIONS,
        "25,000,095 ratings of 62,423 films by 162,541 users, 2019"
    ),
    movielens!(
        "ml-32m",
        "32m",
        "ratings.csv",
        SAME_CONDITIONS,
        "32,000,204 ratings of 87,585 films by 200,948 users, 2023"
    ),
];

/// A dataset that can be fetched.
#[derive(Clone, Copy, Debug)]
pub struct Dataset {
    /// Its name in `reco fetch`, and that of its folder.
    pub name: &'static str,
    /// One line for help.
    pub about: &'static str,
    /// The terms of use, in short. The archive holds them in full.
    pub licence: &'static str,
    /// What to cite.
    pub citation: &'static str,
    /// Its owner's page about it.
    pub page: &'static str,
    /// Tried in order.
    pub(super) mirrors: &'static [Mirror],
}

impl Dataset {
    /// The dataset of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        DATASETS.iter().find(|dataset| dataset.name == name)
    }
}

/// A place to get a dataset from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mirror {
    /// The file name of the archive (zip, and a wheel is one).
    pub(super) archive: &'static str,
    pub(super) origin: Origin,
    /// The only folder of the archive that is taken; `None`: everything, without a top folder common to all.
    pub(super) folder: Option<&'static str>,
    pub(super) ratings: Ratings,
    /// How this copy differs from the owner's archive.
    pub(super) note: Option<&'static str>,
}

/// How an archive is obtained.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// Downloaded.
    Http { url: &'static str },
    /// By `pip download`.
    Pip { requirement: &'static str },
}

/// The file with the ratings, after unpacking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ratings {
    pub(super) file: &'static str,
    /// Whether its first line is a header, which the digest leaves out.
    pub(super) header: bool,
}

impl fmt::Display for Mirror {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Http { url } => write!(formatter, "{url}"),
            Origin::Pip { requirement } => write!(formatter, "PyPI (`{requirement}`)"),
        }
    }
}

impl Mirror {
    /// How a person gets the archive without this program.
    pub(super) fn by_hand(&self) -> String {
        match self.origin {
            Origin::Http { url } => format!("download {url}"),
            Origin::Pip { requirement } => format!("run `pip download --no-deps {requirement}`"),
        }
    }
}

/// The paper that GroupLens asks to be cited.
pub(crate) const HARPER_KONSTAN: &str = "\
    F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. ACM Transactions on \
    Interactive Intelligent Systems 5, 4, Article 19. https://doi.org/10.1145/2827872";

const NO_REDISTRIBUTION: &str = "\
    GroupLens: for research; acknowledge it in publications; no redistribution and no commercial use without \
    permission; imply no endorsement";

const SAME_CONDITIONS: &str = "\
    GroupLens: for research; acknowledge it in publications; redistribution under the same conditions only; no \
    commercial use without permission; imply no endorsement";
