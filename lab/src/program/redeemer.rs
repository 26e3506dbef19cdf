// SPDX-License-Identifier: GPL-2.0-only
//! The program that takes the answers to our cookies, on single frames.

use std::os::fd::AsFd;

use synflood_xdp::kernel::sys::{self, TestRun};

use super::Program;

/// The verdict that goes on with the next program (TCX_NEXT).
pub const TCX_NEXT: u32 = -1_i32 as u32;
/// The verdict that drops a frame (TCX_DROP).
pub const TCX_DROP: u32 = 2;

/// The destination of frames for the device of the kernel's test run, which is the loopback device.
pub const LOOPBACK_MAC: [u8; 6] = [0; 6];

impl Program {
    /// Runs it on one frame. Returns the reason that was counted, if any, and the verdict.
    ///
    /// The kernel makes no connection in a test run: a right cookie is `answer_refused`.
    pub fn redeem(&self, frame: &[u8]) -> (Option<String>, u32) {
        let before = self.counters();
        let verdict = self.redeem_uncounted(frame);
        let after = self.counters();
        let mut counted = after.reasons.iter().filter(|(name, count)| **count != before.reasons[*name]);
        let reason = counted.next().map(|(name, _)| name.clone());
        assert_eq!(counted.next(), None, "under one reason");
        (reason, verdict)
    }

    /// The verdict alone. It reads no counters, so it is fast.
    pub fn redeem_uncounted(&self, frame: &[u8]) -> u32 {
        let redeem = self.programs.redeem.as_ref().expect("the program has cookies of its own");
        sys::test_run(redeem.as_fd(), TestRun { frame, ..Default::default() }).unwrap().value
    }
}
