// SPDX-License-Identifier: GPL-2.0-only
//! The rates over time, in at most so many points: when the log is longer, two become one.

use super::line::Status;

/// More than a page is wide.
const MAX_POINTS: usize = 1500;

/// What is drawn, in the order of [`Point::sums`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    Passed,
    Challenged,
    Dropped,
    Connected,
    ByCookie,
    Refused,
}

const SERIES: usize = 6;

/// The status lines of one span of time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Point {
    lines: f64,
    sums: [f64; SERIES],
    pub in_flood: bool,
}

impl Point {
    fn of(status: &Status) -> Self {
        let sums = [
            status.passed_per_s,
            status.challenged_per_s,
            status.dropped_per_s,
            status.connected_per_s,
            status.by_cookie_per_s.unwrap_or(0.0),
            status.refused_per_s.unwrap_or(0.0),
        ];
        Self { lines: 1.0, sums, in_flood: false }
    }

    fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.in_flood |= other.in_flood;
        for (sum, more) in self.sums.iter_mut().zip(other.sums) {
            *sum += more;
        }
    }

    /// The mean rate.
    pub fn rate(&self, series: Series) -> f64 {
        self.sums[series as usize] / self.lines.max(1.0)
    }
}

#[derive(Debug)]
pub struct Timeline {
    begin: f64,
    /// Seconds of a point.
    width: f64,
    points: Vec<Point>,
    /// Whether the run tells these.
    pub has_by_cookie: bool,
    pub has_refused: bool,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { begin: 0.0, width: 1.0, points: Vec::new(), has_by_cookie: false, has_refused: false }
    }
}

impl Timeline {
    pub fn add(&mut self, at: f64, status: &Status) {
        if self.points.is_empty() {
            self.begin = at;
        }
        self.has_by_cookie |= status.by_cookie_per_s.is_some();
        self.has_refused |= status.refused_per_s.is_some();
        let index = self.reach(at);
        self.points[index].add(&Point::of(status));
    }

    /// Marks the points from `begin` to `end` as those of a flood.
    pub fn shade(&mut self, begin: f64, end: f64) {
        if self.points.is_empty() || end < self.begin {
            return;
        }
        let last = self.points.len() - 1;
        let (first, end) = (self.index(begin.max(self.begin)), self.index(end).min(last));
        if let Some(points) = self.points.get_mut(first..=end.max(first)) {
            points.iter_mut().for_each(|point| point.in_flood = true);
        }
    }

    /// Seconds that a point stands for.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Those with a status line: the middle of their time, and themselves.
    pub fn points(&self) -> impl Iterator<Item = (f64, &Point)> {
        let all = self.points.iter().enumerate().filter(|(_, point)| point.lines > 0.0);
        all.map(|(index, point)| (self.time(index as f64 + 0.5), point))
    }

    /// Begin and end of each flood.
    pub fn floods(&self) -> Vec<(f64, f64)> {
        let mut floods: Vec<(f64, f64)> = Vec::new();
        for (index, _) in self.points.iter().enumerate().filter(|(_, point)| point.in_flood) {
            let (begin, end) = (self.time(index as f64), self.time(index as f64 + 1.0));
            match floods.last_mut().filter(|flood| begin - flood.1 < self.width / 2.0) {
                Some(flood) => flood.1 = end,
                None => floods.push((begin, end)),
            }
        }
        floods
    }

    /// When it begins and ends. None: no status line tells.
    pub fn span(&self) -> Option<(f64, f64)> {
        (!self.points.is_empty()).then(|| (self.begin, self.time(self.points.len() as f64)))
    }

    fn time(&self, index: f64) -> f64 {
        self.begin + index * self.width
    }

    fn index(&self, at: f64) -> usize {
        ((at - self.begin) / self.width).max(0.0) as usize
    }

    /// Where this time is, once the points reach it.
    fn reach(&mut self, at: f64) -> usize {
        while self.index(at) >= MAX_POINTS {
            self.width *= 2.0;
            self.points = self.points.chunks(2).map(joined).collect();
        }
        let index = self.index(at);
        if index >= self.points.len() {
            self.points.resize(index + 1, Point::default());
        }
        index
    }
}

fn joined(points: &[Point]) -> Point {
    let mut all = Point::default();
    points.iter().for_each(|point| all.add(point));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(rate: f64) -> Status {
        Status { dropped_per_s: rate, ..Status::default() }
    }

    #[test]
    fn points_are_bounded_and_lose_no_syn() {
        let mut timeline = Timeline::default();
        for second in 0..100_000 {
            timeline.add(1e9 + f64::from(second), &dropped(f64::from(second % 7)));
        }
        let points: Vec<_> = timeline.points().collect();
        assert!(points.len() <= MAX_POINTS && points.len() > MAX_POINTS / 2 - 1, "{}", points.len());
        assert_eq!(timeline.width(), 128.0);
        let sum: f64 = points.iter().map(|(_, point)| point.sums[Series::Dropped as usize]).sum();
        assert_eq!(sum, (0..100_000).map(|second| f64::from(second % 7)).sum::<f64>());
    }

    #[test]
    fn a_jump_of_the_clock_takes_no_memory() {
        let mut timeline = Timeline::default();
        timeline.add(0.0, &dropped(1.0));
        timeline.add(2.5e11, &dropped(3.0));
        assert!(timeline.points.len() <= MAX_POINTS);
        assert_eq!(timeline.points().count(), 2);
    }

    #[test]
    fn floods_are_where_they_were() {
        let mut timeline = Timeline::default();
        (0..100).for_each(|second| timeline.add(f64::from(second), &dropped(1.0)));
        timeline.shade(-5.0, 3.5);
        timeline.shade(50.0, 60.0);
        timeline.shade(99.0, 1e9);
        assert_eq!(timeline.floods(), [(0.0, 4.0), (50.0, 61.0), (99.0, 100.0)]);
    }
}
