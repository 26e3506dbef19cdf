// SPDX-License-Identifier: GPL-2.0-only

use std::process::Child;

/// A process that is killed when this value is dropped.
#[derive(Debug)]
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
