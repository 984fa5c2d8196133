//! Where to draw vertices and edges: layers, order within layers, coordinates.
//!
//! After Sugiyama: vertices stand in layers so that edges lead forward; long edges run through bends, one a layer;
//! sweeps reduce crossings; coordinates are those that bring neighbours closest without changing the order. All steps
//! are bounded, and a graph that is too large for bends is drawn with straight long edges.

mod coordinates;
mod layers;
mod order;
mod pack;

/// A point, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downward.
    pub y: f64,
}

/// What is to be laid out: sizes of vertices, and edges between them by index. Edges must not form a cycle.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Width and height.
    pub sizes: Vec<(f64, f64)>,
    /// From, to.
    pub edges: Vec<(usize, usize)>,
}

/// Where everything is.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Middles of vertices.
    pub centers: Vec<Point>,
    /// The points through which each edge goes, from border to border.
    pub routes: Vec<Vec<Point>>,
    /// Whether edges lead downward; else they lead to the right.
    pub downward: bool,
    /// All of it.
    pub width: f64,
    /// All of it.
    pub height: f64,
}

/// Between vertices that stand beside one another.
const GAP: f64 = 26.0;
/// Between vertices that stand above one another.
const ROW_GAP: f64 = 14.0;
/// Between an edge that passes and what stands beside it.
const BEND_GAP: f64 = 14.0;
/// Between layers.
const LAYER_GAP: f64 = 62.0;
/// Bends at the most; past it long edges are straight.
const MOST_BENDS: usize = 20_000;
/// What a picture should fit into, as on a slide.
const SCREEN: (f64, f64) = (1600.0, 1000.0);

/// A vertex, or a bend of a long edge, in the layered graph.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// Across the direction of edges.
    pub extent: f64,
    /// Along it.
    pub depth: f64,
    pub bend: bool,
}

/// One connected part: cells in layers, with links between cells of neighbouring layers (of any, without bends).
#[derive(Debug, Default)]
struct Part {
    pub cells: Vec<Cell>,
    /// Cells of each layer, in order.
    pub layers: Vec<Vec<usize>>,
    /// Cells before each cell, and cells after it.
    pub before: Vec<Vec<usize>>,
    pub after: Vec<Vec<usize>>,
    /// The vertex of each cell that is no bend.
    pub vertices: Vec<usize>,
    /// Edges by their index in the input, each with its cells from start to end.
    pub chains: Vec<(usize, Vec<usize>)>,
    /// Between vertices of a layer.
    pub gap: f64,
}

/// Lays out a graph, in whichever of both directions fits a screen better.
pub fn layout(input: &Input) -> Layout {
    let down = directed(input, true);
    let wide_enough = down.width <= SCREEN.0 && down.height <= SCREEN.1;
    if wide_enough || input.sizes.len() > 2_000 {
        return down;
    }
    let right = directed(input, false);
    if misfit(&right) < misfit(&down) { right } else { down }
}

fn misfit(layout: &Layout) -> f64 {
    (layout.width / SCREEN.0).max(layout.height / SCREEN.1)
}

fn directed(input: &Input, downward: bool) -> Layout {
    let parts = layers::parts(input, downward);
    let placed: Vec<_> = parts
        .into_iter()
        .map(|mut part| {
            order::reduce_crossings(&mut part);
            let places = coordinates::place(&part);
            (part, places)
        })
        .collect();
    pack::pack(input, placed, downward)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(count: usize, edges: &[(usize, usize)]) -> Layout {
        layout(&Input { sizes: vec![(100.0, 40.0); count], edges: edges.to_vec() })
    }

    fn apart(layout: &Layout) -> bool {
        let all = &layout.centers;
        let clear = |a: Point, b: Point| (a.x - b.x).abs() >= 100.0 || (a.y - b.y).abs() >= 40.0;
        (0..all.len()).all(|i| (0..i).all(|j| clear(all[i], all[j])))
    }

    #[test]
    fn a_chain_is_straight_and_leads_down() {
        let found = boxes(3, &[(0, 1), (1, 2)]);
        assert!(found.downward && found.centers.windows(2).all(|w| w[0].x == w[1].x && w[0].y < w[1].y));
    }

    #[test]
    fn a_long_edge_goes_around_what_is_between() {
        let found = boxes(3, &[(0, 1), (1, 2), (0, 2)]);
        let [_, bend, _, _] = found.routes[2].as_slice() else { panic!("{:?}", found.routes[2]) };
        assert!((bend.x - found.centers[1].x).abs() > 50.0);
    }

    #[test]
    fn boxes_never_overlap() {
        let mut random = fastrand::Rng::with_seed(7);
        for count in 1..60 {
            let mut edges = Vec::new();
            for to in 1..count {
                for _ in 0..random.usize(0..3) {
                    edges.push((random.usize(0..to), to));
                }
            }
            edges.sort_unstable();
            edges.dedup();
            let found = boxes(count, &edges);
            assert!(apart(&found), "{count} boxes overlap");
            assert!(found.centers.iter().all(|c| c.x > 0.0 && c.x < found.width && c.y < found.height));
        }
    }

    #[test]
    fn an_empty_graph_and_one_of_strangers_have_a_layout() {
        assert_eq!(boxes(0, &[]).centers.len(), 0);
        let found = boxes(50, &[]);
        assert!(apart(&found) && found.width < 2000.0);
    }
}
