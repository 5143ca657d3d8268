//! Learns to rank by boosted regression trees: LambdaMART (Burges 2010, "From RankNet to LambdaRank to LambdaMART: An
//! Overview", section 7), with trees grown leaf by leaf over histograms (Ke et al. 2017, "LightGBM: A Highly Efficient
//! Gradient Boosting Decision Tree").
//!
//! Each tree is fitted to the derivatives of a pairwise loss, in which a pair of a relevant and another candidate
//! weighs as much as swapping them would change the NDCG of the list. As LightGBM has it, that is divided by the
//! distance of their scores, and the derivatives of a list by the logarithm of their sum, so that lists with many
//! relevant candidates do not outweigh the others. A tree costs some passes over half of the features of all
//! candidates. Does not know what the features are.
//!
//! **Invariant**: one thread sums a histogram, in the order of rows; ties go to the lower feature and the lower
//! threshold; chance is keyed by the seed and the tree's number.

use std::ops::Range;

use reco_core::random::Draws;
use reco_core::{FitError, LoadError, Progress, Weights, parallel};

use super::{List, best_gain, discount};
use crate::error::Interrupted;

/// Leaves of a tree, at most.
const LEAVES: usize = 6;
/// Candidates of a leaf, at least.
const MIN_ROWS: usize = 300;
/// The share of all candidates that a leaf has at least. On MovieLens 100K trees of 15 leaves with 300 candidates each
/// learned lists by heart: NDCG@10 rose by 0.088 for the users learned from, and by 0.001 for others.
const MIN_SHARE: f64 = 0.02;
/// How much of what a tree finds is added.
const LEARNING_RATE: f64 = 0.1;
/// The share of features that a tree looks at.
const FEATURES: f64 = 0.5;
/// A pair counts if one of the two is among so many first, and NDCG is that of so many ranks.
const TRUNCATION: usize = 20;
/// Values of a feature that are told apart, at most.
const BINS: usize = 255;
/// From how many values the bins of a feature are found, at most.
const SAMPLED: usize = 50_000;

/// How many trees are grown, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TreeOptions {
    /// Trees, at most: growing ends where no split helps.
    pub n_trees: usize,
    /// The seed of the choice of features.
    pub seed: u64,
}

/// Boosted regression trees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trees(Vec<Tree>);

#[derive(Clone, Debug, Default, PartialEq)]
struct Tree {
    nodes: Vec<Node>,
    /// One more than there are nodes.
    leaves: Vec<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    feature: u32,
    /// Values up to this one go to the first child.
    threshold: f32,
    /// From 0, a node after this one; below 0, `-1 - leaf`.
    children: [i32; 2],
}

impl Trees {
    /// Grows trees for `lists` whose features are `width` wide.
    ///
    /// # Errors
    /// An interruption.
    pub fn fit(lists: &[List], width: usize, options: TreeOptions, progress: &dyn Progress) -> Result<Self, FitError> {
        let table = Table::new(lists, width);
        let mut scores = vec![0.0; table.n_rows];
        let mut slopes = vec![Slope::default(); table.n_rows];
        let n_features = ((width as f64 * FEATURES).ceil() as usize).min(width);
        let longest = table.starts.windows(2).map(|list| list[1] - list[0]).max().unwrap_or(0);
        let discounts: Vec<f64> = (0..longest).map(discount).collect();
        let mut trees = Vec::new();
        for number in 0..options.n_trees {
            Interrupted::ask(progress)?;
            derive(lists, &table.starts, &discounts, &scores, &mut slopes);
            let mut draws = Draws::new(options.seed, TABLE, number as u32);
            let mut features: Vec<usize> = (0..width).collect();
            for at in 0..n_features {
                let other = at + (draws.uniform() * (width - at) as f64) as usize;
                features.swap(at, other);
            }
            features.truncate(n_features);
            features.sort_unstable();
            let (tree, rows) = table.grow(&features, &slopes);
            if tree.nodes.is_empty() {
                break;
            }
            for (rows, value) in rows.iter().zip(&tree.leaves) {
                rows.iter().for_each(|row| scores[*row as usize] += f64::from(*value));
            }
            trees.push(tree);
        }
        Ok(Self(trees))
    }

    /// How many trees there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none: then all candidates score 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The score of a candidate with these features.
    #[must_use]
    pub fn score(&self, features: &[f32]) -> f32 {
        self.0.iter().map(|tree| tree.score(features)).sum()
    }

