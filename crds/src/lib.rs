//! The `MCPServer` resource: what a person writes about an MCP server that shall run in a cluster, and what the
//! controller tells of it.
//!
//! - [`server`]: the specification, a file for each part of it.
//! - [`status`]: what the controller reports.
//! - [`conditions`]: the conditions in the status and their reasons.
//! - [`schema`]: the CustomResourceDefinition, made from those.

#![forbid(unsafe_code)]

pub mod conditions;
pub mod schema;
pub mod server;
pub mod status;

pub use server::{McpServer, McpServerSpec};
pub use status::McpServerStatus;

/// The API group of the resource.
pub const GROUP: &str = "waggle.dev";
