//! The log: text or JSON lines on standard error, filtered by level and part.

use std::io::IsTerminal;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the log filter `{filter}` is wrong: {reason}")]
    Filter { filter: String, reason: String },
    #[error("the log was started twice")]
    Twice,
}

/// Starts the process's log on standard error. Once per process.
pub fn init_log(format: Format, filter: &str) -> Result<(), LogError> {
    let subscriber = log_to(format, filter, std::io::stderr, std::io::stderr().is_terminal())?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)
}

/// A log that writes elsewhere, for tests that read what was logged.
pub fn log_to<W>(
    format: Format,
    filter: &str,
    writer: W,
    colours: bool,
) -> Result<Box<dyn Subscriber + Send + Sync>, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| LogError::Filter { filter: filter.to_owned(), reason: error.to_string() })?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    Ok(match format {
        Format::Text => Box::new(registry.with(lines.with_ansi(colours))),
        Format::Json => {
            Box::new(registry.with(lines.json().flatten_event(true).with_current_span(true).with_span_list(false)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, filter: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = log_to(format, filter, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("request", id = "r1").in_scope(|| tracing::info!(size_bytes = 5, "stored"));
            tracing::debug!("hidden");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_carries_its_fields_and_the_span() {
        let text = logged(Format::Json, "info");

        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "stored");
        assert_eq!(line["size_bytes"], 5);
        assert_eq!(line["span"]["id"], "r1");
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        assert!(!logged(Format::Text, "info").contains("hidden"));
        assert!(logged(Format::Text, "debug").contains("hidden"));
        assert_eq!(logged(Format::Text, "off"), "");
    }

    #[test]
    fn a_wrong_filter_is_an_error_that_names_it() {
        let error = log_to(Format::Text, "a=b=c", std::io::stderr, false).err().unwrap();

        assert!(error.to_string().contains("`a=b=c`"));
    }
}