    /// How many numbers were learned: thresholds and leaves.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        self.0.iter().map(|tree| tree.nodes.len() + tree.leaves.len()).sum()
    }

    /// Adds the trees to `weights`: `end`, `feature`, `threshold` and `children` of nodes, `leaf`.
    #[must_use]
    pub fn save(&self, weights: Weights) -> Weights {
        let nodes = || self.0.iter().flat_map(|tree| &tree.nodes);
        let n = nodes().count();
        let ends = self.0.iter().scan(0, |end, tree| {
            *end += tree.nodes.len() as u64;
            Some(*end)
        });
        let leaves = self.0.iter().flat_map(|tree| tree.leaves.iter().copied());
        weights
            .with("trees.end", &[self.len()], ends)
            .with("trees.feature", &[n], nodes().map(|node| node.feature))
            .with("trees.threshold", &[n], nodes().map(|node| node.threshold))
            .with("trees.children", &[n, 2], nodes().flat_map(|node| node.children))
            .with("trees.leaf", &[n + self.len()], leaves)
    }

    /// Takes out what [`Trees::save`] added, for features that are `width` wide.
    ///
    /// # Errors
    /// As [`Weights::take`]; nodes that are no trees over such features.
    pub fn load(weights: &mut Weights, width: usize) -> Result<Self, LoadError> {
        let refuse = |reason: &str| LoadError::Weights { reason: reason.to_owned() };
        let (n_trees, n) = (weights.n_rows("trees.end")?, weights.n_rows("trees.feature")?);
        let ends: Vec<u64> = weights.take("trees.end", &[n_trees])?;
        let features: Vec<u32> = weights.take("trees.feature", &[n])?;
        let thresholds: Vec<f32> = weights.take("trees.threshold", &[n])?;
        let children: Vec<i32> = weights.take("trees.children", &[n, 2])?;
        let leaves: Vec<f32> = weights.take("trees.leaf", &[n + n_trees])?;
        if ends.last().copied().unwrap_or(0) != n as u64 || !ends.is_sorted() {
            return Err(refuse("its `trees.end` do not end at its `trees.feature`"));
        }
        let mut trees = Vec::with_capacity(n_trees);
        let mut start = 0;
        for (tree, end) in ends.into_iter().enumerate() {
            let end = end as usize;
            let node = |at: usize| Node {
                feature: features[at],
                threshold: thresholds[at],
                children: [children[2 * at], children[2 * at + 1]],
            };
            let nodes: Vec<Node> = (start..end).map(node).collect();
            let is_child = |at: usize, child: i32| match usize::try_from(child) {
                Ok(child) => child > at && child < nodes.len(),
                Err(_) => child.unsigned_abs() as usize <= nodes.len() + 1,
            };
            let is_node = |(at, node): (usize, &Node)| {
                (node.feature as usize) < width && node.children.iter().all(|child| is_child(at, *child))
            };
            if !nodes.iter().enumerate().all(is_node) {
                return Err(refuse("its `trees.children` are no trees over the features of its parts"));
            }
            trees.push(Tree { nodes, leaves: leaves[start + tree..=end + tree].to_vec() });
            start = end;
        }
        Ok(Self(trees))
    }
}

/// The table of random numbers that features are chosen by.
const TABLE: u32 = 0;

impl Tree {
    fn score(&self, features: &[f32]) -> f32 {
        let mut at = if self.nodes.is_empty() { -1 } else { 0 };
        while let Ok(place) = usize::try_from(at) {
            let node = &self.nodes[place];
            at = node.children[usize::from(features[node.feature as usize] > node.threshold)];
        }
        self.leaves[at.unsigned_abs() as usize - 1]
    }
}

/// The first two derivatives of the loss by a candidate's score, the first with its sign turned.
#[derive(Clone, Copy, Debug, Default)]
struct Slope {
    down: f64,
    curvature: f64,
}

