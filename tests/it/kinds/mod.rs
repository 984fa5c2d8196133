//! The kinds of this program, through graph files and the engine.

mod contradictions;
mod docs;
mod exchange;
mod runs;
mod secrets;
