//! What hosts believe in a mesh whose store somebody turned: it takes whatever is written, by whomever.

mod deploys;
mod exports;
mod scene;
mod secrets;
