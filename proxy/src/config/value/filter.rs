//! What to log.

use tracing_subscriber::filter::LevelFilter;

use super::Kind;

/// Directives of [`Targets`](tracing_subscriber::filter::Targets), checked: `info`, or
/// `warn,waggle_proxy::upstream=debug`.
pub(in crate::config) struct Filter;

/// The words that stand alone in a filter.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Kind for Filter {
    type Value = String;
    const NAME: &'static str = "FILTER";

    fn expected(&self) -> String {
        "a level (`error`, `warn`, `info`, `debug`, `trace` or `off`), \
         with exceptions after it if needed, such as `warn,waggle_proxy=debug`"
            .to_owned()
    }

    fn read(&self, text: &str) -> Result<String, String> {
        let directives: Vec<&str> = text.split(',').map(str::trim).collect();
        match directives.iter().all(|directive| is_directive(directive)) {
            // The filter itself refuses blanks around commas.
            true => Ok(directives.join(",")),
            false => Err("is not a log filter".to_owned()),
        }
    }

    fn write(&self, value: &String) -> String {
        value.clone()
    }
}

/// A bare word that is no level would be taken for the name of a module: a misspelt `inof` would silence everything else
/// without a word.
fn is_directive(directive: &str) -> bool {
    let Some((module, level)) = directive.split_once('=') else {
        return LEVELS.contains(&directive.to_ascii_lowercase().as_str());
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'.');
    !module.is_empty()
        && module.bytes().all(is_name)
        && !level.is_empty()
        && level.parse::<LevelFilter>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepts, refuses};
    use super::*;

    #[test]
    fn filters() {
        for text in ["info", "INFO", "off", "warn,waggle_proxy=debug", "waggle_proxy::child=trace"] {
            accepts(&Filter, &[(text, text.to_owned())]);
        }
        accepts(&Filter, &[("info , hyper=warn", "info,hyper=warn".to_owned())]);
        for text in [
            "inof",
            "info,",
            "hyper",
            "hyper=loud",
            "info;debug",
            "a=b=c",
            "[",
            "=",
            "=info",
            "x=",
            "x[{a=1",
            "x[call]=trace",
        ] {
            refuses(&Filter, &[(text, "is not a log filter")]);
        }
    }
}
