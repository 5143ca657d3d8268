//! The catalogue, rows of ratings or events, and the held-out rows of a user.
//!
//! Does not know how rows were split, nor where they were read from.
//!
//! **Invariant**: columns of [`Interactions`] have one length; a [`TestUser`] is not empty.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Features, Integers, ItemIdx, Items, LoadError, Matrix, Rating, RatingError, RatingScale, Scaling, Target, UserIdx,
    Users, Weights, Who,
};

/// Everything known about users and items before any rating is looked at, and the meaning of numbers.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// All users, in source order.
    pub users: Users,
    /// All items, in source order.
    pub items: Items,
    /// `[n_users, n_user_features]`
    pub user_features: Features,
    /// `[n_items, n_features]`: `old` and the genres, for MovieLens.
    pub item_features: Features,
    /// The columns that describe the moment of a rating: `daytime`, `weekend`.
    pub contexts: Vec<ContextColumn>,
    /// The stars that a rating can have.
    pub scale: RatingScale,
    /// From stars to targets.
    pub scaling: Scaling,
}

/// One number that describes the moment of a rating, with its mean and range in the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContextColumn {
    /// `daytime`; `device=mobile` for one value of a text.
    pub name: String,
    /// The mean over the training rows that have it, which stands for a moment that is not stated and for a row that
    /// lacks it.
    pub mean: f32,
    /// The lowest number in the training rows.
    pub low: f32,
    /// The highest number in the training rows.
    pub high: f32,
}

impl ContextColumn {
    /// The columns called `names`, with their mean and range in the rows `train` of `values`, `[n_rows, n_contexts]`.
    /// NaN stands for a number that a row lacks, and is skipped. All are 0 where no row has the number.
    pub fn of(names: Vec<String>, values: &Matrix, train: impl Iterator<Item = usize>) -> Vec<Self> {
        let each = |row: &mut dyn FnMut(&[f32])| train.for_each(|at| row(values.row(at)));
        Self::of_each(names, each)
    }

    /// As [`ContextColumn::of`], of the rows that `each` passes on, `[n_contexts]` each.
    pub fn of_each(names: Vec<String>, each: impl FnOnce(&mut dyn FnMut(&[f32]))) -> Vec<Self> {
        let mut found = vec![(f32::INFINITY, f32::NEG_INFINITY, 0.0, 0_usize); names.len()];
        each(&mut |row| {
            for ((low, high, sum, n), number) in found.iter_mut().zip(row).filter(|(_, number)| !number.is_nan()) {
                (*low, *high, *sum, *n) = (low.min(*number), high.max(*number), *sum + f64::from(*number), *n + 1);
            }
        });
        let column = |(name, (low, high, sum, n))| Self::summed(name, (low, high), sum, n);
        names.into_iter().zip(found).map(column).collect()
    }

    /// The column called `name` whose `n` numbers in the training rows have this range and this sum. All are 0 where
    /// `n` is 0.
    pub fn summed(name: String, (low, high): (f32, f32), sum: f64, n: usize) -> Self {
        match n {
            0 => Self { name, mean: 0.0, low: 0.0, high: 0.0 },
            n => Self { name, mean: ((sum / n as f64) as f32).clamp(low, high), low, high },
        }
    }

    /// The context that the column belongs to: `device` for `device=mobile`.
    pub fn family(&self) -> &str {
        self.name.split_once('=').map_or(&self.name, |(family, _)| family)
    }
}

impl Catalogue {
    /// The names of the contexts' columns.
    pub fn context_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.contexts.iter().map(|column| column.name.as_str())
    }

    /// The moment assumed where none is stated: the mean of each context over the training rows.
    pub fn average_moment(&self) -> Vec<f32> {
        self.contexts.iter().map(|column| column.mean).collect()
    }

    /// The same items, features and meaning of numbers, without any user. What users can be like, which are values that
    /// some of them have, is kept only for a model that is `told_attributes`.
    pub fn without_users(&self, told_attributes: bool) -> Self {
        let user_features = if told_attributes {
            let names = self.user_features.names().to_vec();
            let none = Matrix::zeros(0, names.len());
            let features = Features::new(names, none).expect("the matrix has a column for each name");
            features.with_spans(self.user_features.spans().clone())
        } else {
            Features::none(0)
        };
        Self { users: Users::new(Vec::new()).expect("no id stands twice"), user_features, ..self.clone() }
    }

    /// What a model is told of `item` with these stars. Without any, it counts as liked, with the most stars, where
    /// ratings have stars (`has_stars`), else as met.
    ///
    /// # Errors
    /// Stars off the scale.
    pub fn told(&self, item: ItemIdx, stars: Option<f32>, has_stars: bool) -> Result<Target, RatingError> {
        let Some(stars) = stars.or(has_stars.then(|| self.scale.max())) else { return Ok(Target::EVENT) };
        Ok(self.scaling.target(item, self.scale.rating(stars)?))
    }

    /// How many users there are, with or without ratings.
    pub fn n_users(&self) -> usize {
        self.users.len()
    }

    /// How many items there are, with or without ratings.
    pub fn n_items(&self) -> usize {
        self.items.len()
    }
}

