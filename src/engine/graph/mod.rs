//! Resource graphs: pure data and pure functions on it. No I/O, no clock.

pub mod autoedge;
pub mod autogroup;
pub mod dag;
pub mod dot;

pub use dag::{Edge, Graph, GraphError, Vertex};
