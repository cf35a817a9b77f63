//! `compare`: several bridges in turn, each beside what the same server does without any.
//!
//! - [`mod@file`]: what is compared, as it is written.
//! - [`process`]: bridges that were started, and what stands for `{port}` and `{echo}`.
//! - [`mod@run`]: rounds of cells.
//! - [`measure`]: what is taken from a report.
//! - [`trial`]: one run, and the median and spread of several.
//! - [`outcome`]: rows of them, beside the floor's.
//! - [`growth`]: what must not grow from cell to cell.
//! - [`table`], [`json`], [`markdown`], [`page`]: ways to show them.

pub mod file;
pub mod growth;
pub mod json;
pub mod markdown;
pub mod measure;
pub mod outcome;
pub mod page;
pub mod process;
pub mod run;
pub mod table;
pub mod trial;

pub use self::{file::File, outcome::Outcome, run::run};