/// Ratings or events, column by column. A copy shares the rows.
#[derive(Clone, Debug, Default)]
pub struct Interactions(Arc<Columns>);

#[derive(Debug, Default)]
struct Columns {
    users: Vec<UserIdx>,
    items: Vec<ItemIdx>,
    ratings: Vec<Option<Rating>>,
    targets: Vec<Target>,
    timestamps: Integers,
    contexts: Matrix,
}

/// One row of [`Interactions`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interaction<'a> {
    /// Who.
    pub user: UserIdx,
    /// What.
    pub item: ItemIdx,
    /// How many stars; `None` for an implicit event.
    pub rating: Option<Rating>,
    /// What a model is fitted to.
    pub target: Target,
    /// When, in UTC seconds since 1970, where known.
    pub timestamp: Option<i64>,
    /// `[n_contexts]`
    pub context: &'a [f32],
}

impl Interactions {
    /// No rows yet, with `n_contexts` context columns.
    pub fn builder(n_contexts: usize) -> InteractionsBuilder {
        InteractionsBuilder { columns: Columns::default(), n_contexts, contexts: Vec::new() }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.0.users.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.users.is_empty()
    }

    /// The user of each row.
    pub fn users(&self) -> &[UserIdx] {
        &self.0.users
    }

    /// The item of each row.
    pub fn items(&self) -> &[ItemIdx] {
        &self.0.items
    }

    /// The stars of each row.
    pub fn ratings(&self) -> &[Option<Rating>] {
        &self.0.ratings
    }

    /// The target of each row.
    pub fn targets(&self) -> &[Target] {
        &self.0.targets
    }

    /// The time of each row, in UTC seconds.
    pub fn timestamps(&self) -> &Integers {
        &self.0.timestamps
    }

    /// `[n_rows, n_contexts]`
    pub fn contexts(&self) -> &Matrix {
        &self.0.contexts
    }

    /// One row. Panics beyond the last.
    pub fn row(&self, row: usize) -> Interaction<'_> {
        Interaction {
            user: self.0.users[row],
            item: self.0.items[row],
            rating: self.0.ratings[row],
            target: self.0.targets[row],
            timestamp: self.0.timestamps.get(row),
            context: self.0.contexts.row(row),
        }
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Interaction<'_>> + Clone {
        (0..self.len()).map(|row| self.row(row))
    }

    /// The rows numbered `rows`, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut builder = Self::builder(self.0.contexts.n_columns());
        for &row in rows {
            builder.push(self.row(row));
        }
        builder.finish()
    }
}

/// Grows an [`Interactions`] row by row.
#[derive(Debug)]
pub struct InteractionsBuilder {
    columns: Columns,
    n_contexts: usize,
    contexts: Vec<f32>,
}

impl InteractionsBuilder {
    /// Makes room for `n_rows` rows, where there is so much memory, so that columns are not copied while they grow.
    #[must_use]
    pub fn with_room(mut self, n_rows: usize) -> Self {
        let Columns { users, items, ratings, targets, timestamps, contexts: _ } = &mut self.columns;
        let reserved = (users.try_reserve_exact(n_rows))
            .and_then(|()| items.try_reserve_exact(n_rows))
            .and_then(|()| ratings.try_reserve_exact(n_rows))
            .and_then(|()| targets.try_reserve_exact(n_rows))
            .and_then(|()| self.contexts.try_reserve_exact(n_rows.saturating_mul(self.n_contexts)));
        // A number that a damaged file states must not end the program: columns grow as rows come.
        drop(reserved);
        timestamps.reserve(n_rows);
        self
    }

