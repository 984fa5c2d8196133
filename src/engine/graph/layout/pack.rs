//! Puts the parts beside one another, and makes routes.

use super::{GAP, Input, LAYER_GAP, Layout, Part, Point, SCREEN};

/// Between parts.
const PART_GAP: f64 = 44.0;

/// A part with its extent across and along the direction of edges.
struct Drawn {
    part: Part,
    /// Across, of each cell.
    places: Vec<f64>,
    /// Along, of each cell.
    levels: Vec<f64>,
    /// Half of how deep its layer is, of each cell.
    halves: Vec<f64>,
    width: f64,
    height: f64,
}

/// Joins the parts into one layout: on shelves that are about as wide as a screen.
pub fn pack(input: &Input, parts: Vec<(Part, Vec<f64>)>, downward: bool) -> Layout {
    let drawn: Vec<Drawn> = parts.into_iter().map(|(part, places)| draw(part, places, downward)).collect();
    let area: f64 = drawn.iter().map(|one| (one.width + PART_GAP) * (one.height + PART_GAP)).sum();
    let widest = drawn.iter().map(|one| one.width).fold(0.0, f64::max);
    let shelf = widest.max((area * SCREEN.0 / SCREEN.1).sqrt() * 1.05);
    let mut layout = Layout {
        centers: vec![Point::default(); input.sizes.len()],
        routes: vec![Vec::new(); input.edges.len()],
        downward,
        ..Layout::default()
    };
    let (mut x, mut y, mut deepest) = (0.0, 0.0, 0.0_f64);
    let mut single = false;
    for one in drawn {
        let is_single = one.part.cells.len() == 1;
        // Vertices without edges stand closer, on shelves of their own.
        let gap = if is_single { GAP } else { PART_GAP };
        let starts_singles = is_single && !single && deepest > 0.0;
        if x > 0.0 && (x + one.width > shelf || starts_singles) {
            y += deepest + if is_single && single { GAP } else { PART_GAP };
            (x, deepest) = (0.0, 0.0);
        }
        single = is_single;
        one.put(Point { x, y }, &mut layout);
        layout.width = layout.width.max(x + one.width);
        layout.height = layout.height.max(y + one.height);
        x += one.width + gap;
        deepest = deepest.max(one.height);
    }
    layout
}

fn draw(part: Part, places: Vec<f64>, downward: bool) -> Drawn {
    let mut levels = vec![0.0; part.cells.len()];
    let mut halves = levels.clone();
    let mut along = 0.0;
    for (at, layer) in part.layers.iter().enumerate() {
        let depth = layer.iter().map(|cell| part.cells[*cell].depth).fold(0.0, f64::max);
        if at > 0 {
            along += LAYER_GAP;
        }
        for cell in layer {
            levels[*cell] = along + depth / 2.0;
            halves[*cell] = depth / 2.0;
        }
        along += depth;
    }
    let reach = |cell: usize| places[cell] + part.cells[cell].extent / 2.0;
    let across = (0..part.cells.len()).map(reach).fold(0.0, f64::max);
    let (width, height) = if downward { (across, along) } else { (along, across) };
    Drawn { part, places, levels, halves, width, height }
}

impl Drawn {
    fn put(&self, at: Point, layout: &mut Layout) {
        let downward = layout.downward;
        let point = |across: f64, along: f64| match downward {
            true => Point { x: at.x + across, y: at.y + along },
            false => Point { x: at.x + along, y: at.y + across },
        };
        for (cell, &vertex) in self.part.vertices.iter().enumerate() {
            if let Some(center) = layout.centers.get_mut(vertex) {
                *center = point(self.places[cell], self.levels[cell]);
            }
        }
        let ports = self.ports();
        for ((edge, chain), (out, into)) in self.part.chains.iter().zip(ports) {
            let (first, last) = (chain[0], chain[chain.len() - 1]);
            let cells = &self.part.cells;
            let mut route = vec![point(out, self.levels[first] + cells[first].depth / 2.0)];
            let bends = &chain[1..chain.len() - 1];
            // Straight past what stands in the same layer.
            let straight = straightened(bends.iter().map(|bend| self.places[*bend]));
            for (&bend, across) in bends.iter().zip(straight) {
                let level = self.levels[bend];
                route.push(point(across, level - self.halves[bend]));
                route.push(point(across, level + self.halves[bend]));
            }
            route.push(point(into, self.levels[last] - cells[last].depth / 2.0));
            layout.routes[*edge] = route;
        }
    }

    /// Where each edge leaves its start and enters its end, across: side by side, in the order of where they lead.
    fn ports(&self) -> Vec<(f64, f64)> {
        let mut ports = vec![(0.0, 0.0); self.part.chains.len()];
        let count = self.part.cells.len();
        let (mut leaving, mut entering) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for (at, (_, chain)) in self.part.chains.iter().enumerate() {
            leaving[chain[0]].push((self.places[chain[1]], at));
            entering[chain[chain.len() - 1]].push((self.places[chain[chain.len() - 2]], at));
        }
        for cell in 0..count {
            let room = self.part.cells[cell].extent * 0.7;
            for (side, leaves) in [(&mut leaving[cell], true), (&mut entering[cell], false)] {
                side.sort_by(|a, b| a.0.total_cmp(&b.0));
                let step = if side.len() < 2 { 0.0 } else { (room / (side.len() - 1) as f64).min(16.0) };
                let first = self.places[cell] - step * (side.len().saturating_sub(1)) as f64 / 2.0;
                for (nth, (_, chain)) in side.iter().enumerate() {
                    let across = first + step * nth as f64;
                    if leaves { ports[*chain].0 = across } else { ports[*chain].1 = across }
                }
            }
        }
        ports
    }
}

/// Neighbours within this are made one: gaps are wider.
const WIGGLE: f64 = 9.0;

/// Takes small wiggles out of where an edge passes.
fn straightened(places: impl Iterator<Item = f64>) -> Vec<f64> {
    let places: Vec<f64> = places.collect();
    let near = |run: &[f64]| {
        let (least, most) = run.iter().fold((f64::MAX, f64::MIN), |(a, b), at| (a.min(*at), b.max(*at)));
        most - least <= WIGGLE
    };
    let mut straight = Vec::with_capacity(places.len());
    let mut start = 0;
    for end in 1..=places.len() {
        if end == places.len() || !near(&places[start..=end]) {
            let mean = places[start..end].iter().sum::<f64>() / (end - start) as f64;
            straight.extend(std::iter::repeat_n(mean, end - start));
            start = end;
        }
    }
    straight
}
