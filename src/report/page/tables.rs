// SPDX-License-Identifier: GPL-2.0-only
//! The tables of the page.

use maud::{Markup, html};

use super::super::diary::{Entry, Weight};
use super::super::figures;
use super::super::headline::number;
use super::super::meanings::meaning;
use super::super::shares::Shares;
use super::super::story::Story;

/// Lines of a list of sources, networks or ports.
const MAX_LINES: usize = 20;

pub fn all(story: &Story) -> Markup {
    html! {
        (floods(story))
        (shares("Worst sources", "source", "Their share of the attack's SYNs. An address may be forged.",
            &story.floods.sources))
        (shares("Worst networks", "network", "Their share of the attack's SYNs.", &story.floods.networks))
        (shares("Ports", "port", "Their share of the attack's SYNs.", &story.floods.ports))
        @if story.floods.count > 0 && story.floods.sources.is_empty() {
            p.soft { "The log does not name the sources of the attack." }
        }
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
                    th.n { "connected" } th.n { "refused" } th.n { "sources" } th { "kind" }
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

fn shares(title: &str, what: &str, note: &str, shares: &Shares) -> Markup {
    let top = shares.top(MAX_LINES);
    let most = top.first().map_or(1.0, |(_, share)| share.max(f64::MIN_POSITIVE));
    html! {
        @if !top.is_empty() {
            h2 { (title) }
            div.scroll { table {
                caption { (note) }
                thead { tr { th { (what) } th.n { "share" } th {} } }
                tbody { @for (name, share) in &top { tr {
                    td.name { code { (name) } }
                    td.n { (figures::share(*share)) }
                    td.share { div.bar style=(format!("width:{:.1}%", share / most * 100.0)) {} }
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
    let (reasons, is_counted) = story.reasons();
    html! {
        @if !reasons.is_empty() {
            h2 { "Reasons" }
            div.scroll { table {
                caption {
                    @if is_counted { "Frames since the run's program was loaded, by what was decided." }
                    @else { "Frames by what was decided, reckoned from the rates of the status lines." }
                }
                thead { tr { th { "reason" } th.n { "frames" } th { "meaning" } } }
                tbody { @for (reason, count) in reasons { tr {
                    td.name { code { (figures::text(reason)) } }
                    td.n { (figures::count(count.round() as u64)) }
                    td { (in_code(meaning(reason).unwrap_or("–"))) }
                } } }
            } }
        }
    }
}

/// Markdown's `code` as HTML's.
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
