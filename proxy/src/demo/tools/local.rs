//! Tools that answer by themselves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::catalog::{MAX_SECONDS, MAX_STEPS};
use super::{Context, ToolError, Tools, says, structured};
use crate::demo::caller::LogLevel;
use crate::{demo::png, utc};

#[derive(Deserialize)]
pub(super) struct Echo {
    message: String,
}

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Slow {
    seconds: f64,
    steps: u32,
}

impl Default for Slow {
    fn default() -> Self {
        Self { seconds: 5.0, steps: 5 }
    }
}

#[derive(Deserialize)]
pub(super) struct Log {
    message: String,
    #[serde(default = "info")]
    level: LogLevel,
}

fn info() -> LogLevel {
    LogLevel::Info
}

pub(super) fn echo(Echo { message }: Echo) -> Value {
    says(&message)
}

pub(super) fn time() -> Value {
    structured(json!({ "utc": utc::now() }))
}

pub(super) fn count(counted: &AtomicU64) -> Value {
    structured(json!({ "count": counted.fetch_add(1, Ordering::Relaxed) + 1 }))
}

pub(super) fn image() -> Value {
    let data = STANDARD.encode(png::bee());
    json!({ "content": [{ "type": "image", "data": data, "mimeType": "image/png" }] })
}

pub(super) async fn slow(Slow { seconds, steps }: Slow, context: &Context) -> Result<Value, ToolError> {
    if !(0.0..=f64::from(MAX_SECONDS)).contains(&seconds) {
        return Err(ToolError::Arguments(format!("seconds must be from 0 to {MAX_SECONDS}")));
    }
    if !(1..=MAX_STEPS).contains(&steps) {
        return Err(ToolError::Arguments(format!("steps must be from 1 to {MAX_STEPS}")));
    }
    let start = Instant::now();
    for done in 0..steps {
        // Told when a step begins, not when it ends: the official TypeScript client loses a progress notification
        // that arrives together with the result.
        if let Some(token) = &context.progress {
            let message = format!("step {} of {steps}", done + 1);
            let progress =
                json!({ "progressToken": token, "progress": done, "total": steps, "message": message });
            context.peer.notify("notifications/progress", progress).await;
        }
        // Counted from the start, so that the steps' own time does not add up.
        sleep_until(start + Duration::from_secs_f64(seconds * f64::from(done + 1) / f64::from(steps))).await;
    }
    Ok(says(&format!("Done: {steps} steps in {seconds} s.")))
}

pub(super) async fn log(Log { message, level }: Log, context: &Context) -> Value {
    let threshold = context.caller.log_level;
    if level < threshold {
        return says(&format!("Kept back: {} is below {}.", name(level), name(threshold)));
    }
    let params = json!({ "level": level, "logger": "demo", "data": message });
    context.peer.notify("notifications/message", params).await;
    says(&format!("Logged as {}.", name(level)))
}

/// The level as the protocol spells it.
fn name(level: LogLevel) -> String {
    format!("{level:?}").to_lowercase()
}

impl Tools {
    pub(super) fn has_bonus(&self) -> bool {
        self.bonus.load(Ordering::Relaxed)
    }

    pub(super) async fn toggle(&self, context: &Context) -> Value {
        let there = !self.bonus.fetch_not(Ordering::Relaxed);
        context.peer.notify("notifications/tools/list_changed", Value::Null).await;
        says(if there { "The tool bonus is there now." } else { "The tool bonus is gone." })
    }
}
