// SPDX-License-Identifier: GPL-2.0-only
//! The tables of the page.

use maud::{Markup, html};

use super::super::diary::{Entry, Weight};
use super::super::figures;
use super::super::headline::number;
use super::super::meanings::meaning;
use super::super::story::Story;
use super::attackers;

/// Lines of the list of blocked sources.
const MAX_LINES: usize = 20;

pub fn all(story: &Story) -> Markup {
    html! {
        (floods(story))
        (attackers::all(&story.floods))
        (blocked(story))
        (reasons(story))
        (queues(story))
        (settings(story))
        (diary(story))
    }
}

fn floods(story: &Story) -> Markup {
    let shown = story.floods.shown();
    html! {
        @if shown.len() > 1 {
            h2 { "Attacks" }
            div.scroll { table {
                @if story.floods.count > shown.len() as u64 {
                    caption { "The largest " (shown.len()) " of " (figures::count(story.floods.count)) "." }
                }
                thead { tr {
                    th { "begin" } th.n { "lasted" } th.n { "SYN/s at most" } th.n { "SYNs" } th.n { "stopped" }
                    th.n { "connected" } th.n { "refused" } th.n { "sources" } th { "from" }
                } }
                tbody { @for flood in shown { tr {
                    td.words { (figures::moment(flood.begin, story.clock.is_dated)) }
                    td.n { (figures::lasting(flood.lasted())) }
                    td.n { (figures::rate(flood.peak)) }
                    td.n { (number(&flood.counts, flood.counts.syns())) }
                    td.n { (flood.counts.stopped().map_or("–".into(), figures::share)) }
                    td.n { (number(&flood.counts, flood.counts.connected)) }
                    td.n { (flood.counts.refused.map_or("–".into(), |refused| number(&flood.counts, refused))) }
                    td.n { (flood.sources.map_or("–".into(), figures::count)) }
                    td.words { (flood.kind.as_deref().unwrap_or("–")) }
                } } }
            } }
        }
    }
}

fn blocked(story: &Story) -> Markup {
    let worst = story.blocked.worst(MAX_LINES);
    html! {
        @if !worst.is_empty() {
            h2 { "Blocked sources" }
            div.scroll { table {
                caption { "Those with most drops. Sources were blocked " (figures::count(story.blocked.times)) " times." }
                thead { tr { th { "source" } th { "service" } th.n { "times" } th.n { "blocked for" } th.n { "dropped" } } }
                tbody { @for (source, service, block) in worst { tr {
                    td.name { code { (source) } }
                    td { (service.unwrap_or("–")) }
                    td.n { (figures::count(block.times)) }
                    td.n { (figures::lasting(block.seconds)) }
                    td.n { (figures::count(block.dropped)) }
                } } }
            } }
        }
    }
}

fn reasons(story: &Story) -> Markup {
    let reasons = story.reasons();
    html! {
        @if !reasons.is_empty() {
            h2 { "Reasons" }
            div.scroll { table {
                caption {
                    @match story.totals.programs {
                        0 => "Frames by what was decided, reckoned from the rates of the status lines.",
                        1 => "Frames since the run's program was loaded, by what was decided.",
                        several => { "Frames of " (several) " runs, each since its program was loaded, by what was decided." }
                    }
                }
                thead { tr { th { "reason" } th.n { "frames" } th { "meaning" } } }
                tbody { @for (reason, count) in reasons { tr {
                    td.name { code { (reason) } }
                    td.n { (figures::count(count.round() as u64)) }
                    td { (in_code(&without_links(meaning(&reason).unwrap_or("–")))) }
                } } }
            } }
        }
    }
}

/// Markdown's `code` as HTML's.
/// Markdown's links lead nowhere from a page that is alone.
fn without_links(text: &str) -> String {
    let mut parts = text.split('[');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once("](").and_then(|(name, rest)| Some((name, rest.split_once(')')?.1))) {
            Some((name, rest)) => plain.extend([name, rest]),
            None => plain.extend(["[", part]),
        }
    }
    plain
}

#[test]
fn a_link_leaves_its_words() {
    assert_eq!(without_links("by a [rule](rules.md), [or] `x`"), "by a rule, [or] `x`");
}

fn in_code(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn queues(story: &Story) -> Markup {
    html! {
        @if !story.queues.is_empty() {
            h2 { "Queues of listeners" }
            div.scroll { table {
                caption { "Connections that waited to be accepted, at the fullest moment. The kernel refuses what is beyond the limit." }
                thead { tr { th { "port" } th.n { "waiting" } th.n { "limit" } } }
                tbody { @for queue in story.queues.values() { tr {
                    td { (queue.port) }
                    td.n { (figures::count(queue.length)) }
                    td.n { (figures::count(queue.limit)) }
                } } }
            } }
        }
    }
}

fn settings(story: &Story) -> Markup {
    html! {
        @if let Some(settings) = &story.settings {
            h2 { "Settings" }
            div.scroll { table {
                caption { "Those at the end of the log." }
                tbody {
                    @for (name, value) in &settings.rows { tr { td.name { (name) } td { (value) } } }
                    tr { td.name { "dry run" } td { (if settings.is_dry_run { "yes: nothing is dropped" } else { "no" }) } }
                }
            } }
        }
    }
}

fn diary(story: &Story) -> Markup {
    html! {
        h2 { "Changes and notes" }
        div.scroll { table { tbody {
            @for entry in story.diary.first() { (line(story, entry)) }
            @if story.diary.forgotten > 0 {
                tr { td.when { "…" } td.soft { (figures::count(story.diary.forgotten)) " more are in the log" } }
            }
            @for entry in story.diary.last() { (line(story, entry)) }
        } } }
    }
}

fn line(story: &Story, entry: &Entry) -> Markup {
    let class = match entry.weight {
        Weight::Plain => None,
        Weight::Warning => Some("warning"),
        Weight::Flood => Some("flood"),
    };
    html! {
        tr class=[class] {
            td.when { (figures::moment(entry.at, story.clock.is_dated)) }
            td { (entry.text) }
        }
    }
}
