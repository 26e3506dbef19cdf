// SPDX-License-Identifier: GPL-2.0-only
//! The time of each line. It never goes back: lines are in the order in which they were written.

use super::line::{Event, Line};

/// Seconds. A first status line that comes later after the start tells of its last interval only.
const LONGEST_FIRST: f64 = 10.0;

/// Seconds of an interval that is not known.
const USUAL: f64 = 1.0;

#[derive(Debug, Default)]
pub struct Clock {
    pub begin: f64,
    pub end: f64,
    /// Times are seconds since 1970. Otherwise, as in an older log, since the beginning of the run.
    pub is_dated: bool,
    /// Without dates: when the present run began.
    offset: f64,
    elapsed: f64,
    /// Of the last status line.
    interval: f64,
    has_begun: bool,
}

impl Clock {
    /// When this line was written.
    pub fn tell(&mut self, line: &Line) -> f64 {
        let elapsed = match &line.event {
            Event::Status(status) => Some(status.elapsed_s),
            Event::Summary(summary) => Some(summary.elapsed_s),
            _ => None,
        };
        if let Some(elapsed) = elapsed {
            self.pass(elapsed);
        }
        match line.at() {
            Some(at) => {
                if !self.is_dated {
                    (self.is_dated, self.begin, self.end) = (true, at, at);
                }
                self.end = self.end.max(at);
            }
            None if self.is_dated => {}
            None => self.end = self.end.max(self.offset + self.elapsed),
        }
        if !self.has_begun {
            (self.has_begun, self.begin) = (true, self.end);
        }
        self.end
    }

    /// The seconds of which the last status line tells.
    pub fn seconds(&self) -> f64 {
        self.interval
    }

    fn pass(&mut self, elapsed: f64) {
        let since = elapsed - self.elapsed;
        if since < 0.0 {
            // Another run.
            self.offset += self.elapsed;
        }
        self.interval = match since {
            _ if since > 0.0 && self.elapsed > 0.0 => since,
            _ if (0.0..=LONGEST_FIRST).contains(&elapsed) && since != 0.0 => elapsed,
            _ => USUAL,
        };
        self.elapsed = elapsed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_old_log_has_the_time_of_its_status_lines() {
        let mut clock = Clock::default();
        let mut tell = |text: &str| (clock.tell(&line(text)), clock.seconds());
        assert_eq!(tell(r#"{"type":"start"}"#).0, 0.0);
        assert_eq!(tell(r#"{"type":"status","elapsed_s":1.5}"#), (1.5, 1.5));
        assert_eq!(tell(r#"{"type":"status","elapsed_s":4.0}"#), (4.0, 2.5));
        assert_eq!(tell(r#"{"type":"note","text":""}"#).0, 4.0);
        // Another run, appended.
        assert_eq!(tell(r#"{"type":"status","elapsed_s":1.0}"#), (5.0, 1.0));
    }

    #[test]
    fn a_log_with_dates_has_these_and_none_goes_back() {
        let mut clock = Clock::default();
        let mut tell = |time: &str| clock.tell(&line(&format!(r#"{{"type":"note","time":"{time}"}}"#)));
        assert_eq!(tell("2026-11-26T03:12:44.123Z"), 1_795_662_764.123);
        assert_eq!(tell("2026-11-26T03:12:40.000Z"), 1_795_662_764.123);
        assert_eq!(tell("2026-11-26T04:12:45+01:00"), 1_795_662_765.0);
        assert_eq!(tell("nonsense"), 1_795_662_765.0);
        assert_eq!(clock.begin, 1_795_662_764.123);
    }

    #[test]
    fn a_log_that_begins_late_tells_of_its_intervals_only() {
        let mut clock = Clock::default();
        clock.tell(&line(r#"{"type":"status","elapsed_s":86400.0}"#));
        assert_eq!(clock.seconds(), 1.0);
        clock.tell(&line(r#"{"type":"status","elapsed_s":86410.0}"#));
        assert_eq!(clock.seconds(), 10.0);
    }
}
