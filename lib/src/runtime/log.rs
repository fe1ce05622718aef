//! The log: JSON lines on a deployment, readable lines in development.

use std::fmt;
use std::io::IsTerminal;

use serde::Serialize;
use tracing::Event;
use tracing::field::{Field, Visit};
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent};

/// Starts logging to standard output. A second call has no effect.
pub fn start(development: bool) {
    let lines = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_target(false)
        // Colors are for terminals only: files and `vercel dev` would show escape codes.
        .with_ansi(std::io::stdout().is_terminal());
    // This only fails if logging was started before.
    let _ = if development {
        lines.compact().try_init()
    } else {
        lines.event_format(JsonLines).try_init()
    };
}

/// Starts logging errors to standard error, for a program whose standard output is a report. A second
/// call has no effect.
pub fn start_with_errors_only() {
    let lines = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::ERROR)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // This only fails if logging was started before.
    let _ = lines.compact().try_init();
}

/// Writes each event as a line with a JSON object: the time, the level, and the fields.
///
/// The JSON format of `tracing_subscriber` writes the same, but in more steps, and every request
/// writes a line.
struct JsonLines;

impl FormatEvent<Registry, DefaultFields> for JsonLines {
    fn format_event(
        &self,
        _: &FmtContext<'_, Registry, DefaultFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\"", event.metadata().level())?;
        let mut fields = JsonFields::default();
        event.record(&mut fields);
        writer.write_str(&fields.into_text()?)?;
        writer.write_str("}\n")
    }
}

/// The fields of an event, each with a comma before it.
#[derive(Default)]
struct JsonFields {
    json: Vec<u8>,
    has_failed: bool,
}

impl JsonFields {
    fn add(&mut self, field: &Field, value: impl Serialize) {
        self.json.push(b',');
        let name = serde_json::to_writer(&mut self.json, field.name());
        self.json.push(b':');
        let value = serde_json::to_writer(&mut self.json, &value);
        self.has_failed |= name.is_err() || value.is_err();
    }

    fn into_text(self) -> Result<String, fmt::Error> {
        let text = String::from_utf8(self.json).map_err(|_| fmt::Error)?;
        if self.has_failed {
            return Err(fmt::Error);
        }
        Ok(text)
    }
}

impl Visit for JsonFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::{Level, Subscriber};

    use super::*;

    /// A buffer that several writers share.
    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Logs events of each kind. Returns the lines without their times.
    fn log(subscriber: impl Subscriber + Send + Sync, buffer: &Buffer) -> Vec<String> {
        tracing::subscriber::with_default(subscriber, || {
            let (status, ms, count) = (200_u16, 0.3, -1);
            tracing::info!(
                request = "a",
                status,
                ms,
                count,
                done = true,
                "request served"
            );
            let cause = "a \"quoted\"\nline \u{7} 💃";
            tracing::event!(Level::ERROR, cause, error = %cause, debug = ?Some("x"), "request {cause}");
            tracing::event!(
                Level::WARN,
                ms = f64::NAN,
                large = u64::MAX,
                optional = Option::<u8>::None
            );
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| {
            let (start, rest) = line.split_at(r#"{"timestamp":""#.len());
            let (time, rest) = rest.split_once('"').unwrap();
            assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok() && time.len() == 27);
            format!("{start}\"{rest}")
        });
        lines.collect()
    }

    #[test]
    fn a_line_is_that_of_the_json_format_of_tracing_subscriber() {
        let (own, reference) = (Buffer::default(), Buffer::default());
        let writer = |buffer: &Buffer| {
            let buffer = buffer.clone();
            move || buffer.clone()
        };
        let format = tracing_subscriber::fmt().with_target(false);
        let subscriber = format.event_format(JsonLines).with_writer(writer(&own));
        let lines = log(subscriber.finish(), &own);
        let format = tracing_subscriber::fmt().with_target(false).json();
        let subscriber = format.flatten_event(true).with_writer(writer(&reference));
        assert_eq!(lines, log(subscriber.finish(), &reference));
        assert_eq!(
            lines[0],
            r#"{"timestamp":"","level":"INFO","message":"request served","request":"a","status":200,"ms":0.3,"count":-1,"done":true}"#
        );
    }
}
