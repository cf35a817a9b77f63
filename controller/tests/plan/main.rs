//! Plans: from a resource and what was observed to objects and a status, without a cluster.
#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

mod arbitrary;
mod command;
mod config;
mod diagnosis;
mod fixture;
mod network;
mod pod;
mod properties;
mod routes;
mod service;
mod status;
mod template;
mod volumes;
