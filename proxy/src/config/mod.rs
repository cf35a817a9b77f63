//! The configuration: only valid values, from flags, environment and file.
//!
//! [`Config::resolve`] is the one way from text to values. The options themselves stand in one
//! table (`options.rs`), from which flags, variables, keys, defaults, `--help`, `--check-config`
//! and the reference in `docs/configuration.md` all follow.

mod authority;
mod conflict;
mod effective;
mod environment;
mod file;
mod live;
mod mistake;
mod options;
mod public_url;
#[cfg(test)]
mod reference;
mod reload;
mod resolve;
mod server_env;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod upstream;
mod value;

pub(crate) use authority::Authority;
pub(crate) use live::Live;
pub use mistake::{Mistake, Source};
pub use options::{Config, Limits, LogFormat, ProcessMode, Times};
pub use public_url::{PublicUrl, PublicUrlError};
pub use reload::{Reading, Sources, reloadable_keys, restart_keys};
pub use server_env::{ServerVariable, ServerVariableError};
pub(crate) use suggest::nearest;
pub(crate) use table::options as all_options;
pub use upstream::{
    EraChoice, UpstreamHeader, UpstreamHeaderError, UpstreamTransport, UpstreamUrl, UpstreamUrlError,
};
pub(crate) use value::duration::parse_patience;
pub(crate) use value::process::parse_socket;
