//! What of a new configuration a running proxy takes over.

use std::path::{Path, PathBuf};
use std::{ffi::OsString, fs, io};

use sha2::{Digest as _, Sha256};

use super::table::{COMMAND_KEY, options};
use super::{Config, Mistake};
use crate::cli::Cli;

/// The keys of the options that a running proxy takes over from a changed file.
pub fn reloadable_keys() -> impl Iterator<Item = &'static str> {
    options().filter(|option| option.reloadable).map(|option| option.name)
}

/// The keys of the file that take effect when the proxy is started anew.
pub fn restart_keys() -> impl Iterator<Item = &'static str> {
    options().filter(|option| !option.reloadable).map(|option| option.name).chain([COMMAND_KEY])
}

impl Config {
    /// Resolves the text of a configuration file alone, without flags and environment.
    ///
    /// # Errors
    ///
    /// Every mistake in it.
    pub fn from_yaml(text: &str) -> Result<Self, Vec<Mistake>> {
        let cli = Cli::naming(PathBuf::from("waggle.yaml"));
        Self::resolve(&cli, [], |_| Ok(text.to_owned()))
    }

    /// Sets back to their values in `running` the options that only a restart can change; returns the keys of
    /// those that would have changed.
    pub(crate) fn keep_from(&mut self, running: &Self) -> Vec<&'static str> {
        let fixed = options().filter(|option| !option.reloadable);
        let mut kept: Vec<_> =
            fixed.filter(|option| (option.keep)(self, running)).map(|option| option.name).collect();
        if self.command != running.command {
            self.command.clone_from(&running.command);
            kept.push(COMMAND_KEY);
        }
        kept
    }
}

/// What [`Sources::read`] has found.
#[derive(Debug)]
pub struct Reading {
    /// The configuration, or every mistake in every source, as in [`Config::resolve`].
    pub config: Result<Config, Vec<Mistake>>,
    /// SHA-256 of the file's bytes in lower-case hexadecimal digits, if there is a file that can be read.
    pub digest: Option<String>,
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a configuration comes from, to be read again: flags, environment and file.
#[derive(Debug)]
pub struct Sources {
    cli: Cli,
    environment: Vec<(OsString, OsString)>,
}

impl Sources {
    /// The arguments of the program and its environment, as they were at its start.
    pub fn new(cli: Cli, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self { cli, environment: environment.into_iter().collect() }
    }

    /// The file that is read, if one is named.
    pub fn file(&self) -> Option<PathBuf> {
        let mut file = None;
        // Whatever else is wrong has no part in which file is meant.
        let _ = self.resolve_with(|path| {
            file = Some(path.to_owned());
            Ok(String::new())
        });
        file
    }

    /// Reads the file, if one is named, and resolves everything.
    pub fn read(&self) -> Reading {
        let mut digest = None;
        let config = self.resolve_with(|path| {
            let text = fs::read_to_string(path)?;
            digest = Some(sha256(&text));
            Ok(text)
        });
        Reading { config, digest }
    }

    fn resolve_with(
        &self,
        read_file: impl FnOnce(&Path) -> io::Result<String>,
    ) -> Result<Config, Vec<Mistake>> {
        Config::resolve(&self.cli, self.environment.iter().cloned(), read_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGED: &str = "max-body: 7KiB\nlisten: 127.0.0.1:7\nupstream-header: [x-key=a]\ncommand: [x, y]\n\
        process-mode: shared\nlog: trace\nkeep-alive: 7s";

    #[test]
    fn a_running_proxy_takes_over_what_it_can() {
        let running = Config::from_yaml("listen: 127.0.0.1:1\nupstream-header: [x-key=b]").unwrap();
        let mut config = Config::from_yaml(CHANGED).unwrap();
        assert_eq!(config.keep_from(&running), ["listen", "process-mode", "upstream-header", COMMAND_KEY]);
        assert_eq!((config.limits.max_body, &*config.log_filter), (7 << 10, "trace"));
        assert_eq!(config.times.keep_alive.as_secs(), 7);
        let mut expected = running.clone();
        expected.limits = config.limits.clone();
        expected.times = config.times.clone();
        expected.log_filter.clone_from(&config.log_filter);
        assert_eq!(config, expected);
        assert_eq!(config.keep_from(&running), [""; 0]);
    }

    #[test]
    fn each_key_is_either_reloadable_or_needs_a_restart() {
        let reloadable: Vec<_> = reloadable_keys().collect();
        assert!(
            ["max-body", "max-processes", "grace", "log", "public-url"]
                .iter()
                .all(|key| reloadable.contains(key))
        );
        assert!(restart_keys().all(|key| !reloadable.contains(&key)));
        assert_eq!(reloadable.len() + restart_keys().count(), options().count() + 1);
    }

    #[test]
    fn a_text_is_resolved_alone() {
        assert_eq!(Config::from_yaml(""), Ok(Config::default()));
        let mistakes = Config::from_yaml("max-boddy: 1\ngrace: 15").unwrap_err();
        let told: Vec<_> = mistakes.iter().map(Mistake::to_string).collect();
        assert!(
            told[0].starts_with("`waggle.yaml: max-boddy`") && told[1].contains("has no unit"),
            "{told:?}"
        );
    }
}
