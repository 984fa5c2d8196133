//! The machine, through the real binary.

mod exec_as;
