//! What an image runs when nobody says: its ENTRYPOINT and CMD, read from its registry.
//!
//! The launcher takes the place of a container's command, so that the command itself has to be known. Kubernetes
//! does not tell it: with no `spec.command`, the [`Resolver`] asks the registry for the image's configuration, with
//! the pod's pull secrets ([`Credentials`]), and keeps the answer. [`command`] then puts the words together as
//! Kubernetes would.
//!
//! References are those of `oci_client`. The few requests of a pull are made here, since whoever may create an
//! `MCPServer` names the registry, and it may be a hostile one: each answer has a size limit, each lookup a time
//! limit, and credentials belong to one lookup, never to a registry that two namespaces use with different logins.

mod cache;
mod challenge;
mod credentials;
mod digest;
mod document;
mod entrypoint;
mod error;
mod platform;
mod reference;
mod registry;
mod resolver;
mod settings;

pub use credentials::Credentials;
pub use entrypoint::{Entrypoint, command};
pub use error::ImageError;
pub use platform::Platform;
pub use reference::{Reference, parse};
pub use resolver::Resolver;
pub use settings::{Clock, Settings, SettingsError};
