//! The graph file: resources, meta-parameters and edges in YAML.
//!
//! [`parse`] is pure: text and kinds in, a graph or diagnostics out. [`YamlFrontend`] reads a file and keeps watching
//! it. The text becomes a [`tree`] with places first, and a graph then: readers that decode at once either stop at
//! the first error or know no places.

mod build;
mod document;
mod edges;
mod frontend;
mod legacy;
mod offsets;
mod reader;
mod resources;
mod scalar;
mod secrets;
mod syntax;
pub mod tree;
mod value;

pub use build::build;
pub use document::parse;
pub use frontend::YamlFrontend;
