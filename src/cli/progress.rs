//! A spinner on stderr, for anything over a second, and only on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shows the current stage once the command has taken a second.
pub struct Spinner {
    bar: ProgressBar,
    start: Instant,
    visible: bool,
}

impl Spinner {
    /// A spinner; hidden with `quiet` or where stderr is no terminal.
    pub fn new(quiet: bool) -> Self {
        let visible = !quiet && std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Spinner {
            bar,
            start: Instant::now(),
            visible,
        }
    }

    /// A new stage begins.
    pub fn stage(&self, name: &str) {
        self.bar.set_message(name.to_string());
        if self.visible && self.start.elapsed() > Duration::from_secs(1) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(Duration::from_millis(100));
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
