//! The engine as a whole: graphs of toys through the real runtime.

mod exports;
mod graphs;
mod groups;
mod looks;
mod replays;
mod runs;
mod swaps;
mod toy;
