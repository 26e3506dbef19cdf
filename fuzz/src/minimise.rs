// SPDX-License-Identifier: GPL-2.0-only
//! Reduces a failing frame to a small one that also fails.

/// As long as `fails` holds, removes bytes, larger pieces first, and then clears the rest.
pub fn minimise(frame: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut best = frame.to_vec();
    loop {
        let before = best.clone();
        shorten(&mut best, &fails);
        clear(&mut best, &fails);
        if best == before {
            return best;
        }
    }
}

fn shorten(best: &mut Vec<u8>, fails: &impl Fn(&[u8]) -> bool) {
    let mut piece = best.len() / 2;
    while piece > 0 {
        // From the end, because each header determines the ones after it.
        let mut end = best.len();
        while end >= piece {
            let mut shorter = best.clone();
            shorter.drain(end - piece..end);
            if fails(&shorter) {
                *best = shorter;
            }
            end -= piece;
        }
        piece /= 2;
    }
}

fn clear(best: &mut [u8], fails: &impl Fn(&[u8]) -> bool) {
    for at in 0..best.len() {
        for simpler in [0, best[at] & 0xf0, best[at] & 0x0f] {
            let was = std::mem::replace(&mut best[at], simpler);
            if was != simpler && fails(best) {
                break;
            }
            best[at] = was;
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_what_matters_is_left() {
        let frame: Vec<u8> = (0..=255).collect();
        let fails = |frame: &[u8]| frame.contains(&0x77) && frame.len() >= 3;
        let least = super::minimise(&frame, fails);
        assert!(least.len() == 3 && least.contains(&0x77), "{least:?}");
        assert_eq!(least.iter().filter(|byte| **byte == 0).count(), 2, "{least:?}");
    }
}