/// Writes the derivatives for all candidates, list by list; each list begins at one of `starts`. `discounts` has what a
/// relevant item gains at each rank.
fn derive(lists: &[List], starts: &[usize], discounts: &[f64], scores: &[f64], slopes: &mut [Slope]) {
    let mut rest = slopes;
    let mut work = Vec::with_capacity(lists.len());
    for (list, range) in lists.iter().zip(starts.windows(2)) {
        let (own, after) = rest.split_at_mut(range[1] - range[0]);
        work.push((list, &scores[range[0]..range[1]], own));
        rest = after;
    }
    parallel::each(
        work,
        || (),
        |(), (list, scores, slopes)| {
            slopes.fill(Slope::default());
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
            let mut ranks = vec![0; scores.len()];
            order.iter().enumerate().for_each(|(rank, at)| ranks[*at] = rank);
            let best = 1.0 / best_gain(list.relevant.len(), TRUNCATION);
            let spread = scores[order[0]] > scores[order[order.len() - 1]];
            let mut sum = 0.0;
            for &good in &list.relevant {
                let rank = ranks[good];
                // Whoever is not among the first is compared with those who are.
                let others = if rank < TRUNCATION { &order[..] } else { &order[..TRUNCATION.min(order.len())] };
                for (other_rank, &other) in others.iter().enumerate() {
                    if list.relevant.binary_search(&other).is_ok() {
                        continue;
                    }
                    let gap = scores[good] - scores[other];
                    let mut change = (discounts[rank] - discounts[other_rank]).abs() * best;
                    if spread {
                        change /= 0.01 + gap.abs();
                    }
                    let chance = 1.0 / (1.0 + libm::exp(gap));
                    let (down, curvature) = (change * chance, change * chance * (1.0 - chance));
                    slopes[good].down += down;
                    slopes[good].curvature += curvature;
                    slopes[other].down -= down;
                    slopes[other].curvature += curvature;
                    sum += 2.0 * down;
                }
            }
            if sum > 0.0 {
                let scale = libm::log2(1.0 + sum) / sum;
                for slope in slopes {
                    slope.down *= scale;
                    slope.curvature *= scale;
                }
            }
        },
    );
}

/// All candidates, feature by feature, as bins.
struct Table {
    n_rows: usize,
    /// Where each list begins, and where the last ends.
    starts: Vec<usize>,
    /// `[width][n_rows]`
    bins: Vec<Vec<u8>>,
    /// The greatest value of each bin but the last, for each feature.
    bounds: Vec<Vec<f32>>,
}

/// Sums over the rows of a leaf that are in one bin.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    n: usize,
    down: f64,
    curvature: f64,
}

/// A leaf that may become a node.
struct Leaf {
    /// Its rows, in the table's order of leaves.
    rows: Range<usize>,
    /// `[n_features][BINS + 1]`
    histograms: Vec<Vec<Bin>>,
    total: Bin,
    split: Option<Split>,
    /// The node above and which child of it this is.
    above: Option<(usize, usize)>,
}

#[derive(Clone, Copy, Debug)]
struct Split {
    gain: f64,
    /// Its place among the tree's features.
    feature: usize,
    /// The last bin that goes to the first child.
    bin: usize,
}

impl Table {
    fn new(lists: &[List], width: usize) -> Self {
        let mut starts = vec![0];
        for list in lists {
            starts.push(starts[starts.len() - 1] + list.features.len() / width.max(1));
        }
        let n_rows = starts[lists.len()];
        let mut columns = vec![(Vec::new(), Vec::new()); width];
        parallel::each(
            columns.iter_mut().enumerate().collect(),
            || (),
            |(), (column, (bins, bounds))| {
                let values = || lists.iter().flat_map(|list| list.features.chunks(width)).map(|row| row[column]);
                *bounds = bounds_of(values().step_by((n_rows / SAMPLED).max(1)).collect());
                *bins = values().map(|value| bounds.partition_point(|bound| *bound < value) as u8).collect();
            },
        );
        let (bins, bounds) = columns.into_iter().unzip();
        Self { n_rows, starts, bins, bounds }
    }

    /// A tree over these features, and the rows of each of its leaves.
    fn grow(&self, features: &[usize], slopes: &[Slope]) -> (Tree, Vec<Vec<u32>>) {
        let mut order: Vec<u32> = (0..self.n_rows as u32).collect();
        let mut nodes: Vec<Node> = Vec::new();
        let mut leaves = vec![self.leaf(&order, 0..self.n_rows, features, slopes, None)];
        while leaves.len() < LEAVES {
            let gain = |leaf: &Leaf| leaf.split.map_or(0.0, |split| split.gain);
            // Of equal gains, the first leaf's.
            let Some(at) = (0..leaves.len()).rev().max_by(|a, b| gain(&leaves[*a]).total_cmp(&gain(&leaves[*b])))
            else {
                break;
            };
            let Some(split) = leaves[at].split else { break };
            let feature = features[split.feature];
            let node = nodes.len();
            if let Some((above, child)) = leaves[at].above {
                nodes[above].children[child] = node as i32;
            }
            let other = leaves.len();
            nodes.push(Node {
                feature: feature as u32,
                threshold: self.bounds[feature][split.bin],
                children: [-1 - at as i32, -1 - other as i32],
            });
            // Rows keep their order on both sides.
            let rows = leaves[at].rows.clone();
            let bins = &self.bins[feature];
            let goes_first = |row: &u32| usize::from(bins[*row as usize]) <= split.bin;
            let (first, second): (Vec<u32>, Vec<u32>) = order[rows.clone()].iter().copied().partition(goes_first);
            let middle = rows.start + first.len();
            order[rows.start..middle].copy_from_slice(&first);
            order[middle..rows.end].copy_from_slice(&second);
            // The smaller side is summed, the other is what is left.
            let (small, large) = if first.len() <= second.len() {
                (rows.start..middle, middle..rows.end)
            } else {
                (middle..rows.end, rows.start..middle)
            };
            let small = self.leaf(&order, small, features, slopes, None);
            let large = self.rest(&leaves[at], &small, large, features);
            let (mut first, mut second) = if small.rows.start == rows.start { (small, large) } else { (large, small) };
            (first.above, second.above) = (Some((node, 0)), Some((node, 1)));
            leaves[at] = first;
            leaves.push(second);
        }
        let value = |leaf: &Leaf| (LEARNING_RATE * leaf.total.down / leaf.total.curvature.max(TINY)) as f32;
        let values = leaves.iter().map(value).collect();
        let rows = leaves.iter().map(|leaf| order[leaf.rows.clone()].to_vec()).collect();
        (Tree { nodes, leaves: values }, rows)
    }

