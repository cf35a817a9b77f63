//! Turns an `MCPServer` into the few objects that run it: observe → [`plan`] (pure) → apply.
//!
//! - [`settings`]: what holds for all servers of one controller.
//! - [`observed`]: what a plan is made from besides the resource: what is in the cluster, in the registry, in the pods.
//! - [`plan`]: from the resource and what was observed to the objects that shall be and the status that is. No I/O.
//! - [`watch`], [`stores`]: what there is, kept up to date. [`observe`]: gathers it for one server.
//! - [`image`]: what an image runs by itself, from its registry.
//! - [`apply`]: writes what differs. [`reconcile`]: one look at one server. [`scope`]: all of them.
//! - [`lease`]: only one of several controllers works. [`admin`]: health and metrics. [`run`]: the whole process.

#![forbid(unsafe_code)]

pub mod admin;
pub mod apply;
pub mod backoff;
pub mod cli;
pub mod context;
pub mod error;
pub mod events;
pub mod image;
pub mod lease;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod observe;
pub mod observed;
pub mod parts;
pub mod plan;
pub mod reconcile;
pub mod refusal;
pub mod requests;
pub mod run;
pub mod scope;
pub mod settings;
pub mod stores;
mod text;
mod unreadable;
pub mod watch;
