//! Kinds of load, a file for each.

pub mod calls;
