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
mod mistake;
mod options;
mod public_url;
#[cfg(test)]
mod reference;
mod resolve;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod upstream;
mod value;

pub(crate) use authority::Authority;
pub use mistake::{Mistake, Source};
pub use options::{Config, Limits, LogFormat, ProcessMode, Times};
pub use public_url::{PublicUrl, PublicUrlError};
pub(crate) use suggest::nearest;
pub(crate) use table::options as all_options;
pub use upstream::{
    EraChoice, UpstreamHeader, UpstreamHeaderError, UpstreamTransport, UpstreamUrl, UpstreamUrlError,
};
