//! Resource graphs: pure data and pure functions on it. No I/O, no clock.

pub mod autoedge;
pub mod autogroup;
pub mod dag;
pub mod dot;
pub mod json;
pub mod layout;
pub mod secrets;
pub mod svg;
pub mod text;

pub use dag::{Edge, Graph, GraphError, Vertex};