    fn leaf(
        &self,
        order: &[u32],
        rows: Range<usize>,
        features: &[usize],
        slopes: &[Slope],
        above: Option<(usize, usize)>,
    ) -> Leaf {
        let order = &order[rows.clone()];
        let own: Vec<Slope> = order.iter().map(|row| slopes[*row as usize]).collect();
        let mut histograms = vec![vec![Bin::default(); BINS + 1]; features.len()];
        parallel::each(
            histograms.iter_mut().zip(features).collect(),
            || (),
            |(), (histogram, feature)| {
                let bins = &self.bins[*feature];
                for (row, slope) in order.iter().zip(&own) {
                    let bin = &mut histogram[usize::from(bins[*row as usize])];
                    bin.n += 1;
                    bin.down += slope.down;
                    bin.curvature += slope.curvature;
                }
            },
        );
        let total = own.iter().fold(Bin { n: own.len(), ..Bin::default() }, |sum, slope| Bin {
            down: sum.down + slope.down,
            curvature: sum.curvature + slope.curvature,
            ..sum
        });
        let mut leaf = Leaf { rows, histograms, total, split: None, above };
        leaf.split = leaf.best_split(self, features);
        leaf
    }

    /// What is left of `leaf` without `part`.
    fn rest(&self, leaf: &Leaf, part: &Leaf, rows: Range<usize>, features: &[usize]) -> Leaf {
        let less = |whole: &Bin, part: &Bin| Bin {
            n: whole.n - part.n,
            down: whole.down - part.down,
            curvature: whole.curvature - part.curvature,
        };
        let pairs = leaf.histograms.iter().zip(&part.histograms);
        let histograms = pairs.map(|(whole, part)| whole.iter().zip(part).map(|(a, b)| less(a, b)).collect()).collect();
        let mut rest = Leaf { rows, histograms, total: less(&leaf.total, &part.total), split: None, above: None };
        rest.split = rest.best_split(self, features);
        rest
    }
}

/// A curvature that a sum is taken to have at least.
const TINY: f64 = 1e-6;

impl Leaf {
    /// The split that lowers the loss most, if one does.
    fn best_split(&self, Table { n_rows, bounds, .. }: &Table, features: &[usize]) -> Option<Split> {
        let least = MIN_ROWS.max((*n_rows as f64 * MIN_SHARE) as usize);
        let worth = |sum: &Bin| sum.down * sum.down / sum.curvature.max(TINY);
        let mut best: Option<Split> = None;
        if self.total.n < 2 * least {
            return None;
        }
        for (at, (histogram, feature)) in self.histograms.iter().zip(features).enumerate() {
            let mut first = Bin::default();
            for (bin, sum) in histogram.iter().enumerate().take(bounds[*feature].len()) {
                first.n += sum.n;
                first.down += sum.down;
                first.curvature += sum.curvature;
                if first.n < least || self.total.n - first.n < least {
                    continue;
                }
                let second = Bin {
                    n: self.total.n - first.n,
                    down: self.total.down - first.down,
                    curvature: self.total.curvature - first.curvature,
                };
                let gain = worth(&first) + worth(&second) - worth(&self.total);
                if gain > best.map_or(0.0, |best| best.gain) {
                    best = Some(Split { gain, feature: at, bin });
                }
            }
        }
        best
    }
}

