//! Connected parts, and the layer of each vertex.

use std::collections::VecDeque;

use super::{Cell, GAP, Input, MOST_BENDS, Part, ROW_GAP};

/// The connected parts, each in layers, the largest first and else in the order of their first vertex.
pub fn parts(input: &Input, downward: bool) -> Vec<Part> {
    let count = input.sizes.len();
    let layer_of = layers(input);
    let span = |&(from, to): &(usize, usize)| layer_of[to] - layer_of[from];
    let bends: usize = input.edges.iter().map(|edge| span(edge).saturating_sub(1)).sum();
    let with_bends = bends <= MOST_BENDS;
    let (part_of, part_count) = components(count, &input.edges);
    let gap = if downward { GAP } else { ROW_GAP };
    let mut parts: Vec<Part> = (0..part_count).map(|_| Part { gap, ..Part::default() }).collect();
    let mut cell_of = vec![0; count];
    for (vertex, &(width, height)) in input.sizes.iter().enumerate() {
        let (extent, depth) = if downward { (width, height) } else { (height, width) };
        let part = &mut parts[part_of[vertex]];
        cell_of[vertex] = part.add(Cell { extent, depth, bend: false }, layer_of[vertex]);
        part.vertices.push(vertex);
    }
    for (at, edge) in input.edges.iter().enumerate() {
        let part = &mut parts[part_of[edge.0]];
        let mut chain = vec![cell_of[edge.0]];
        if with_bends {
            for layer in layer_of[edge.0] + 1..layer_of[edge.1] {
                let bend = part.add(Cell { extent: 2.0, depth: 0.0, bend: true }, layer);
                part.vertices.push(usize::MAX);
                chain.push(bend);
            }
        }
        chain.push(cell_of[edge.1]);
        for link in chain.windows(2) {
            part.after[link[0]].push(link[1]);
            part.before[link[1]].push(link[0]);
        }
        part.chains.push((at, chain));
    }
    for part in &mut parts {
        part.layers.retain(|layer| !layer.is_empty());
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.vertices.iter().filter(|v| **v != usize::MAX).count()));
    parts
}

impl Part {
    fn add(&mut self, cell: Cell, layer: usize) -> usize {
        let at = self.cells.len();
        self.cells.push(cell);
        self.before.push(Vec::new());
        self.after.push(Vec::new());
        if self.layers.len() <= layer {
            self.layers.resize(layer + 1, Vec::new());
        }
        self.layers[layer].push(at);
        at
    }
}

/// The longest path to each vertex; then those with more successors than predecessors move toward their successors.
fn layers(input: &Input) -> Vec<usize> {
    let count = input.sizes.len();
    let mut after = vec![Vec::new(); count];
    let mut missing = vec![0_usize; count];
    for &(from, to) in &input.edges {
        after[from].push(to);
        missing[to] += 1;
    }
    let before_count = missing.clone();
    let mut layer = vec![0; count];
    let mut order = Vec::with_capacity(count);
    let mut free: VecDeque<usize> = (0..count).filter(|vertex| missing[*vertex] == 0).collect();
    while let Some(vertex) = free.pop_front() {
        order.push(vertex);
        for &next in &after[vertex] {
            layer[next] = layer[next].max(layer[vertex] + 1);
            missing[next] -= 1;
            if missing[next] == 0 {
                free.push_back(next);
            }
        }
    }
    for &vertex in order.iter().rev() {
        let nearest = after[vertex].iter().map(|next| layer[*next] - 1).min();
        if let Some(nearest) = nearest.filter(|_| after[vertex].len() > before_count[vertex]) {
            layer[vertex] = nearest.max(layer[vertex]);
        }
    }
    layer
}

/// The part of each vertex, numbered by first vertices, and how many there are.
fn components(count: usize, edges: &[(usize, usize)]) -> (Vec<usize>, usize) {
    let mut beside = vec![Vec::new(); count];
    for &(from, to) in edges {
        beside[from].push(to);
        beside[to].push(from);
    }
    let mut part_of = vec![usize::MAX; count];
    let mut parts = 0;
    for start in 0..count {
        if part_of[start] != usize::MAX {
            continue;
        }
        let mut open = vec![start];
        part_of[start] = parts;
        while let Some(vertex) = open.pop() {
            for &next in &beside[vertex] {
                if part_of[next] == usize::MAX {
                    part_of[next] = parts;
                    open.push(next);
                }
            }
        }
        parts += 1;
    }
    (part_of, parts)
}
