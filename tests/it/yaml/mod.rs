//! The graph file: cases with their expected rendering, live edits, and texts that were damaged at random.

mod cases;
mod collect;
pub mod kinds;
mod live;
mod mutate;
mod special;
