//! Waggle's data plane.
