// SPDX-License-Identifier: GPL-2.0-only
//! The sources that a run names as blocked, with a bound on how many are remembered.

use std::collections::HashMap;

use super::figures;
use super::line::{SourceBlocked, SourceReleased};

/// Sources are kept up to this number; then only the worst of them.
const MAX_KEPT: usize = 8192;
const KEPT: usize = 1024;

#[derive(Debug, Clone, Default)]
pub struct Block {
    pub times: u64,
    pub seconds: f64,
    pub dropped: u64,
}

type Key = (String, Option<String>);

#[derive(Debug, Default)]
pub struct Blocked {
    by_source: HashMap<Key, Block>,
    /// How often one was, also of those that the run did not name.
    pub times: u64,
}

impl Blocked {
    pub fn block(&mut self, event: &SourceBlocked) {
        self.times += 1;
        self.of(&event.source, &event.service).times += 1;
    }

    pub fn release(&mut self, event: &SourceReleased) {
        let block = self.of(&event.source, &event.service);
        block.seconds += event.blocked_s;
        block.dropped = block.dropped.saturating_add(event.dropped);
    }

    /// Source, service, and what became of it.
    pub fn worst(&self, count: usize) -> Vec<(&str, Option<&str>, &Block)> {
        let mut all: Vec<_> = self
            .by_source
            .iter()
            .map(|((source, service), block)| (source.as_str(), service.as_deref(), block))
            .collect();
        all.sort_by(|a, b| b.2.dropped.cmp(&a.2.dropped).then_with(|| (a.0, a.1).cmp(&(b.0, b.1))));
        all.truncate(count);
        all
    }

    fn of(&mut self, source: &str, service: &Option<String>) -> &mut Block {
        if self.by_source.len() >= MAX_KEPT {
            let mut all: Vec<_> = self.by_source.drain().collect();
            all.sort_by_key(|(_, block)| std::cmp::Reverse(block.dropped));
            self.by_source.extend(all.into_iter().take(KEPT));
        }
        let key = (figures::text(source), service.as_deref().map(figures::text));
        self.by_source.entry(key).or_default()
    }
}

#[test]
fn the_worst_sources_are_kept() {
    let mut blocked = Blocked::default();
    let name = |source: String| SourceBlocked { source, service: None };
    let release = |source: String, dropped| SourceReleased {
        source,
        dropped,
        blocked_s: 2.0,
        ..Default::default()
    };
    for _ in 0..2 {
        blocked.block(&name("worst".into()));
        blocked.release(&release("worst".into(), 1000));
    }
    for number in 0..3 * MAX_KEPT {
        blocked.block(&name(number.to_string()));
        blocked.release(&release(number.to_string(), 1));
    }
    assert!(blocked.by_source.len() <= MAX_KEPT);
    let (source, _, block) = blocked.worst(1)[0];
    assert_eq!((source, block.times, block.seconds, block.dropped), ("worst", 2, 4.0, 2000));
}
