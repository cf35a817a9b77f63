//! Log lines, to stderr: stdout belongs to the URL and, in a server, to the protocol.

use std::fmt;
use std::io::{self, IsTerminal as _};

use thiserror::Error;
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self as lines, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::{Registry, reload};

use crate::config::{Config, LogFormat};

/// Why logging cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The filter cannot be read. A [`Config`] that was resolved never holds such a one.
    #[error("`{filter}` is not a log filter; write a level such as `info`")]
    Filter {
        /// The refused text.
        filter: String,
    },
    /// The process has a log already.
    #[error("logging was started twice")]
    Twice,
    /// There is no log whose filter could change.
    #[error("the log has ended")]
    Ended,
}

/// The two shapes of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text { colour: bool },
    Json,
}

/// Changes what is logged while the log runs.
pub struct Filtering(reload::Handle<Targets, Registry>);

impl Filtering {
    /// Logs from now on what `filter` says.
    ///
    /// # Errors
    ///
    /// When the filter is malformed, or the log has ended.
    pub fn set(&self, filter: &str) -> Result<(), LogError> {
        self.0.reload(parse(filter)?).map_err(|_| LogError::Ended)
    }
}

impl fmt::Debug for Filtering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filtering").finish_non_exhaustive()
    }
}

fn parse(filter: &str) -> Result<Targets, LogError> {
    filter.parse().map_err(|_| LogError::Filter { filter: filter.to_owned() })
}

/// Starts logging for the whole process.
///
/// # Errors
///
/// When the filter is malformed or logging was started before.
pub fn init(config: &Config) -> Result<Filtering, LogError> {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let shape = shape(config.log_format, io::stderr().is_terminal(), no_color);
    let (subscriber, filtering) = subscriber(shape, &config.log_filter, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    Ok(filtering)
}

fn shape(format: LogFormat, is_terminal: bool, no_color: bool) -> Shape {
    match (format, is_terminal) {
        (LogFormat::Json, _) | (LogFormat::Auto, false) => Shape::Json,
        // Colours in a file are noise, also when text was asked for.
        (LogFormat::Text | LogFormat::Auto, _) => Shape::Text { colour: is_terminal && !no_color },
    }
}

type Started = (Box<dyn Subscriber + Send + Sync>, Filtering);

fn subscriber<W>(shape: Shape, filter: &str, writer: W) -> Result<Started, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let lines = lines::layer().with_writer(writer);
    let lines = match shape {
        Shape::Text { colour } => lines.with_ansi(colour).boxed(),
        // The event's fields at the top level: log stores index them without a path.
        Shape::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    Ok((Box::new(Registry::default().with(filter).with(lines)), Filtering(handle)))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(shape: Shape, filter: &str) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let (subscriber, _) = subscriber(shape, filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(sessions = 3, "all is well");
            tracing::debug!("hidden");
        });
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_terminal_decides_unless_told() {
        let colour = |colour| Shape::Text { colour };
        for (format, is_terminal, no_color, expected) in [
            (LogFormat::Auto, true, false, colour(true)),
            (LogFormat::Auto, true, true, colour(false)),
            (LogFormat::Auto, false, false, Shape::Json),
            (LogFormat::Text, true, false, colour(true)),
            (LogFormat::Text, false, false, colour(false)),
            (LogFormat::Json, true, false, Shape::Json),
        ] {
            assert_eq!(shape(format, is_terminal, no_color), expected, "{format:?} {is_terminal} {no_color}");
        }
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = logged(Shape::Json, "info");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert_eq!(lines[0]["level"], "INFO");
        assert_eq!(lines[0]["message"], "all is well");
        assert_eq!(lines[0]["sessions"], 3);
    }

    #[test]
    fn text_is_plain_without_colour() {
        let text = logged(Shape::Text { colour: false }, "debug");
        assert!(text.contains("INFO") && text.contains("all is well sessions=3"), "{text}");
        assert!(text.contains("DEBUG") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_bad_filter_is_an_error() {
        let error = subscriber(Shape::Json, "a=b=c", io::sink).err().unwrap();
        assert_eq!(error.to_string(), "`a=b=c` is not a log filter; write a level such as `info`");
    }
}
