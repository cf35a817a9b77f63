//! What to log.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::Kind;

/// Directives of [`EnvFilter`], checked: `info`, or `warn,waggle_proxy::upstream=debug`.
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
        // A bare word that is no level would be taken for the name of a module: a misspelt `inof`
        // would silence everything else without a word.
        for directive in text.split(',').map(str::trim) {
            let bare = !directive.contains(['=', '[', ']', '{', '}']);
            if bare && !LEVELS.contains(&directive.to_ascii_lowercase().as_str()) {
                return Err("is not a log filter".to_owned());
            }
            let level = directive.rsplit_once('=').map(|(_, level)| level.trim());
            if level.is_some_and(|level| !level.contains([']', '}']) && level.parse::<LevelFilter>().is_err())
            {
                return Err("is not a log filter".to_owned());
            }
        }
        // The filter itself refuses blanks around commas.
        let directives: Vec<&str> = text.split(',').map(str::trim).collect();
        let text = directives.join(",");
        match EnvFilter::try_new(&text) {
            Ok(_) => Ok(text),
            Err(_) => Err("is not a log filter".to_owned()),
        }
    }

    fn write(&self, value: &String) -> String {
        value.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepts, refuses};
    use super::*;

    #[test]
    fn filters() {
        for text in ["info", "INFO", "off", "warn,waggle_proxy=debug", "waggle_proxy[call]=trace"] {
            accepts(&Filter, &[(text, text.to_owned())]);
        }
        accepts(&Filter, &[("info , hyper=warn", "info,hyper=warn".to_owned())]);
        for text in ["inof", "info,", "hyper", "hyper=loud", "info;debug", "a=b=c", "[", "=", "x[{a=1"] {
            refuses(&Filter, &[(text, "is not a log filter")]);
        }
    }
}
