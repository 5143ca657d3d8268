//! Fits the linear (min-max) scaling from stars to targets, one for all items or one for each.
//!
//! Does not know how a line is applied: [`Scaling`] does.
//!
//! **Invariant**: there is a line for every item of the catalogue, rated or not; one fitted on train leads back to
//! stars.

use reco_core::{ItemIdx, Rating, RatingScale, Scaling};

use crate::{ScalingConfig, ScalingFit, ScalingKind};

/// The scaling that `config` asks for. `rated` gives each rating with its item and whether it is in train.
pub(crate) fn fit_scaling(
    config: ScalingConfig,
    scale: RatingScale,
    n_items: usize,
    rated: impl Iterator<Item = (ItemIdx, Rating, bool)>,
) -> Scaling {
    let whole = (scale.min(), scale.max());
    match config.kind {
        ScalingKind::None => Scaling::None,
        ScalingKind::MinMax => Scaling::MinMax { from: whole, to: config.to },
        ScalingKind::ItemMinMax => {
            let mut ends: Vec<Option<(f32, f32)>> = vec![None; n_items];
            for (item, rating, in_train) in rated {
                if in_train || config.fit == ScalingFit::All {
                    let stars = rating.stars();
                    let end = &mut ends[item.index()];
                    *end = Some(end.map_or((stars, stars), |(low, high)| (low.min(stars), high.max(stars))));
                }
            }
            let line = |end: Option<(f32, f32)>| match (end, config.fit) {
                (None, _) => whole,
                (Some((low, high)), ScalingFit::Train) if low == high => whole,
                (Some(ends), _) => ends,
            };
            Scaling::ItemMinMax { from: ends.into_iter().map(line).collect(), to: config.to }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::Items;

    #[test]
    fn items_are_scaled_by_their_own_ratings_or_by_the_whole_scale() {
        let scale = RatingScale::new(0.5, 5.0).unwrap();
        let items = Items::new((0..3).map(Into::into).collect()).unwrap();
        // Item 0: 2 and 4 in train, 5 held out. Item 1: 3 in train, 1 held out. Item 2: not rated.
        let rated = [(0, 2.0, true), (0, 4.0, true), (0, 5.0, false), (1, 3.0, true), (1, 1.0, false)];
        let fit = |kind, fit| {
            let config = ScalingConfig { kind, fit, ..ScalingConfig::default() };
            let rated =
                rated.map(|(item, stars, train)| (items.at(item).unwrap(), scale.rating(stars).unwrap(), train));
            fit_scaling(config, scale, items.len(), rated.into_iter())
        };
        let to = (0.5, 1.0);
        let train = fit(ScalingKind::ItemMinMax, ScalingFit::Train);
        assert_eq!(train, Scaling::ItemMinMax { from: vec![(2.0, 4.0), (0.5, 5.0), (0.5, 5.0)], to });
        assert!(train.is_invertible());
        let all = fit(ScalingKind::ItemMinMax, ScalingFit::All);
        assert_eq!(all, Scaling::ItemMinMax { from: vec![(2.0, 5.0), (1.0, 3.0), (0.5, 5.0)], to });
        assert_eq!(fit(ScalingKind::MinMax, ScalingFit::Train), Scaling::MinMax { from: (0.5, 5.0), to });
        assert_eq!(fit(ScalingKind::None, ScalingFit::All), Scaling::None);
    }
}
