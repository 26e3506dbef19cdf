// SPDX-License-Identifier: GPL-2.0-only
//! The lower part of the screen: the sources.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row as Cells, StatefulWidget, Table, TableState};

use super::model::Model;
use super::rank::{Order, Ranked, Row, Who};
use super::theme::Theme;
use super::ui::Ui;
use crate::policy::faults::harmless;
use crate::policy::{Listed, Policy};
use crate::show::units::{count, share, short};

/// Columns of an IPv4 address, and of an IPv6 network of the usual size with a service.
const NAME: (u16, u16) = (15, 40);

/// Columns of the figures with the blanks between them.
const FIGURES: u16 = 7 + 7 + 7 + 8 + 10 + 1;

/// Columns that a verdict must have.
const VERDICT: u16 = 16;

const HEADS: [(&str, Option<Order>); 7] = [
    ("ADDRESS", None),
    ("SYN/s", Some(Order::Syns)),
    ("PASSED", Some(Order::Passed)),
    ("COOKIE", Some(Order::Cookies)),
    ("DROPPED", Some(Order::Dropped)),
    ("CONNECTED", Some(Order::Connected)),
    ("VERDICT", None),
];

pub fn draw(model: &Model, ranked: &Ranked, ui: &Ui, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let seconds = model.table.as_ref().map_or(1.0, |table| table.seconds);
    let names: Vec<String> = ranked.rows.iter().map(|row| name(&row.who, &model.policy)).collect();
    let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as u16;
    let most = area.width.saturating_sub(FIGURES + VERDICT).clamp(NAME.0, NAME.1);
    let widths = [
        Constraint::Length(widest.clamp(NAME.0, most)),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(7),
        Constraint::Length(9),
        Constraint::Fill(1),
    ];
    let rows = ranked.rows.iter().zip(names).map(|(row, name)| cells(row, name, seconds, theme));
    let table = Table::new(rows, widths)
        .header(heads(ui, theme))
        .column_spacing(1)
        .row_highlight_style(theme.inverted());
    let mut state = TableState::default().with_selected(ui.place(ranked));
    StatefulWidget::render(table, area, buffer, &mut state);
}

fn name(who: &Who, policy: &Policy) -> String {
    harmless(&who.name(policy))
}

/// The one by which it is sorted stands out.
fn heads(ui: &Ui, theme: Theme) -> Cells<'static> {
    let head = |(name, order): (&'static str, Option<Order>)| {
        let style = if order == Some(ui.order) { theme.inverted() } else { theme.strong() };
        let line = Line::from(Span::styled(name, style));
        Cell::from(if is_figure(name) { line.right_aligned() } else { line })
    };
    Cells::new(HEADS.map(head))
}

fn is_figure(head: &str) -> bool {
    !matches!(head, "ADDRESS" | "VERDICT")
}

fn cells(row: &Row, name: String, seconds: f64, theme: Theme) -> Cells<'static> {
    let rate = |count: u64| short(count as f64 / seconds);
    // The lists do not know what becomes of what they allow.
    let is_split = !matches!(row.who, Who::Network(_, Listed::Allowed));
    let split = |count: u64| if is_split { rate(count) } else { "-".into() };
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    Cells::new([
        Cell::from(name),
        right(rate(row.now.sent())),
        right(split(row.now.passed)),
        right(split(row.now.challenged)),
        right(split(row.now.dropped)),
        right(connected(row).unwrap_or_else(|| "-".into())),
        Cell::from(verdict(row)).style(row.verdict.style(theme)),
    ])
}

/// None: it says nothing, or is not known.
fn connected(row: &Row) -> Option<String> {
    match row.who {
        Who::Network(..) | Who::DenyLists => None,
        // Cookies that were sent before.
        _ if row.now.sent() == 0 && row.now.connected > 0 => Some("100 %".into()),
        _ => share(row.now.connected as f64, row.now.sent() as f64),
    }
}

fn verdict(row: &Row) -> String {
    let parts = [row.verdict.text(), row.rule.as_deref().unwrap_or_default()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    harmless(&parts.join("; "))
}

/// All that is known of the selected one.
pub fn detail(model: &Model, ranked: &Ranked, ui: &Ui, theme: Theme) -> Line<'static> {
    let Some(row) = ui.place(ranked).and_then(|place| ranked.rows.get(place)) else {
        return Line::styled(no_rows(model, ui), theme.faint());
    };
    let all = row.all;
    let name = name(&row.who, &model.policy);
    let text = match row.who {
        Who::Source(_) => format!(
            "{name}: {} SYNs, {} passed, {} cookies, {} dropped, {} connected; {}",
            count(all.sent()),
            count(all.passed),
            count(all.challenged),
            count(all.dropped),
            count(all.connected),
            verdict(row),
        ),
        Who::Network(..) | Who::DenyLists => {
            format!("{name}: {} SYNs so far; {}", count(all.sent()), verdict(row))
        }
        Who::Unknown { seen } => {
            format!("at most 3 SYNs each: {seen} seen now, the rest in no table, as forged ones are")
        }
    };
    Line::styled(text, Style::new())
}

fn no_rows(model: &Model, ui: &Ui) -> String {
    match (&model.table, ui.filter.is_empty()) {
        (None, _) => "measuring…".into(),
        (_, false) => format!("no source has \"{}\": Esc shows all", ui.filter),
        (_, true) => "no SYNs".into(),
    }
}
