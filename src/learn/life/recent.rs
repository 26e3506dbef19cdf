// SPDX-License-Identifier: GPL-2.0-only
//! The SYNs of the last two seconds, or an even sample of them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::learn::syn::Syn;

/// How long a SYN is kept.
const AGE: Duration = Duration::from_secs(2);
/// SYNs kept of one tick.
const MAX_OF_TICK: usize = 400;
/// SYNs kept. With ticks each 200 ms, those of one tick are so many that all ticks of [`AGE`] have room.
const CAPACITY: usize = 4096;

#[derive(Debug)]
pub struct Recent {
    syns: VecDeque<(Duration, Syn)>,
    rng: fastrand::Rng,
}

impl Recent {
    pub fn new(seed: u64) -> Self {
        Self { syns: VecDeque::new(), rng: fastrand::Rng::with_seed(seed) }
    }

    pub fn clear(&mut self) {
        self.syns.clear();
    }

    pub fn add(&mut self, now: Duration, syns: &[Syn]) {
        let chosen = self.rng.choose_multiple(syns, MAX_OF_TICK);
        self.syns.extend(chosen.into_iter().map(|syn| (now, *syn)));
        while self.syns.len() > CAPACITY || self.syns.front().is_some_and(|(then, _)| *then + AGE < now)
        {
            self.syns.pop_front();
        }
    }

    pub fn syns(&self) -> Vec<Syn> {
        self.syns.iter().map(|(_, syn)| *syn).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::tools::{Maker, hping3, linux};

    #[test]
    fn what_is_old_goes_and_what_is_much_is_sampled() {
        let mut recent = Recent::new(1);
        let mut many = Maker::many(1, 5000, hping3);
        many.extend(Maker::many(1, 5000, linux));
        recent.add(Duration::ZERO, &many);
        let kept = recent.syns();
        let short = kept.iter().filter(|syn| syn.bytes[3] == 40).count();
        assert_eq!(kept.len(), MAX_OF_TICK);
        assert!((MAX_OF_TICK / 3..MAX_OF_TICK * 2 / 3).contains(&short), "{short}");
        recent.add(AGE, &many[..1]);
        assert_eq!(recent.syns().len(), MAX_OF_TICK + 1);
        recent.add(AGE + Duration::from_nanos(1), &[]);
        assert_eq!(recent.syns(), many[..1]);
        for tick in 0..100 {
            recent.add(AGE * 2 + Duration::from_millis(tick), &many);
        }
        assert_eq!(recent.syns().len(), CAPACITY);
    }
}
