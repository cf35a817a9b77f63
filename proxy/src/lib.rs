//! Waggle's data plane.

pub mod demo;
