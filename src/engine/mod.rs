//! The engine: shared words, pure graphs, a pure scheduler, and the runtime that drives resources.
//!
//! It imports none of its siblings (`lang`, `resources`, `cluster`) and knows no operating system.

pub mod class;
pub mod cx;
pub mod declaration;
pub mod drift;
pub mod entry;
pub mod graph;
pub mod id;
pub mod kind;
pub mod meta;
pub mod origin;
pub mod pace;
pub mod params;
pub mod path_watch;
pub mod registry;
pub mod replay;
pub mod resource;
pub mod runtime;
pub mod sched;
pub mod state_dir;
pub mod ty;
pub mod value;
pub mod world;

pub use class::Class;
pub use cx::{Cancel, Cx};
pub use declaration::Declaration;
pub use drift::{Drift, Shown};
pub use graph::Graph;
pub use id::{Generation, Label, VertexId};
pub use kind::{Capabilities, Kind, KindDoc};
pub use meta::Meta;
pub use origin::{Origin, Source, Span};
pub use params::{ParamDecl, ParamError, Params};
pub use registry::Registry;
pub use resource::{Found, Outputs, Resource, ResourceError, Stamp, Wake, Wakes};
pub use ty::Type;
pub use value::Value;
pub use world::World;