    /// Adds one row. Panics unless its context has the length given to [`Interactions::builder`].
    pub fn push(&mut self, row: Interaction<'_>) {
        assert_eq!(row.context.len(), self.n_contexts, "one number per context column");
        self.columns.users.push(row.user);
        self.columns.items.push(row.item);
        self.columns.ratings.push(row.rating);
        self.columns.targets.push(row.target);
        self.columns.timestamps.push(row.timestamp);
        self.contexts.extend_from_slice(row.context);
    }

    /// The rows.
    pub fn finish(mut self) -> Interactions {
        let n = self.columns.users.len();
        self.columns.contexts =
            Matrix::new(n, self.n_contexts, self.contexts).expect("push checks each context's length");
        Interactions(Arc::new(self.columns))
    }
}

/// One user's held-out rows: what an evaluation asks about.
#[derive(Clone, Debug)]
pub struct TestUser {
    user: UserIdx,
    rows: Interactions,
    fold_in: Interactions,
}

impl TestUser {
    /// The held-out rows grouped by user, users and rows in the order of their first appearance in `rows`.
    pub fn group(rows: &Interactions, n_users: usize) -> Vec<Self> {
        Self::group_with_fold_in(rows, &Interactions::default(), n_users)
    }

    /// As [`TestUser::group`]; each test user also carries its user's rows of `fold_in`, in their order. Rows of users
    /// without a held-out row have no case and are left out.
    pub fn group_with_fold_in(rows: &Interactions, fold_in: &Interactions, n_users: usize) -> Vec<Self> {
        let mut slot = vec![usize::MAX; n_users];
        let mut groups: Vec<(UserIdx, Vec<usize>, Vec<usize>)> = Vec::new();
        for (row, &user) in rows.users().iter().enumerate() {
            let entry = &mut slot[user.index()];
            if *entry == usize::MAX {
                *entry = groups.len();
                groups.push((user, Vec::new(), Vec::new()));
            }
            groups[*entry].1.push(row);
        }
        for (row, user) in fold_in.users().iter().enumerate() {
            if let Some((_, _, given)) = groups.get_mut(slot[user.index()]) {
                given.push(row);
            }
        }
        let test_user = |(user, asked, given): (UserIdx, Vec<usize>, Vec<usize>)| Self {
            user,
            rows: rows.select(&asked),
            fold_in: fold_in.select(&given),
        };
        groups.into_iter().map(test_user).collect()
    }

    /// Whose rows they are.
    pub fn user(&self) -> UserIdx {
        self.user
    }

    /// The held-out rows; at least one.
    pub fn rows(&self) -> &Interactions {
        &self.rows
    }

    /// The user's rows that are given with the query and were never trained on; empty unless the split holds out whole
    /// users.
    pub fn fold_in(&self) -> &Interactions {
        &self.fold_in
    }

    /// The rows given, as the history of a [`Who::Visitor`](crate::Who::Visitor).
    pub fn history(&self) -> Vec<(ItemIdx, Target)> {
        self.fold_in.items().iter().copied().zip(self.fold_in.targets().iter().copied()).collect()
    }
}

/// The items that a user has met already, and that are therefore not recommended again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(Vec<ItemIdx>);

impl Seen {
    /// Nothing seen.
    pub const NOTHING: &'static Self = &Self(Vec::new());

    /// The items of `items`, in any order, with repetitions.
    pub fn new(mut items: Vec<ItemIdx>) -> Self {
        items.sort_unstable();
        items.dedup();
        Self(items)
    }

    /// What a visitor's history names.
    pub fn of(history: &[(ItemIdx, Target)]) -> Self {
        Self::new(history.iter().map(|(item, _)| *item).collect())
    }

