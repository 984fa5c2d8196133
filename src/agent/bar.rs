//! The progress bar: on a terminal only, and only while work lasts over a second.
//!
//! While the graph is settled it waits for the engine's pulse, and asks nothing.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::AbortHandle;

use super::live::Live;
use super::log;
use crate::engine::runtime::snapshot::Progress;

/// Work that is done sooner has no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the bar moves.
const FRAME: Duration = Duration::from_millis(100);

/// The bar that is on the terminal now; there is one stderr.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Shows progress until it is dropped.
#[derive(Debug)]
pub(super) struct Bar(AbortHandle);

impl Bar {
    /// Follows an agent, if stderr is a terminal that can move its cursor.
    pub fn follow(live: &Arc<Live>) -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        (io::stderr().is_terminal() && !dumb).then(|| Self(tokio::spawn(follow(live.clone())).abort_handle()))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.abort();
        hide();
    }
}

fn shown() -> std::sync::MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hide() {
    if let Some(bar) = shown().take() {
        bar.finish_and_clear();
    }
}

/// Writes to the terminal above the bar, so that neither tears the other.
fn above<T>(write: impl FnOnce() -> T) -> T {
    match &*shown() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

async fn follow(live: Arc<Live>) {
    let listening = live.pulse.listen();
    loop {
        let beat = listening.beat();
        let began = Instant::now();
        let Ok(progress) = live.engine.progress().await else { return };
        if progress.settled {
            beat.await;
            continue;
        }
        drop(beat);
        tokio::time::sleep(PATIENCE).await;
        loop {
            let Ok(progress) = live.engine.progress().await else { return hide() };
            if progress.settled {
                break;
            }
            draw(&progress, began);
            tokio::time::sleep(FRAME).await;
        }
        hide();
    }
}

fn draw(progress: &Progress, began: Instant) {
    let mut shown = shown();
    let bar = shown.get_or_insert_with(|| new(began));
    let counts = &progress.counts;
    bar.set_length(counts.total().into());
    bar.set_position(counts.settled().into());
    bar.set_message(message(progress));
    bar.tick();
}

fn new(began: Instant) -> ProgressBar {
    let template = if log::color_on_stderr() {
        "{bar:24.cyan/bright.black} {pos}/{len}  {elapsed}  {wide_msg}"
    } else {
        "{bar:24} {pos}/{len}  {elapsed}  {wide_msg}"
    };
    let style = ProgressStyle::with_template(template).expect("the template is right");
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr())
        .with_style(style.progress_chars("━╸─"))
        .with_elapsed(began.elapsed())
}

fn message(progress: &Progress) -> String {
    let counts = &progress.counts;
    let mut parts = Vec::new();
    for (count, what) in
        [(counts.failed, "failed"), (counts.blocked, "blocked"), (counts.retrying, "to be tried again")]
    {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if let Some((label, time)) = &progress.slowest {
        parts.push(format!("{label} {:.1} s", time.as_secs_f64()));
    }
    parts.join(" · ")
}

/// Stderr, for logs: what is written appears above the bar.
#[derive(Clone, Copy, Debug)]
pub(super) struct AboveBar;

impl Write for AboveBar {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        above(|| io::stderr().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
