//! The store inside the binary.

mod sim;
