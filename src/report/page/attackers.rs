// SPDX-License-Identifier: GPL-2.0-only
//! Where the attacks came from, and what they aimed at. Who answers is no attacker, and stands apart.

use maud::{Markup, html};

use super::super::figures;
use super::super::floods::Floods;
use super::super::shares::Share;

/// Lines of a list of sources, networks or ports.
const MAX_LINES: usize = 20;

/// Where nobody has such a share, a list would only name who happened to be seen.
const STANDS_OUT: f64 = 0.01;

const NOTE: &str = "Their share of the attack's SYNs that did not pass.";

pub fn all(floods: &Floods) -> Markup {
    let networks = floods.networks.top(MAX_LINES);
    let ports = floods.ports.top(MAX_LINES);
    html! {
        @if floods.count > 0 {
            @if floods.has_sources { (sources(floods)) }
            @else { p.soft { "The log does not name the sources of the attack." } }
        }
        @if !networks.is_empty() {
            h2 { "Worst networks" }
            @if stands_out(&networks) { (table("network", NOTE, &networks, &[])) }
            @else { p.soft { "no network stands out" } }
        }
        @if !ports.is_empty() {
            h2 { "Ports" }
            (table("port", NOTE, &ports, &[]))
        }
    }
}

fn sources(floods: &Floods) -> Markup {
    let silent = floods.sources.top_that(false, MAX_LINES);
    let answering = floods.sources.top_that(true, MAX_LINES);
    let named =
        |source: &&String| silent.iter().chain(&answering).all(|top| top.name != source.as_str());
    let heavy: Vec<&String> = floods.heavy.iter().filter(named).collect();
    html! {
        h2 { "Worst sources" }
        @if stands_out(&silent) || !heavy.is_empty() {
            (table("source", &format!("{NOTE} None has a connection, or the log does not tell. \
                An address may be forged."), &silent, &heavy))
        } @else {
            p.soft { "no source stands out" }
        }
        @if !answering.is_empty() {
            h2 { "Sources that answer: visitors, proxies, or bots that connect" }
            @if stands_out(&answering) { (answers(&answering)) }
            @else { p.soft { "no source stands out" } }
        }
    }
}

fn stands_out(top: &[Share]) -> bool {
    top.first().is_some_and(|first| first.share >= STANDS_OUT)
}

/// `heavy`: sources without a figure.
fn table(what: &str, note: &str, top: &[Share], heavy: &[&String]) -> Markup {
    html! {
        div.scroll { table {
            caption { (note) }
            thead { tr { th { (what) } th.n { "share" } th {} } }
            tbody {
                @for source in heavy { tr {
                    td.name { code { (source) } } td.n { "5\u{a0}% or more" } td.share {}
                } }
                @for each in top { tr {
                    td.name { code { (each.name) } } (share(each))
                } }
            }
        } }
    }
}

fn answers(top: &[Share]) -> Markup {
    html! {
        div.scroll { table {
            caption { (NOTE) " Answers: connections of the source, also of before." }
            thead { tr { th { "source" } th.n { "answers" } th.n { "share" } th {} } }
            tbody { @for each in top { tr {
                td.name { code { (each.name) } }
                td.n { (figures::count(each.connected)) }
                (share(each))
            } } }
        } }
    }
}

/// Its figure, and a bar of which the full width is all.
fn share(each: &Share) -> Markup {
    html! {
        td.n { (figures::share(each.share)) }
        td.share { div.bar style=(format!("width:{:.1}%", each.share * 100.0)) {} }
    }
}