    /// What each user met in `parts`: one entry per user of the catalogue.
    pub fn by_user<'a>(n_users: usize, parts: impl IntoIterator<Item = &'a Interactions>) -> Vec<Self> {
        let mut seen = vec![Vec::new(); n_users];
        for part in parts {
            for (user, item) in part.users().iter().zip(part.items()) {
                seen[user.index()].push(*item);
            }
        }
        seen.into_iter().map(Self::new).collect()
    }

    /// Who met each item, by their rows, ascending: one entry per item of the catalogue.
    pub fn by_item(of_users: &[Self], n_items: usize) -> Vec<Vec<u32>> {
        let mut users = vec![Vec::new(); n_items];
        for (user, met) in (0..).zip(of_users) {
            met.0.iter().for_each(|item| users[item.index()].push(user));
        }
        users
    }

    /// What the asker met: of a known user, what `of_users` says; of a visitor, what the history names.
    pub fn of_asker<'a>(of_users: &'a [Self], who: &Who<'_>) -> Cow<'a, Self> {
        match who {
            Who::Known(user) => Cow::Borrowed(&of_users[user.index()]),
            Who::Visitor { history, .. } => Cow::Owned(Self::of(history)),
        }
    }

    /// Adds what each user met to `weights`: `met.item`, and as `users.end` where the items of each user end.
    #[must_use]
    pub fn save(of_users: &[Self], weights: Weights) -> Weights {
        let items = || of_users.iter().flat_map(|met| &met.0);
        let ends = of_users.iter().scan(0, |end, met| {
            *end += met.0.len() as u64;
            Some(*end)
        });
        weights.with("users.end", &[of_users.len()], ends).with(
            "met.item",
            &[items().count()],
            items().map(|item| item.get()),
        )
    }

    /// Takes out what [`Seen::save`] added, for the same catalogue.
    ///
    /// # Errors
    /// As [`Weights::take`]; items that are not of the catalogue.
    pub fn load(weights: &mut Weights, catalogue: &Catalogue) -> Result<Vec<Self>, LoadError> {
        let refuse = |reason: &str| LoadError::Weights { reason: reason.to_owned() };
        let n = weights.n_rows("met.item")?;
        let ends: Vec<u64> = weights.take("users.end", &[catalogue.n_users()])?;
        let items: Vec<u32> = weights.take("met.item", &[n])?;
        let items: Option<Vec<ItemIdx>> = items.iter().map(|item| catalogue.items.at(*item as usize)).collect();
        let items = items.ok_or_else(|| refuse("it names rows that the catalogue does not have"))?;
        if ends.last().is_some_and(|last| *last != n as u64) || !ends.is_sorted() {
            return Err(refuse("its `users.end` do not end at its `met.item`"));
        }
        let starts = [0].into_iter().chain(ends.iter().copied());
        Ok(starts.zip(&ends).map(|(start, end)| Self::new(items[start as usize..*end as usize].to_vec())).collect())
    }

    /// Whether `item` is among them.
    pub fn contains(&self, item: ItemIdx) -> bool {
        self.0.binary_search(&item).is_ok()
    }

    /// The items, ascending and distinct.
    pub fn items(&self) -> &[ItemIdx] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows `(user, item, target)` of three users and four items.
    fn rows(rows: &[(usize, usize, f32)]) -> Interactions {
        let users = Users::new((0..3).map(Into::into).collect()).unwrap();
        let items = Items::new((0..4).map(Into::into).collect()).unwrap();
        let mut builder = Interactions::builder(1);
        for &(user, item, target) in rows {
            builder.push(Interaction {
                user: users.at(user).unwrap(),
                item: items.at(item).unwrap(),
                rating: None,
                target: Target::new(target).unwrap(),
                timestamp: None,
                context: &[target],
            });
        }
        builder.finish()
    }

    #[test]
    fn a_case_carries_its_own_users_given_rows() {
        let test = rows(&[(2, 0, 1.0), (0, 1, 2.0), (2, 3, 3.0)]);
        // User 1 has a given row and no test row, user 0 the other way round.
        let given = rows(&[(1, 0, 4.0), (2, 2, 5.0), (2, 1, 0.5)]);
        let test_users = TestUser::group_with_fold_in(&test, &given, 3);
        assert_eq!(test_users.iter().map(|test_user| test_user.user().index()).collect::<Vec<_>>(), [2, 0]);
        let history = |test_user: &TestUser| -> Vec<(usize, f32)> {
            test_user.history().iter().map(|(item, target)| (item.index(), target.get())).collect()
        };
        assert_eq!(history(&test_users[0]), [(2, 5.0), (1, 0.5)]);
        assert_eq!(test_users[0].fold_in().contexts().values(), [5.0, 0.5]);
        assert!(history(&test_users[1]).is_empty() && test_users[1].fold_in().is_empty());
        let (alone, with) = (TestUser::group(&test, 3), test_users);
        assert!(alone.iter().zip(&with).all(|(a, b)| a.rows().iter().eq(b.rows().iter()) && a.user() == b.user()));
        assert!(alone.iter().all(|test_user| test_user.fold_in().is_empty()));
    }
}
