// SPDX-License-Identifier: GPL-2.0-only
//! The page. It has no script and asks nobody for anything; what comes from the log is text.

mod attackers;
mod tables;

use anyhow::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::colours;
use super::figures;
use super::headline::{self, number, stopped, title};
use super::plot::{self, Curve};
use super::story::Story;

/// A file that begins with this is a page of ours.
pub const BEGINNING: &str = concat!(
    "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">",
    "<meta name=\"generator\" content=\"synflood-xdp report\">"
);

const STYLE: &str = include_str!("page.css");

/// Browsers are to load nothing, and to run nothing.
const RULES: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole page. `log`: what it was made of.
pub fn page(story: &Story, log: &str) -> Result<String> {
    let title = title(story);
    let visitors = headline::visitors(story);
    let style = format!("{STYLE}{}", colours::dark_rules());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content="synflood-xdp report";
                meta http-equiv="Content-Security-Policy" content=(RULES);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) "; " (visitors) }
                style { (PreEscaped(style)) }
            }
            body {
                header {
                    h1 { (title) }
                    p.visitors { (capitalised(&visitors)) }
                }
                main {
                    (warnings(story))
                    (cards(story))
                    (pictures(story)?)
                    (tables::all(story))
                }
                footer {
                    "Made by synflood-xdp " (env!("CARGO_PKG_VERSION")) " from " (figures::text(log)) ": "
                    (figures::count(story.lines)) " lines, from "
                    (figures::moment(story.clock.begin, story.clock.is_dated)) " to "
                    (figures::moment(story.clock.end, story.clock.is_dated)) "."
                }
            }
        }
    };
    Ok(page.into_string())
}

/// What makes the figures other than they look.
fn warnings(story: &Story) -> Markup {
    let is_on = story.floods.shown().last().is_some_and(|flood| flood.is_on);
    html! {
        @if story.is_dry_run() {
            p.box { b { "A dry run: nothing was dropped." } " The figures say what would have been." }
        }
        @if is_on {
            p.box { "The log ends in the attack: it may have gone on." }
        }
        @if story.settings.is_none() {
            p.box { "The log has no beginning of a run, so there are no settings here." }
        }
        @if story.broken > 0 {
            p.box { "Cut or broken lines of the log, which are not in the figures: " (figures::count(story.broken)) }
        }
        @if story.unknown > 0 {
            p.box { "Lines of kinds that this version does not know: " (figures::count(story.unknown)) }
        }
    }
}

fn cards(story: &Story) -> Markup {
    let is_attack = story.floods.count > 0;
    let counts = if is_attack { &story.floods.counts } else { &story.counts };
    let kinds: Vec<_> = story.floods.shown().iter().filter_map(|flood| flood.kind.as_deref()).collect();
    let in_attack = if story.floods.count > 1 { "in the attacks" } else { "in the attack" };
    let peak = if is_attack { story.floods.peak } else { story.peak };
    html! {
        dl.cards {
            @if let Some(flood) = story.floods.shown().first() {
                (card("begin", figures::clock(flood.begin, story.clock.is_dated), &day(story, flood.begin)))
            }
            (card("at most", format!("{} SYN/s", figures::rate(peak)), ""))
            (card("SYNs", number(counts, counts.syns()), if is_attack { in_attack } else { "in all" }))
            @if let Some(stopped) = stopped(story) {
                (card("stopped", stopped.replace(" stopped", ""), "neither passed nor became a connection by cookie"))
            }
            (card("visitors connected", number(counts, counts.connected), &by_cookie(counts.by_cookie)))
            @if let Some(refused) = counts.refused {
                (card("connections refused", number(counts, refused), ""))
            }
            @if let Some(kind) = kinds.first() {
                (card("from", (*kind).to_owned(), if kinds.len() > 1 { "in the first attack" } else { "" }))
            }
            @if story.most_blocked > 0 {
                (card("sources blocked", figures::count(story.most_blocked), "at one time, at most"))
            }
        }
    }
}

fn card(name: &str, value: String, more: &str) -> Markup {
    html! {
        div { dt { (name) } dd { (value) @if !more.is_empty() { small { (more) } } } }
    }
}

fn day(story: &Story, at: f64) -> String {
    if story.clock.is_dated { format!("{} UTC", figures::day(at)) } else { "since the start".into() }
}

fn by_cookie(count: Option<f64>) -> String {
    count.map_or(String::new(), |count| {
        format!("{} of them by cookie", figures::count(count.round() as u64))
    })
}

fn pictures(story: &Story) -> Result<Markup> {
    let visitors = plot::visitors(&story.timeline);
    let syns = picture(story, "What became of the SYNs, per second", &plot::SYNS)?;
    let visitors = picture(story, "What visitors got: connections per second", &visitors)?;
    Ok(html! { (syns) (visitors) })
}

fn picture(story: &Story, name: &str, curves: &[Curve]) -> Result<Markup> {
    let Some(svg) = plot::draw(story, curves)? else {
        return Ok(
            html! { h2 { (name) } p.soft { "The log has too few status lines for a picture." } },
        );
    };
    let width = story.timeline.width();
    Ok(html! {
        section.picture {
        h2 { (name) }
        ul.legend { @for curve in curves { li { (key(curve)) (curve.name) ": " (most(story, curve)) } } }
        figure role="img" aria-label=(name) {
            (PreEscaped(svg))
            figcaption {
                @if width > 1.0 { "Each point is the mean of " (figures::lasting(width)) ". " }
                @if story.clock.is_dated { "Times are UTC. " }
                @if story.floods.count > 0 { "Shaded: an attack." }
            }
        }
        }
    })
}

fn key(curve: &Curve) -> Markup {
    html! {
        svg.key viewBox="0 0 14 6" aria-hidden="true" { rect width="14" height="6" fill=(curve.hex()) {} }
    }
}

fn most(story: &Story, curve: &Curve) -> String {
    let rates = story.timeline.points().map(|(_, point)| point.rate(curve.series));
    let most = rates.fold(0.0, f64::max);
    format!("{}/s at most", figures::rate(most))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}
