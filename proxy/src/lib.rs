//! Waggle's data plane.

pub mod cli;
pub mod config;
pub mod telemetry;
