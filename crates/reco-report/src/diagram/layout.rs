//! Lays out a network's diagram in layers, after Sugiyama, Tagawa and Toda 1981.
//!
//! As in their "Methods for Visual Understanding of Hierarchical System Structures", ranks go from top to bottom; an
//! edge that passes a rank has a column of its own there; boxes are ordered so that few edges cross, and then moved
//! below their inputs. Does not know what is in a box.
//!
//! **Invariant**: boxes of a rank do not touch, no edge passes through a box, and the same graph has the same layout.

use reco_core::LayerGraph;

/// Pixels between boxes of a rank, between ranks, and at the edges of the picture.
const GAP: f64 = 22.0;
const RANK_GAP: f64 = 42.0;
const MARGIN: f64 = 6.0;

/// The width of the column in which an edge passes a rank.
const LANE: f64 = 10.0;

/// Passes over all ranks. These small graphs need fewer until nothing changes.
const PASSES: usize = 12;

/// A box: the middle of its upper side, and its width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
}

/// An edge from one box to another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edge {
    /// The numbers of the layers.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Where it starts, turns and ends. Between ranks it curves, within one it is straight.
    pub(super) points: Vec<(f64, f64)>,
}

/// A whole picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// One per layer.
    pub(super) places: Vec<Place>,
    pub(super) edges: Vec<Edge>,
}

/// What takes room in a rank: a box, or an edge that passes.
struct Slot {
    rank: usize,
    width: f64,
    x: f64,
    above: Vec<usize>,
    below: Vec<usize>,
}

/// Places the layers of `graph`, whose boxes have these `widths` and all the same `height`.
pub(super) fn layout(graph: &LayerGraph, widths: &[f64], height: f64) -> Layout {
    let n = graph.layers.len();
    let number = |name: &str| graph.layers.iter().position(|layer| layer.name == name);
    let connections: Vec<(usize, usize)> = (0..n)
        .flat_map(|to| graph.layers[to].inputs.iter().filter_map(move |input| Some((number(input)?, to))))
        .collect();
    let ranks = ranks(n, &connections);

    let slot = |rank, width| Slot { rank, width, x: 0.0, above: Vec::new(), below: Vec::new() };
    let mut slots: Vec<Slot> = (0..n).map(|layer| slot(ranks[layer], widths[layer])).collect();
    // For each connection, the slots from one box to the other.
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for &(from, to) in &connections {
        let mut chain = vec![from];
        for rank in ranks[from] + 1..ranks[to] {
            slots.push(slot(rank, LANE));
            chain.push(slots.len() - 1);
        }
        chain.push(to);
        for pair in chain.windows(2) {
            slots[pair[0]].below.push(pair[1]);
            slots[pair[1]].above.push(pair[0]);
        }
        chains.push(chain);
    }
    let n_ranks = slots.iter().map(|slot| slot.rank + 1).max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); n_ranks];
    for (number, slot) in slots.iter().enumerate() {
        rows[slot.rank].push(number);
    }
    order(&slots, &mut rows);
    spread(&mut slots, &rows);

    let left = slots.iter().map(|slot| slot.x - slot.width / 2.0).fold(f64::INFINITY, f64::min);
    slots.iter_mut().for_each(|slot| slot.x += MARGIN - left);
    let right = slots.iter().map(|slot| slot.x + slot.width / 2.0).fold(0.0, f64::max);
    let top = |rank: usize| MARGIN + rank as f64 * (height + RANK_GAP);
    let places = slots[..n].iter().map(|slot| Place { x: slot.x, y: top(slot.rank), width: slot.width }).collect();
    let edges = connections
        .iter()
        .zip(&chains)
        .map(|(&(from, to), chain)| Edge { from, to, points: points(&slots, chain, height, top) })
        .collect();
    let high = if n_ranks == 0 { 2.0 * MARGIN } else { top(n_ranks - 1) + height + MARGIN };
    Layout { width: right + MARGIN, height: high, places, edges }
}

/// The rank of each layer: as near as possible to the layers that read it, the last at the bottom.
fn ranks(n: usize, connections: &[(usize, usize)]) -> Vec<usize> {
    // Inputs come before the layers that read them, so that one pass backwards sees every reader first.
    let mut from_bottom = vec![0; n];
    for layer in (0..n).rev() {
        for &(from, to) in connections {
            if to == layer {
                from_bottom[from] = from_bottom[from].max(from_bottom[layer] + 1);
            }
        }
    }
    let highest = from_bottom.iter().copied().max().unwrap_or(0);
    from_bottom.into_iter().map(|up| highest - up).collect()
}

