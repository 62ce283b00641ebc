//! A spinner on stderr, for anything over a second, and only on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// How long a command stays silent.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows the current stage once the command has taken a second.
pub struct Spinner(ProgressBar);

impl Spinner {
    /// A spinner; hidden with `quiet` or where stderr is no terminal.
    pub fn new(quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_style(ProgressStyle::default_spinner());
        if !quiet && std::io::stderr().is_terminal() {
            // A thread of its own, so that it also appears in the middle of a long stage.
            let bar = bar.clone();
            std::thread::spawn(move || {
                std::thread::sleep(PATIENCE);
                if !bar.is_finished() {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(Duration::from_millis(100));
                }
            });
        }
        Spinner(bar)
    }

    /// A new stage begins.
    pub fn stage(&self, name: &str) {
        self.0.set_message(name.to_string());
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
