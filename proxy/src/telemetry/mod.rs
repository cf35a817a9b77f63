//! What the proxy tells its operator.

pub mod log;
pub(crate) mod metrics;
