// SPDX-License-Identifier: GPL-2.0-only
//! The floods of a log: as the run tells of them, or, of an older run, while its status lines have `flood_s`.

use super::counts::Counts;
use super::figures;
use super::line::{FloodKind, FloodOver, Status};
use super::shares::Shares;

/// Floods with a line of their own on the page.
const MAX_SHOWN: usize = 50;

/// Heavy sources of the floods, and of each of them.
const MAX_HEAVY: usize = 20;

/// Seconds. What pauses for less is one flood.
const PAUSE: f64 = 10.0;

#[derive(Debug, Default)]
pub struct Flood {
    pub begin: f64,
    /// When it was over, or was last seen.
    pub end: f64,
    /// None of the lines says that it is over.
    pub is_on: bool,
    pub peak: f64,
    pub counts: Counts,
    /// What it is of, in words.
    pub kind: Option<String>,
    /// An estimate.
    pub sources: Option<u64>,
    /// Those with a twentieth or more of the SYNs that did not pass. None: the log does not tell.
    heavy: Option<Vec<String>>,
    /// What the run says of it: so far, or, once it is closed, of all of it.
    account: Option<FloodOver>,
    is_closed: bool,
}

impl Flood {
    fn begins(begin: f64, at: f64) -> Self {
        Self { begin, end: at, is_on: true, ..Self::default() }
    }

    pub fn lasted(&self) -> f64 {
        self.end - self.begin
    }

    fn close(&mut self, over: &FloodOver) {
        self.is_on = false;
        self.is_closed = true;
        self.end = self.begin + over.lasted_s;
        self.peak = self.peak.max(over.peak_syn_per_s);
        self.counts = Counts::from(over);
        self.account = Some(over.clone());
    }

    /// What the account has and no other line of the log.
    fn fill_in(&mut self) {
        if let Some(account) = &self.account {
            self.kind = self.kind.take().or_else(|| account.words().as_deref().map(figures::text));
            self.sources = account.sources;
        }
    }
}

#[derive(Debug, Default)]
pub struct Floods {
    /// The newest. What is said of it may come after its end.
    newest: Option<Flood>,
    /// The largest of the others; in the end, of all.
    shown: Vec<Flood>,
    pub count: u64,
    pub lasted: f64,
    pub peak: f64,
    pub counts: Counts,
    /// The log tells which sources sent most, if any did.
    pub has_sources: bool,
    /// Of those floods that have no shares.
    pub heavy: Vec<String>,
    /// The share of the SYNs that did not pass.
    pub sources: Shares,
    pub networks: Shares,
    pub ports: Shares,
}

impl Floods {
    /// Rates of the last seconds.
    pub fn status(&mut self, at: f64, status: &Status, seconds: f64) {
        match status.flood_s {
            Some(since) => self.is_seen(at - since, at),
            None => self.end(),
        }
        if let Some(flood) = self.newest.as_mut().filter(|flood| flood.is_on) {
            flood.end = at;
            flood.peak = flood.peak.max(status.syn_per_s);
            flood.counts.reckon(status, seconds);
        }
    }

    pub fn begun(&mut self, at: f64, syn_per_s: f64) {
        if self.newest.as_ref().is_none_or(|flood| !flood.is_on) {
            self.begin(Flood::begins(at, at));
        }
        if let Some(flood) = &mut self.newest {
            flood.peak = flood.peak.max(syn_per_s);
        }
    }

    pub fn kind(&mut self, kind: &FloodKind) {
        if let Some(flood) = &mut self.newest {
            flood.kind = Some(figures::text(&kind.words()));
            flood.heavy =
                Some(kind.heavy.iter().take(MAX_HEAVY).map(|source| figures::text(source)).collect());
        }
    }

    /// The run's count of the newest one so far.
    pub fn goes_on(&mut self, so_far: &FloodOver) {
        if let Some(flood) = self.newest.as_mut().filter(|flood| !flood.is_closed) {
            flood.account = Some(so_far.clone());
        }
    }

    /// The run's own count of the newest one.
    pub fn over(&mut self, at: f64, over: &FloodOver) {
        if self.newest.as_ref().is_none_or(|flood| flood.is_closed) {
            self.begin(Flood::begins(at - over.lasted_s, at));
        }
        if let Some(flood) = &mut self.newest {
            flood.close(over);
        }
    }

    /// The run is at its end, and tells of its last flood: a new one only if its end was not told.
    pub fn run_ends(&mut self, last: Option<&FloodOver>) {
        self.end();
        if let (Some(flood), Some(last)) = (self.newest.as_mut().filter(|flood| !flood.is_closed), last)
        {
            flood.close(last);
        }
    }

    /// Nothing refuses any more, or the run is at its end.
    fn end(&mut self) {
        if let Some(flood) = &mut self.newest {
            flood.is_on = false;
        }
    }

    /// After the last line: the floods in the order of time.
    pub fn finish(&mut self) {
        self.retire();
        self.shown.sort_by(|a, b| a.begin.total_cmp(&b.begin));
    }

    pub fn shown(&self) -> &[Flood] {
        &self.shown
    }

