//! What has become of the configuration file, for `/status`.

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::config::Mistake;

/// Of the last time that the configuration was read.
#[derive(Debug, Default)]
pub(crate) struct Outcome(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// SHA-256 of the file that is in force.
    loaded: Option<String>,
    /// Why a newer one is not.
    error: Option<String>,
    /// Options whose values in the file that is in force wait for a restart.
    needs_restart: Vec<&'static str>,
}

impl Outcome {
    pub(crate) fn applied(&self, loaded: Option<String>, needs_restart: Vec<&'static str>) {
        *self.0.lock() = State { loaded, error: None, needs_restart };
    }

    pub(super) fn refused(&self, mistakes: &[Mistake]) {
        let sentences: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        self.0.lock().error = Some(sentences.join("\n"));
    }

    pub(crate) fn to_json(&self) -> Value {
        let State { loaded, error, needs_restart } = &*self.0.lock();
        json!({ "loaded": loaded, "error": error, "needsRestart": needs_restart })
    }
}
