// SPDX-License-Identifier: GPL-2.0-only
//! The answer, before anything else.

use super::counts::Counts;
use super::figures;
use super::story::Story;

/// "eth0: attack of 4m12s on 26 Nov 2026, 41.0k SYN/s at most, 99.9 % stopped"
pub fn title(story: &Story) -> String {
    let interfaces =
        story.settings.as_ref().map_or(String::new(), |settings| settings.interfaces.join(", "));
    let interfaces = if interfaces.is_empty() { "a run".into() } else { interfaces };
    let peak =
        figures::rate(story.floods.peak.max(if story.floods.count == 0 { story.peak } else { 0.0 }));
    let what = what(story);
    let mut title = format!("{interfaces}: {what}{}, {peak} SYN/s at most", day(story));
    if let Some(stopped) = stopped(story) {
        title += &format!(", {stopped}");
    }
    title
}

/// "99.9 % stopped". None: there was no attack, or it had no SYN that is counted.
pub fn stopped(story: &Story) -> Option<String> {
    let share = story.floods.counts.stopped().filter(|_| story.floods.count > 0).map(figures::share)?;
    Some(if story.is_dry_run() {
        format!("{share} would have been stopped (dry run)")
    } else {
        format!("{share} stopped")
    })
}

/// "visitors: 52,001 connected, 31 refused"
pub fn visitors(story: &Story) -> String {
    let (counts, when) = match story.floods.count {
        0 => (&story.counts, ""),
        1 => (&story.floods.counts, " during the attack"),
        _ => (&story.floods.counts, " during the attacks"),
    };
    let refused = counts
        .refused
        .map_or(String::new(), |refused| format!(", {} refused", number(counts, refused)));
    format!("visitors{when}: {} connected{refused}", number(counts, counts.connected))
}

/// "52,001", or "about 52,001" where it is reckoned.
pub fn number(counts: &Counts, number: f64) -> String {
    let about = if counts.is_reckoned && number >= 0.5 { "about " } else { "" };
    format!("{about}{}", figures::count(number.round() as u64))
}

fn what(story: &Story) -> String {
    let lasted = figures::lasting(story.floods.lasted);
    let is_on = story.floods.shown().last().is_some_and(|flood| flood.is_on);
    match story.floods.count {
        0 => format!("no attack in {}", figures::lasting(story.clock.end - story.clock.begin)),
        1 if is_on => format!("attack of at least {lasted}, not over when the log ends,"),
        1 => format!("attack of {lasted}"),
        several => format!("{several} attacks, {lasted} in all,"),
    }
}

/// " on 26 Nov 2026", or nothing where there are no dates.
fn day(story: &Story) -> String {
    if !story.clock.is_dated {
        return String::new();
    }
    let floods = story.floods.shown();
    let begin = floods.first().map_or(story.clock.begin, |flood| flood.begin);
    let end = floods.last().map_or(story.clock.end, |flood| flood.end);
    match (figures::day(begin), figures::day(end)) {
        (first, last) if first == last => format!(" on {first}"),
        (first, last) => format!(" from {first} to {last}"),
    }
}
