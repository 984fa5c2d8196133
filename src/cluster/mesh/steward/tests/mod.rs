//! The steward's behaviour, a sentence a test. `mesh` is a mesh that does at once what the steward says.

mod addresses;
mod growing;
mod healing;
mod learners;
mod leaving;
mod mesh;
mod moving;
mod nominating;
mod policy;
mod saying;
