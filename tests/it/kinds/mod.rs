//! The kinds of this program, through graph files and the engine.

mod docs;
mod runs;
mod secrets;