/// Orders the slots of each rank by the mean position of their neighbours, up and down, and keeps the best order met.
fn order(slots: &[Slot], rows: &mut Vec<Vec<usize>>) {
    let mut best = (crossings(slots, rows), rows.clone());
    for pass in 0..PASSES {
        let down = pass % 2 == 0;
        let n = rows.len();
        for at in 1..n {
            let (rank, fixed) = if down { (at, at - 1) } else { (n - 1 - at, n - at) };
            let fixed = positions_of(slots.len(), &rows[fixed]);
            let own = positions_of(slots.len(), &rows[rank]);
            let mean = |slot: usize| {
                let near = if down { &slots[slot].above } else { &slots[slot].below };
                if near.is_empty() {
                    own[slot]
                } else {
                    near.iter().map(|&one| fixed[one]).sum::<f64>() / near.len() as f64
                }
            };
            // A stable sort: ties stay as they are.
            rows[rank].sort_by(|&a, &b| mean(a).total_cmp(&mean(b)));
        }
        let found = crossings(slots, rows);
        if found < best.0 {
            best = (found, rows.clone());
        }
    }
    *rows = best.1;
}

/// The position of each slot in `row`; meaningless for slots of other rows.
fn positions_of(n: usize, row: &[usize]) -> Vec<f64> {
    let mut places = vec![0.0; n];
    row.iter().enumerate().for_each(|(at, &slot)| places[slot] = at as f64);
    places
}

/// Pairs of edges that cross.
fn crossings(slots: &[Slot], rows: &[Vec<usize>]) -> usize {
    let mut n = 0;
    for pair in rows.windows(2) {
        let below = positions_of(slots.len(), &pair[1]);
        let edges: Vec<(usize, f64)> = pair[0]
            .iter()
            .enumerate()
            .flat_map(|(at, &slot)| slots[slot].below.iter().map(move |&to| (at, to)))
            .map(|(at, to)| (at, below[to]))
            .collect();
        for (i, a) in edges.iter().enumerate() {
            n += edges[i + 1..].iter().filter(|b| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1)).count();
        }
    }
    n
}

/// Sets the horizontal position of every slot: near the middle of its neighbours, in order and apart.
fn spread(slots: &mut [Slot], rows: &[Vec<usize>]) {
    for row in rows {
        let mut x = 0.0;
        for &slot in row {
            x += slots[slot].width / 2.0;
            slots[slot].x = x;
            x += slots[slot].width / 2.0 + GAP;
        }
        // All rows share the same middle.
        let middle = (x - GAP) / 2.0;
        row.iter().for_each(|&slot| slots[slot].x -= middle);
    }
    for pass in 0..PASSES {
        let ranks: Vec<usize> = if pass % 2 == 0 { (0..rows.len()).collect() } else { (0..rows.len()).rev().collect() };
        for rank in ranks {
            let row = &rows[rank];
            let wish = |slot: &Slot| {
                let near: Vec<f64> = slot.above.iter().chain(&slot.below).map(|&other| slots[other].x).collect();
                if near.is_empty() { slot.x } else { near.iter().sum::<f64>() / near.len() as f64 }
            };
            let wishes: Vec<f64> = row.iter().map(|&slot| wish(&slots[slot])).collect();
            let widths: Vec<f64> = row.iter().map(|&slot| slots[slot].width).collect();
            for (&slot, x) in row.iter().zip(apart(&wishes, &widths)) {
                slots[slot].x = x;
            }
        }
    }
}

/// The positions nearest to `wishes`, by the sum of squares, that keep their order and a gap: pool adjacent violators
/// (Barlow et al. 1972) on the wishes less the room that those to the left need.
fn apart(wishes: &[f64], widths: &[f64]) -> Vec<f64> {
    let mut room = vec![0.0; wishes.len()];
    for at in 1..wishes.len() {
        room[at] = room[at - 1] + (widths[at - 1] + widths[at]) / 2.0 + GAP;
    }
    // Sum and number of each pool.
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (wish, room) in wishes.iter().zip(&room) {
        pools.push((wish - room, 1));
        while let [.., (left, n_left), (right, n_right)] = pools[..] {
            if left / n_left as f64 <= right / n_right as f64 {
                break;
            }
            pools.truncate(pools.len() - 2);
            pools.push((left + right, n_left + n_right));
        }
    }
    let means = pools.iter().flat_map(|&(sum, n)| std::iter::repeat_n(sum / n as f64, n));
    means.zip(room).map(|(mean, room)| mean + room).collect()
}

/// The path of one connection: out of a box's lower side, down the columns of its own, into the other's upper side.
fn points(slots: &[Slot], chain: &[usize], height: f64, top: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
    let (from, to) = (chain[0], chain[chain.len() - 1]);
    let x = port(slots, from, chain[1], &slots[from].below);
    let mut points = vec![(x, top(slots[from].rank) + height)];
    for &lane in &chain[1..chain.len() - 1] {
        let Slot { rank, x, .. } = slots[lane];
        points.extend([(x, top(rank)), (x, top(rank) + height)]);
    }
    let x = port(slots, to, chain[chain.len() - 2], &slots[to].above);
    points.push((x, top(slots[to].rank)));
    points
}

