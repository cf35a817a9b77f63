//! The effective configuration, as `--check-config` prints it.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::Config;
use super::table::{COMMAND_KEY, options};

impl Config {
    /// Every option with its value, defaults included, as a file that `--config` reads back into
    /// an equal configuration.
    ///
    /// # Errors
    ///
    /// When the YAML writer refuses a text.
    pub fn to_yaml(&self) -> Result<String, serde_saphyr::SerializeError> {
        serde_saphyr::to_string(&Effective(self))
    }
}

struct Effective<'a>(&'a Config);

impl Serialize for Effective<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for option in options() {
            map.serialize_entry(option.name, &(option.show)(self.0))?;
        }
        map.serialize_entry(COMMAND_KEY, &self.0.command)?;
        map.end()
    }
}