/// The greatest values of all bins but the last: as many bins as there are different values, or as even ones as can be.
fn bounds_of(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let n = values.len();
    let mut bounds: Vec<f32> =
        (1..=BINS).filter_map(|bin| values.get((n * bin / (BINS + 1)).saturating_sub(1))).copied().collect();
    let mut different = values.clone();
    different.dedup();
    if different.len() <= BINS {
        bounds = different;
    }
    bounds.dedup();
    // What is above the last bound but the greatest value is the last bin.
    if bounds.last() == values.last() {
        bounds.pop();
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::super::{ndcg, softmax};
    use super::*;
    use reco_core::{Silent, Train};

    const OPTIONS: TreeOptions = TreeOptions { n_trees: 40, seed: 3 };

    /// Lists of ten candidates with three features: the one relevant candidate has a first feature near 0.5, so that no
    /// weight of it puts that candidate first; the others say nothing.
    fn lists() -> Vec<List> {
        let list = |number: u32| {
            let mut draws = Draws::new(1, 1, number);
            let mut candidate = |at: usize| {
                let off = if at == 4 { 0.1 * draws.uniform() } else { 0.3 + draws.uniform() };
                let side = if draws.uniform() < 0.5 { -1.0 } else { 1.0 };
                [(0.5 + side * off) as f32, draws.uniform() as f32, 1.0]
            };
            List { features: (0..10).flat_map(&mut candidate).collect(), relevant: vec![4] }
        };
        (0..400).map(list).collect()
    }

    fn fit(lists: &[List]) -> Trees {
        Trees::fit(lists, 3, OPTIONS, &Silent).unwrap()
    }

    #[test]
    fn trees_find_what_no_weight_can_say() {
        let lists = lists();
        let trees = fit(&lists);
        let measured = |score: &dyn Fn(&[f32]) -> f32| {
            let of = |list: &List| ndcg(list, &list.features.chunks(3).map(score).collect::<Vec<_>>(), 10);
            lists.iter().map(of).sum::<f64>() / lists.len() as f64
        };
        let found = measured(&|row| trees.score(row));
        assert!(found > 0.99, "{found}");
        let weights = softmax(&lists, 3, &[0.0; 3], 0.001);
        let linear = measured(&|row| row.iter().zip(&weights).map(|(x, weight)| x * *weight as f32).sum());
        assert!(linear < 0.6, "{linear}");
    }

    #[test]
    fn derivatives_by_hand() {
        // Two candidates, the second is relevant and comes second: swapping them gains 1 - 1 / log2(3), at a chance of
        // one half, as both score 0.
        let list = List { features: vec![0.0, 0.0], relevant: vec![1] };
        let mut slopes = vec![Slope::default(); 2];
        derive(&[list], &[0, 2], &[discount(0), discount(1)], &[0.0, 0.0], &mut slopes);
        let change = 1.0 - 1.0 / 3.0_f64.log2();
        let scale = (1.0 + change).log2() / change;
        assert!((slopes[1].down - 0.5 * change * scale).abs() < 1e-12, "{slopes:?}");
        assert!((slopes[1].curvature - 0.25 * change * scale).abs() < 1e-12, "{slopes:?}");
        assert_eq!(slopes[0].down, -slopes[1].down);
    }

    #[test]
    fn leaves_are_as_large_as_they_must_be() {
        let few: Vec<List> = lists().into_iter().take(59).collect();
        assert!(fit(&few).is_empty());
        let table = Table::new(&lists(), 3);
        assert!(table.bounds[2].is_empty() && table.bounds[0].len() == BINS, "{:?}", table.bounds[0].len());
        assert_eq!(bounds_of(vec![2.0, 1.0, 2.0, 3.0]), [1.0, 2.0]);
    }

    #[test]
    fn the_same_trees_come_back_and_damaged_ones_do_not() {
        let trees = fit(&lists());
        let catalogue = Train::from_events([(0, 0)]).unwrap().catalogue;
        let weights = || trees.save(Weights::new("x", &catalogue));
        assert_eq!(Trees::load(&mut weights(), 3).unwrap(), trees);
        assert_eq!(fit(&lists()), trees);
        let refused = |mut weights: Weights| Trees::load(&mut weights, 3).err().unwrap().to_string();
        assert!(Trees::load(&mut weights(), 1).err().unwrap().to_string().contains("no trees over the features"));
        let n = trees.0.iter().map(|tree| tree.nodes.len()).sum::<usize>();
        // A node that is its own child would never end.
        assert!(refused(weights().with("trees.children", &[n, 2], vec![0; 2 * n])).contains("are no trees"));
        let ends = vec![0_u64; trees.len()];
        assert!(refused(weights().with("trees.end", &[trees.len()], ends)).contains("do not end at"));
    }
}
