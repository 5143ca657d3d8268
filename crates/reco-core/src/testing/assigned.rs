//! Reads ratings and a split that assigns each row to a part, for tests.
//!
//! Does not know where the files lie, nor how parts are used.
//!
//! **Invariant**: users and items are those of all rows, ascending; a row is in the one part that the split names.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use crate::{
    Catalogue, Features, Interaction, Interactions, ItemId, Items, RatingScale, Scaling, Target, UserId, Users,
};

/// Ratings of 1 to 5 stars, each with the part it is assigned to.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// All users and items, without features; targets are stars.
    pub catalogue: Arc<Catalogue>,
    rows: Vec<(UserId, ItemId, f32)>,
    parts: Vec<String>,
}

impl Assigned {
    /// Reads ratings (user, item and stars at the front of each line, between tabs, under a header or not: `u.data`, or
    /// RecBole's `.inter`) and a split (`row,part` under a header, a line per rating, in their order).
    ///
    /// # Errors
    /// A line that is not a rating; another number of lines in the split.
    pub fn read(ratings: &str, split: &str) -> Result<Self, Box<dyn Error>> {
        let mut rows = Vec::new();
        for line in ratings.lines().filter(|line| !line.starts_with("user_id")) {
            let mut fields = line.split('\t');
            let mut field = || fields.next().ok_or_else(|| format!("`{line}` is no rating"));
            rows.push((UserId::parse(field()?), ItemId::parse(field()?), field()?.parse()?));
        }
        let lines = split.lines().skip(1);
        let parts: Vec<String> = lines.filter_map(|line| Some(line.split_once(',')?.1.to_owned())).collect();
        if parts.len() != rows.len() {
            return Err(format!("the split has `{}` lines for `{}` ratings", parts.len(), rows.len()).into());
        }
        let users: BTreeSet<UserId> = rows.iter().map(|row| row.0.clone()).collect();
        let items: BTreeSet<ItemId> = rows.iter().map(|row| row.1.clone()).collect();
        let catalogue = Arc::new(Catalogue {
            user_features: Features::none(users.len()),
            item_features: Features::none(items.len()),
            users: Users::new(users.into_iter().collect())?,
            items: Items::new(items.into_iter().collect())?,
            contexts: Vec::new(),
            scale: RatingScale::new(1.0, 5.0)?,
            scaling: Scaling::None,
        });
        Ok(Self { catalogue, rows, parts })
    }

    /// The rows whose part `is` it.
    ///
    /// # Errors
    /// Stars beyond the scale.
    pub fn part(&self, is: impl Fn(&str) -> bool) -> Result<Interactions, Box<dyn Error>> {
        let mut builder = Interactions::builder(0);
        for ((user, item, stars), _) in self.rows.iter().zip(&self.parts).filter(|(_, part)| is(part)) {
            let user = self.catalogue.users.get(user).expect("the catalogue has the users of all rows");
            let item = self.catalogue.items.get(item).expect("the catalogue has the items of all rows");
            let rating = self.catalogue.scale.rating(*stars)?;
            let target: Target = self.catalogue.scaling.target(item, rating);
            builder.push(Interaction { user, item, rating: Some(rating), target, timestamp: None, context: &[] });
        }
        Ok(builder.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_where_the_split_says() {
        let ratings = "user_id\titem_id\trating\n7\t30\t5\t1\n2\t10\t1\t2\n7\t10\t3\t3\n";
        let assigned = Assigned::read(ratings, "row,part\n0,train\n1,test\n2,train\n").unwrap();
        let train = assigned.part(|part| part == "train").unwrap();
        let stars: Vec<f32> = train.ratings().iter().flatten().map(|rating| rating.stars()).collect();
        assert_eq!(stars, [5.0, 3.0]);
        assert_eq!(train.users()[0].index(), 1, "user 7 comes after user 2");
        assert_eq!(assigned.part(|part| part == "test").unwrap().len(), 1);
        assert!(Assigned::read(ratings, "row,part\n0,train\n").is_err());
        assert!(Assigned::read("1\t2\n", "row,part\n0,train\n").is_err());
    }
}
