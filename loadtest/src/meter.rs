//! What is seen while a scenario runs: throughput and memory over time, and a progress bar.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::Serialize;
use tokio::{task::JoinHandle, time};

use crate::usage::{Reading, Watch, Which};

const PERIOD: Duration = Duration::from_millis(100);
/// When there are so many samples, every other one goes and the period doubles.
const MOST_SAMPLES: usize = 600;
/// Processes are looked for once in so many samples.
const FIND: u32 = 10;

/// One look at the clock, the counter and the processes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sample {
    /// Seconds since the measured part began.
    pub seconds: f64,
    /// What was done until then.
    pub done: u64,
    /// Memory of the bridges that are watched.
    pub resident_bytes: u64,
}

/// What the processes of one kind used.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Which they are.
    pub which: Which,
    /// When the measured part began.
    pub before: Reading,
    /// When it ended; time is counted since it began.
    pub after: Reading,
    /// The most memory that was seen of the bridge.
    pub peak_bytes: u64,
}

/// Counts what is done, for whoever looks.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Counts so many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Takes back what is not to be counted.
    pub fn sub(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    /// Begins anew.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Watches while it lives.
#[derive(Debug)]
pub struct Meter {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
    start: Instant,
}

#[derive(Debug)]
struct State {
    watches: Vec<(Watch, Watched)>,
    samples: Vec<Sample>,
}

/// What was seen.
#[derive(Debug)]
pub struct Metered {
    /// How long it lasted.
    pub elapsed: Duration,
    /// Throughput and memory over time.
    pub samples: Vec<Sample>,
    /// The processes.
    pub watched: Vec<Watched>,
}

impl Meter {
    /// Begins to watch; the bar is full when the expected time is over.
    pub fn start(counter: Counter, which: &[Which], expected: Duration, bar: Option<ProgressBar>) -> Self {
        let watches = which.iter().map(|which| {
            let watch = Watch::new(which.clone());
            let before = watch.read();
            let which = which.clone();
            (watch, Watched { which, before, after: before, peak_bytes: before.bridge.resident_bytes })
        });
        let state = Arc::new(Mutex::new(State { watches: watches.collect(), samples: Vec::new() }));
        let start = Instant::now();
        let task = tokio::task::spawn(watch(state.clone(), counter, start, expected, bar));
        Self { state, task, start }
    }

    /// When the measured part began.
    pub fn began(&self) -> Instant {
        self.start
    }

    /// Ends the measured part.
    pub fn stop(self, counter: &Counter) -> Metered {
        let elapsed = self.start.elapsed();
        self.task.abort();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sample(counter, self.start, true);
        let watched = state.watches.drain(..).map(|(_, mut watched)| {
            watched.after.bridge = watched.after.bridge.since(watched.before.bridge);
            watched.after.servers = watched.after.servers.since(watched.before.servers);
            watched
        });
        Metered { elapsed, watched: watched.collect(), samples: std::mem::take(&mut state.samples) }
    }
}

impl State {
    fn sample(&mut self, counter: &Counter, start: Instant, find: bool) {
        let mut resident_bytes = 0;
        for (watch, watched) in &mut self.watches {
            if find {
                watch.find();
            }
            watched.after = watch.read();
            watched.peak_bytes = watched.peak_bytes.max(watched.after.bridge.resident_bytes);
            resident_bytes += watched.after.bridge.resident_bytes;
        }
        let seconds = start.elapsed().as_secs_f64();
        self.samples.push(Sample { seconds, done: counter.get(), resident_bytes });
    }
}

async fn watch(
    state: Arc<Mutex<State>>,
    counter: Counter,
    start: Instant,
    expected: Duration,
    bar: Option<ProgressBar>,
) {
    let mut period = PERIOD;
    let mut looks = 0;
    loop {
        time::sleep(period).await;
        looks += 1;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sample(&counter, start, looks % FIND == 0);
        if state.samples.len() >= MOST_SAMPLES {
            let mut index = 0;
            state.samples.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            period *= 2;
        }
        if let Some(bar) = &bar {
            let done = start.elapsed().as_secs_f64() / expected.as_secs_f64().max(f64::EPSILON);
            bar.set_position((done.min(1.0) * 1000.0) as u64);
            let rate = counter.get() as f64 / start.elapsed().as_secs_f64().max(f64::EPSILON);
            bar.set_message(format!("{} done, {rate:.0}/s", counter.get()));
        }
    }
}

/// A bar on stderr, if that is a terminal.
pub fn bar(name: &str) -> Option<ProgressBar> {
    use std::io::IsTerminal as _;
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(1000).with_finish(ProgressFinish::AndClear);
    if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
    Some(bar)
}
