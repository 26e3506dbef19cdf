// SPDX-License-Identifier: GPL-2.0-only
//! The upper part of the screen: since when, how bad, and whether visitors suffer.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Sparkline, Widget};

use super::model::{History, MINUTE, Model, Rates};
use super::theme::Theme;
use crate::policy::faults::harmless;
use crate::show::model::PortQueue;
use crate::show::text;
use crate::show::units::{age, share, short};

/// Lines of it.
pub const HEIGHT: u16 = 11;

/// Columns before a sparkline.
const LABEL: u16 = 20;

/// What else the first line says.
#[derive(Debug, Default)]
pub struct Beside<'a> {
    pub is_paused: bool,
    /// Interfaces of other instances.
    pub others: &'a [String],
}

pub fn draw(model: &Model, beside: &Beside<'_>, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let lines: [Rect; HEIGHT as usize] =
        Layout::vertical([Constraint::Length(1); HEIGHT as usize]).areas(area);
    let [
        first,
        origin,
        visitors,
        policy,
        passed,
        challenged,
        dropped,
        connected,
        ports,
        reasons,
        notice,
    ] = lines;
    summary(model, beside, theme).render(first, buffer);
    labelled("from", origin_text(model), theme).render(origin, buffer);
    labelled("visitors", visitors_text(model), theme).render(visitors, buffer);
    labelled("protects", policy_text(model), theme).render(policy, buffer);
    let rates = model.rates.clone().filter(|_| model.gone.is_none()).unwrap_or_default();
    let histories = &model.histories;
    let (cookie, drop) = match model.policy.dry_run {
        true => ("(cookie)", "(dropped)"),
        false => ("cookie", "dropped"),
    };
    for (name, rate, history, line) in [
        ("passed", rates.passed, &histories.passed, passed),
        (cookie, rates.challenged, &histories.challenged, challenged),
        (drop, rates.dropped, &histories.dropped, dropped),
        ("connected", rates.connected, &histories.connected, connected),
    ] {
        minute(name, rate, history, theme, line, buffer);
    }
    labelled("ports", ports_text(model, &rates), theme).render(ports, buffer);
    labelled("reasons", reasons_text(&rates), theme).render(reasons, buffer);
    if let Some(text) = notice_text(model) {
        Line::styled(text, theme.alarm()).render(notice, buffer);
    }
}

fn labelled(label: &'static str, text: String, theme: Theme) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{label:<10}"), theme.faint()), Span::raw(text)])
}

/// "03:12:44 eth0 (native)  ATTACK for 4m  41.0k SYN/s, 99.9 % stopped"
fn summary(model: &Model, beside: &Beside<'_>, theme: Theme) -> Line<'static> {
    let second = &model.second;
    let mut spans = vec![
        Span::raw(format!("{} ", second.clock)),
        Span::styled(harmless(&text::interfaces(&model.interfaces)), theme.strong()),
        Span::raw("  "),
        match second.flood {
            _ if model.gone.is_some() => Span::styled("NOT PROTECTED", theme.alarm()),
            Some(time) => Span::styled(format!("ATTACK for {}", age(time)), theme.alarm()),
            None => Span::styled("calm", theme.fine()),
        },
    ];
    if let Some(rates) = model.rates.as_ref().filter(|_| model.gone.is_none()) {
        let stopped = share(rates.stopped(), rates.sent());
        let stopped = stopped.map_or(String::new(), |share| format!(", {share} stopped"));
        spans.push(Span::raw(format!("  {} SYN/s{stopped}", short(rates.sent()))));
    }
    if beside.is_paused {
        spans.push(Span::styled("  PAUSED", theme.warning()));
    }
    if !beside.others.is_empty() {
        spans.push(Span::raw(harmless(&format!("  Tab: {}", beside.others.join(", ")))));
    }
    Line::from(spans)
}

fn origin_text(model: &Model) -> String {
    match (model.second.flood, model.second.flood_of.as_str()) {
        _ if model.gone.is_some() => "unknown".into(),
        (None, _) => "nobody floods".into(),
        (Some(_), "") => "measuring…".into(),
        (Some(_), of) => harmless(of),
    }
}

/// "212/s connected, 3/s of them by cookie, 0/s refused"
fn visitors_text(model: &Model) -> String {
    let Some(rates) = &model.rates else { return "measuring…".into() };
    if model.gone.is_some() {
        return "unknown".into();
    }
    format!(
        "{}/s connected, {}/s of them by cookie, {}/s refused",
        short(rates.connected),
        short(rates.by_cookie.min(rates.connected)),
        short(rates.refused)
    )
}

/// "for 3h: no limit on connections, pass rate 1000/s, own cookies"
fn policy_text(model: &Model) -> String {
    format!("for {}: {}", age(model.second.since), harmless(&text::policy(&model.policy)))
}

fn minute(name: &str, rate: f64, history: &History, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let [label, picture] =
        Layout::horizontal([Constraint::Length(LABEL), Constraint::Length(MINUTE as u16)]).areas(area);
    let text = Line::from(vec![
        Span::styled(format!("{name:<10}"), theme.faint()),
        Span::raw(format!("{:>6}/s ", short(rate))),
    ]);
    text.render(label, buffer);
    let width = usize::from(picture.width);
    // The newest stands at the right.
    let mut bars = vec![0; width.saturating_sub(history.len())];
    bars.extend(history.iter().skip(history.len().saturating_sub(width)));
    Sparkline::default().data(bars).render(picture, buffer);
}

/// ":443 12/4096 212/s, :80 0/511 3/s; not challenged: port 22": the fullest queues come first.
fn ports_text(model: &Model, rates: &Rates) -> String {
    let fill = |queue: &PortQueue| f64::from(queue.length) / f64::from(queue.limit.max(1));
    let rate = |port: u16| rates.ports.get(&port).copied().unwrap_or_default();
    let mut queues = model.second.queues.clone();
    queues.sort_by(|a, b| fill(b).total_cmp(&fill(a)).then(rate(b.port).total_cmp(&rate(a.port))));
    let of_port = |queue: &PortQueue| {
        let PortQueue { port, length, limit } = *queue;
        format!(":{port} queue {length}/{limit} {}/s", short(rate(port)))
    };
    let queues: Vec<String> = queues.iter().map(of_port).collect();
    let listening = if queues.is_empty() { "nobody listens".into() } else { queues.join(", ") };
    format!("{listening}{}", text::unchallenged(model.second.unchallenged.iter().copied()))
}

/// "challenge_sent 38.7k/s, drop_challenge_ration 1.2k/s": what is no SYN is left out.
fn reasons_text(rates: &Rates) -> String {
    let is_shown = |(reason, _): &&(String, f64)| {
        !reason.starts_with("skip_") && !reason.starts_with("connection_")
    };
    let shown = rates.reasons.iter().filter(is_shown);
    let shown: Vec<_> = shown.map(|(reason, rate)| format!("{reason} {}/s", short(*rate))).collect();
    if shown.is_empty() { "no SYNs".into() } else { shown.join(", ") }
}

/// What somebody should do something about.
fn notice_text(model: &Model) -> Option<String> {
    let second = &model.second;
    if let Some(gone) = &model.gone {
        return Some(harmless(gone));
    }
    if let Some(fault) = &second.fault {
        let line = fault.lines().next().unwrap_or_default();
        return Some(format!("FAULT, what was before is in force: {}", harmless(line)));
    }
    (!second.has_process && !second.at.is_zero()).then(|| {
        "NO PROCESS looks after it: after five seconds nobody is challenged; start the service".into()
    })
}