    pub fn newest(&self) -> Option<&Flood> {
        self.newest.as_ref()
    }

    fn is_seen(&mut self, begin: f64, at: f64) {
        match &mut self.newest {
            Some(flood) if flood.is_on => {}
            // The status of the moment at which it was over.
            Some(flood) if flood.is_closed && begin < flood.end => {}
            Some(flood) if !flood.is_closed && begin - flood.end < PAUSE => flood.is_on = true,
            _ => self.begin(Flood::begins(begin, at)),
        }
    }

    fn begin(&mut self, flood: Flood) {
        self.retire();
        self.newest = Some(flood);
    }

    fn retire(&mut self) {
        let Some(mut flood) = self.newest.take() else { return };
        flood.fill_in();
        self.count += 1;
        self.lasted += flood.lasted();
        self.peak = self.peak.max(flood.peak);
        self.counts.add(&flood.counts);
        self.add_sources(&mut flood);
        self.shown.push(flood);
        if self.shown.len() > MAX_SHOWN {
            let sizes = self.shown.iter().map(|flood| flood.counts.syns()).enumerate();
            if let Some((smallest, _)) = sizes.min_by(|a, b| a.1.total_cmp(&b.1)) {
                self.shown.remove(smallest);
            }
        }
    }
}

impl Floods {
    fn add_sources(&mut self, flood: &mut Flood) {
        self.has_sources |= flood.account.is_some() || flood.heavy.is_some();
        let Some(account) = flood.account.take() else {
            let heavy = flood.heavy.take().unwrap_or_default();
            let new: Vec<_> = heavy.into_iter().filter(|source| !self.heavy.contains(source)).collect();
            self.heavy.extend(new);
            self.heavy.truncate(MAX_HEAVY);
            return;
        };
        let all = flood.counts.held_off();
        let sources = account.top_sources.into_iter();
        self.sources.add(all, sources.map(|top| (top.source, top.share, top.connected)));
        let networks = account.top_networks.into_iter();
        self.networks.add(all, networks.map(|top| (top.network, top.share, 0)));
        self.ports.add(all, account.ports.into_iter().map(|top| (top.port.to_string(), top.share, 0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(flood_s: Option<f64>) -> Status {
        Status { flood_s, syn_per_s: 50.0, dropped_per_s: 50.0, ..Status::default() }
    }

    fn over(lasted_s: f64) -> FloodOver {
        FloodOver { lasted_s, dropped: 1000, peak_syn_per_s: 99.0, ..FloodOver::default() }
    }

    #[test]
    fn an_older_run_has_floods_by_its_status_lines() {
        let mut floods = Floods::default();
        for (at, since) in
            [(10.0, None), (11.0, Some(0.1)), (12.0, None), (13.0, Some(0.1)), (14.0, None)]
        {
            floods.status(at, &status(since), 1.0);
        }
        floods.status(100.0, &status(Some(2.0)), 1.0);
        floods.finish();
        let spans: Vec<_> =
            floods.shown().iter().map(|flood| (flood.begin, flood.end, flood.is_on)).collect();
        assert_eq!(spans, [(10.9, 13.0, false), (98.0, 100.0, true)]);
        assert_eq!((floods.count, floods.counts.dropped), (2, 150.0));
        assert!(floods.counts.is_reckoned);
    }

    #[test]
    fn the_run_s_own_count_replaces_the_reckoned_one() {
        let mut floods = Floods::default();
        floods.begun(10.0, 70.0);
        (11..20).for_each(|at| floods.status(f64::from(at), &status(Some(f64::from(at) - 10.0)), 1.0));
        floods.over(20.0, &over(10.0));
        // What was measured before it was over, and what comes after.
        floods.status(20.0, &status(Some(9.9)), 1.0);
        floods.status(21.0, &status(None), 1.0);
        floods.finish();
        let [flood] = floods.shown() else { panic!("{floods:?}") };
        assert_eq!((flood.begin, flood.lasted(), flood.counts.dropped), (10.0, 10.0, 1000.0));
        assert!(!floods.counts.is_reckoned && !flood.is_on);
        assert_eq!(floods.peak, 99.0);
    }

    #[test]
    fn an_end_without_a_begin_is_a_flood() {
        let mut floods = Floods::default();
        floods.over(100.0, &over(30.0));
        floods.over(200.0, &over(5.0));
        floods.finish();
        let spans: Vec<_> = floods.shown().iter().map(|flood| (flood.begin, flood.end)).collect();
        assert_eq!(spans, [(70.0, 100.0), (195.0, 200.0)]);
    }

    #[test]
    fn of_many_the_largest_are_shown_and_all_are_counted() {
        let mut floods = Floods::default();
        for number in 1..=500_u32 {
            let at = f64::from(number) * 100.0;
            floods.over(at, &FloodOver { dropped: number.into(), ..over(10.0) });
        }
        floods.finish();
        assert_eq!((floods.count, floods.shown().len()), (500, MAX_SHOWN));
        assert!(floods.shown().iter().all(|flood| flood.counts.dropped > 450.0));
        assert_eq!(floods.counts.dropped, 125_250.0);
    }
}
