//! Coordinates across the layers: each cell as near to its neighbours as the order and the gaps allow.

use super::{BEND_GAP, Cell, Part};

const ROUNDS: usize = 48;
/// Larger parts get fewer rounds.
const ROUND_BUDGET: usize = 2_000_000;

/// The middle of each cell across the direction of edges; the smallest border is at 0.
pub fn place(part: &Part) -> Vec<f64> {
    let mut places = vec![0.0; part.cells.len()];
    for layer in &part.layers {
        let offsets = offsets(part, layer);
        let middle = offsets.last().copied().unwrap_or_default() / 2.0;
        for (cell, offset) in layer.iter().zip(offsets) {
            places[*cell] = offset - middle;
        }
    }
    let links: usize = part.after.iter().map(Vec::len).sum();
    let rounds = (ROUND_BUDGET / (links + part.cells.len()).max(1)).clamp(2, ROUNDS);
    for round in 0..rounds {
        let layers: Box<dyn Iterator<Item = &Vec<usize>>> =
            if round % 2 == 0 { Box::new(part.layers.iter()) } else { Box::new(part.layers.iter().rev()) };
        // The last rounds look to both sides, and settle.
        let both = round + rounds / 3 >= rounds;
        for layer in layers {
            let wishes: Vec<(f64, f64)> =
                layer.iter().map(|cell| wish(part, *cell, round % 2 == 0, both, &places)).collect();
            settle(part, layer, &wishes, &mut places);
        }
    }
    let border = |cell: usize| places[cell] - part.cells[cell].extent / 2.0;
    let least = (0..places.len()).map(border).fold(f64::INFINITY, f64::min);
    places.iter().map(|place| place - least).collect()
}

/// Where a cell would like to be, and how much.
fn wish(part: &Part, cell: usize, down: bool, both: bool, places: &[f64]) -> (f64, f64) {
    let before = part.before[cell].iter().filter(|_| both || down);
    let after = part.after[cell].iter().filter(|_| both || !down);
    let (mut sum, mut weight) = (0.0, 0.0);
    for other in before.chain(after) {
        let stiff = stiffness(&part.cells[cell], &part.cells[*other]);
        sum += stiff * places[*other];
        weight += stiff;
    }
    if weight == 0.0 { (places[cell], 0.05) } else { (sum / weight, weight) }
}

/// Long edges are to be straight.
fn stiffness(a: &Cell, b: &Cell) -> f64 {
    match (a.bend, b.bend) {
        (true, true) => 40.0,
        (false, false) => 1.0,
        _ => 2.0,
    }
}

/// How far each cell of a layer is from the first at the least.
fn offsets(part: &Part, layer: &[usize]) -> Vec<f64> {
    let mut at = 0.0;
    let mut before: Option<&Cell> = None;
    let step = |cell: &usize| {
        let cell = &part.cells[*cell];
        if let Some(last) = before {
            let gap = if last.bend || cell.bend { BEND_GAP.min(part.gap) } else { part.gap };
            at += last.extent / 2.0 + gap + cell.extent / 2.0;
        }
        before = Some(cell);
        at
    };
    layer.iter().map(step).collect()
}

/// The places nearest to the wishes, in squares, that keep order and gaps: with the gaps taken out this is an isotonic
/// regression, done by pooling neighbours that violate the order.
fn settle(part: &Part, layer: &[usize], wishes: &[(f64, f64)], places: &mut [f64]) {
    let offsets = offsets(part, layer);
    // Mean, weight, how many.
    let mut pools: Vec<(f64, f64, usize)> = Vec::with_capacity(layer.len());
    for ((wish, weight), offset) in wishes.iter().zip(&offsets) {
        let mut pool = (wish - offset, *weight, 1);
        while let Some(last) = pools.pop_if(|last| last.0 >= pool.0) {
            let weight = last.1 + pool.1;
            pool = ((last.0 * last.1 + pool.0 * pool.1) / weight, weight, last.2 + pool.2);
        }
        pools.push(pool);
    }
    let settled = pools.into_iter().flat_map(|(mean, _, count)| std::iter::repeat_n(mean, count));
    for ((cell, offset), mean) in layer.iter().zip(offsets).zip(settled) {
        places[*cell] = mean + offset;
    }
}
