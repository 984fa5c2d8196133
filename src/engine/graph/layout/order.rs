//! The order within layers: sweeps by barycenters, then exchanges of neighbours, and the best that was seen.

use super::Part;

/// What a part may cost: links looked at, over all sweeps.
const BUDGET: usize = 4_000_000;
const MOST_SWEEPS: usize = 24;
/// Parts with more cells are not improved by exchanges.
const EXCHANGED: usize = 1_500;

/// Reorders the layers so that few edges cross.
pub fn reduce_crossings(part: &mut Part) {
    let links: usize = part.after.iter().map(Vec::len).sum();
    if part.layers.len() < 2 || links == 0 {
        return;
    }
    let mut position = vec![0; part.cells.len()];
    number(part, &mut position);
    let sweeps = (BUDGET / (links + part.cells.len())).clamp(2, MOST_SWEEPS);
    let mut best = (crossings(part, &position), part.layers.clone());
    for sweep in 0..sweeps {
        if best.0 == 0 {
            break;
        }
        let down = sweep % 2 == 0;
        let count = part.layers.len();
        for step in 1..count {
            let layer = if down { step } else { count - 1 - step };
            sort_layer(part, layer, down, &mut position);
        }
        if part.cells.len() <= EXCHANGED {
            exchange(part, &mut position);
        }
        let found = crossings(part, &position);
        if found < best.0 {
            best = (found, part.layers.clone());
        }
    }
    part.layers = best.1;
}

fn number(part: &Part, position: &mut [usize]) {
    for layer in &part.layers {
        for (at, &cell) in layer.iter().enumerate() {
            position[cell] = at;
        }
    }
}

/// Sorts a layer by the mean positions of neighbours in the layers before (or after) it; cells without keep theirs.
fn sort_layer(part: &mut Part, layer: usize, down: bool, position: &mut [usize]) {
    let neighbours = if down { &part.before } else { &part.after };
    let mut keyed: Vec<(f64, usize)> = part.layers[layer]
        .iter()
        .map(|&cell| {
            let near = &neighbours[cell];
            let sum: usize = near.iter().map(|other| position[*other]).sum();
            let key = if near.is_empty() { position[cell] as f64 } else { sum as f64 / near.len() as f64 };
            (key, cell)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (at, (_, cell)) in keyed.into_iter().enumerate() {
        part.layers[layer][at] = cell;
        position[cell] = at;
    }
}

/// Exchanges neighbours within layers while that helps.
fn exchange(part: &mut Part, position: &mut [usize]) {
    for _ in 0..4 {
        let mut better = false;
        for layer in 0..part.layers.len() {
            for at in 1..part.layers[layer].len() {
                let (left, right) = (part.layers[layer][at - 1], part.layers[layer][at]);
                let now =
                    pair(&part.before, left, right, position) + pair(&part.after, left, right, position);
                let then =
                    pair(&part.before, right, left, position) + pair(&part.after, right, left, position);
                if then < now {
                    part.layers[layer].swap(at - 1, at);
                    (position[left], position[right]) = (at, at - 1);
                    better = true;
                }
            }
        }
        if !better {
            return;
        }
    }
}

/// Crossings between the links of two neighbours on one side.
fn pair(links: &[Vec<usize>], left: usize, right: usize, position: &[usize]) -> usize {
    // Beyond this the exchange would cost more than it can bring.
    if links[left].len() * links[right].len() > 400 {
        return 0;
    }
    let crossed = |a: &usize| links[right].iter().filter(|b| position[**b] < position[*a]).count();
    links[left].iter().map(crossed).sum()
}

/// Crossings of links between neighbouring layers, by a tree of counts (Barth, Jünger, Mutzel).
fn crossings(part: &Part, position: &[usize]) -> u64 {
    let mut total = 0;
    for layer in &part.layers {
        let mut ends = Vec::new();
        for cell in layer {
            let mut to: Vec<usize> = part.after[*cell].iter().map(|next| position[*next]).collect();
            to.sort_unstable();
            ends.extend(to);
        }
        let Some(width) = ends.iter().max().map(|most| most + 1) else { continue };
        let mut tree = vec![0_u64; width + 1];
        for (seen, &end) in (0_u64..).zip(&ends) {
            let mut at = end + 1;
            let mut not_after = 0;
            while at > 0 {
                not_after += tree[at];
                at &= at - 1;
            }
            total += seen - not_after;
            at = end + 1;
            while at <= width {
                tree[at] += 1;
                at += at & at.wrapping_neg();
            }
        }
    }
    total
}