/// Where the edge to `neighbour` meets a box's side: edges to several neighbours spread in the order of these.
fn port(slots: &[Slot], own: usize, neighbour: usize, neighbours: &[usize]) -> f64 {
    let mut order: Vec<usize> = neighbours.to_vec();
    order.sort_by(|&a, &b| slots[a].x.total_cmp(&slots[b].x));
    let at = order.iter().position(|&one| one == neighbour).unwrap_or(0);
    let Slot { x, width, .. } = slots[own];
    x - width / 2.0 + width * (at + 1) as f64 / (order.len() + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::tests::small;

    fn of(graph: &LayerGraph) -> Layout {
        let widths: Vec<f64> = graph.layers.iter().map(|layer| 60.0 + 8.0 * layer.name.len() as f64).collect();
        layout(graph, &widths, 60.0)
    }

    /// The article's hybrid, by its connections.
    fn hybrid() -> LayerGraph {
        let mut graph = small();
        graph.layers.truncate(9);
        for (input, dense) in [("features_in", "features_x"), ("contexts_in", "context_x")] {
            graph.add(input, "Input", "", &[], 20, 0);
            graph.add(dense, "Dense", "relu", &[input], 20, 420);
        }
        graph.add("concat", "Concatenate", "", &["cf", "a<b> & \"c\"", "features_x", "context_x"], 48, 0);
        graph.add("y_out", "Dense", "", &["concat"], 1, 49);
        graph
    }

    /// Checks a layout against the invariant.
    fn holds(graph: &LayerGraph) {
        let Layout { width, height, places, edges } = of(graph);
        for (a, one) in places.iter().enumerate() {
            assert!(one.x - one.width / 2.0 >= 0.0 && one.x + one.width / 2.0 <= width && one.y + 60.0 <= height);
            for other in &places[a + 1..] {
                let apart = (one.x - other.x).abs() >= (one.width + other.width) / 2.0 + GAP - 1e-6;
                assert!(one.y != other.y || apart, "{one:?} touches {other:?}");
            }
        }
        for Edge { from, to, points } in &edges {
            assert!(places[*from].y < places[*to].y, "edges go down");
            // Between ranks nothing is in the way; within the band of a rank the edge is straight, in a column of its
            // own.
            for pair in points.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
                for place in places.iter().filter(|place| pair[0].1 < place.y + 60.0 && pair[1].1 > place.y) {
                    assert!(
                        (pair[0].0 - place.x).abs() >= place.width / 2.0,
                        "{from} to {to} passes through {place:?}"
                    );
                }
            }
            for pair in points.windows(2).filter(|pair| pair[0].0 != pair[1].0) {
                let band = |place: &&Place| pair[0].1 < place.y + 60.0 && pair[1].1 > place.y;
                assert_eq!(places.iter().find(band), None, "{from} to {to} turns beside a box");
            }
        }
    }

    #[test]
    fn boxes_are_apart_and_no_edge_passes_through_one() {
        holds(&small());
        holds(&hybrid());
    }

    #[test]
    fn a_tangle_holds_too() {
        let mut graph = LayerGraph::new("tangle");
        graph.add("n0", "Input", "", &[], 1, 0);
        for n in 1_usize..24 {
            let inputs: Vec<String> =
                (0..n).filter(|m| (m * 7 + n * 5) % 11 < 3 || m + 1 == n).map(|m| format!("n{m}")).collect();
            graph.add(&format!("n{n}"), "Dense", "", &inputs.iter().map(String::as_str).collect::<Vec<_>>(), 1, 0);
        }
        holds(&graph);
    }

    #[test]
    fn a_network_whose_edges_need_not_cross_has_no_crossing() {
        let mut graph = LayerGraph::new("planar");
        for name in ["a", "b", "c", "d"] {
            graph.add(name, "Input", "", &[], 1, 0);
        }
        graph.add("ca", "Dense", "", &["c", "a"], 1, 0);
        graph.add("bd", "Dense", "", &["b", "d"], 1, 0);
        let edges = of(&graph).edges;
        for (i, one) in edges.iter().enumerate() {
            for other in &edges[i + 1..] {
                let side = |points: fn(&Edge) -> f64| (points(one) - points(other)).signum();
                let (above, below) = (side(|edge| edge.points[0].0), side(|edge| edge.points[1].0));
                assert!(one.to == other.to || above == below, "{one:?} crosses {other:?}");
            }
        }
    }

    #[test]
    fn a_network_without_layers_is_an_empty_picture() {
        let Layout { places, edges, .. } = of(&LayerGraph::new("nothing"));
        assert!(places.is_empty() && edges.is_empty());
    }
}
