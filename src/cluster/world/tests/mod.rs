//! What hosts believe in a mesh whose store somebody turned: it takes whatever is written, by whomever.

mod deploys;
mod exports;
mod going_over;
mod scene;
mod secrets;
