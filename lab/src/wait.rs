// SPDX-License-Identifier: GPL-2.0-only

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` gives something. Panics after 20 s with a message that names `what`.
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, condition).unwrap_or_else(|| panic!("gave up waiting for {what}"))
}

/// Waits until `condition` gives something, but no longer than this time.
pub fn wait_at_most<T>(time: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        let value = condition();
        if value.is_some() || Instant::now() >= deadline {
            return value;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
