// SPDX-License-Identifier: GPL-2.0-only
//! The whole screen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph, Widget};

use super::header::{self, Beside};
use super::measures;
use super::model::Model;
use super::rank::Ranked;
use super::table;
use super::theme::Theme;
use super::ui::{Ask, Mode, Ui};
use crate::policy::faults::harmless;
use crate::policy::network_name;
use crate::show::lists;
use crate::show::units::count;

/// The smallest terminal.
pub const WIDTH: u16 = 80;
pub const HEIGHT: u16 = 24;

const KEYS: &str = "? help  q quit  s sort  / filter  p pause  a allow  d deny  ↑↓ select";

pub(super) const HELP: [&str; 18] = [
    "↑ ↓ PgUp PgDn Home End   select a source",
    "s   sort by the next column",
    "/   show only what has these words, as an address; Enter keeps it, Esc not",
    "p   pause: nothing is read until p is pressed again",
    "a d allow or deny the selected source for an hour, after a question",
    "Tab the next instance",
    "q   quit",
    "",
    "rule 1, limited: what rules drop, and what is refused to networks over a limit",
    "SYN/s to DROPPED: SYNs in a second; passed to the kernel, by cookie, dropped",
    "CONNECTED: the part that connects: only the real owner of an address can",
    "attacker: never answers   many SYNs, not one connection ever",
    "rarely answers: forged?   it connects at times: others may forge its address",
    "over its limit            it has used up its own connections (--burst, --rate)",
    "honest, busy              it answers: a proxy, a NAT, a crawler",
    "(unknown 210)             sources with at most 3 SYNs, and those in no table",
    "random flood              unknown sources that do not answer: forged addresses",
    "Nothing to do: what never answers is stopped. Deny who answers and floods",
];

/// What there is to see.
#[derive(Debug)]
pub struct View<'a> {
    pub model: &'a Model,
    pub ranked: &'a Ranked,
    pub ui: &'a Ui,
    /// Interfaces of other instances.
    pub others: &'a [String],
    /// Somebody can press keys.
    pub has_keys: bool,
    pub theme: Theme,
}

impl Widget for &View<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        if area.width < WIDTH || area.height < HEIGHT {
            let text = format!("{}×{} is too small: {WIDTH}×{HEIGHT}", area.width, area.height);
            return Paragraph::new(vec![Line::from(text), Line::from("q quits")]).render(area, buffer);
        }
        let measures = measures::lines(self.model, self.theme, area.height);
        let [top, middle, sources, detail, last] = Layout::vertical([
            Constraint::Length(header::HEIGHT),
            Constraint::Length(measures.len() as u16),
            Constraint::Fill(1),
            Constraint::Length(1),
            Constraint::Length(1),
        ])
        .areas(area);
        let beside = Beside { is_paused: self.ui.is_paused, others: self.others };
        header::draw(self.model, &beside, self.theme, top, buffer);
        Paragraph::new(measures).render(middle, buffer);
        table::draw(self.model, self.ranked, self.ui, self.theme, sources, buffer);
        table::detail(self.model, self.ranked, self.ui, self.theme).render(detail, buffer);
        if self.has_keys {
            self.last_line().render(last, buffer);
        }
        if self.ui.mode == Mode::Help {
            help(area, buffer);
        }
    }
}

impl View<'_> {
    fn last_line(&self) -> Line<'static> {
        let (ui, theme) = (self.ui, self.theme);
        match (&ui.mode, &ui.message) {
            (Mode::Filter { .. }, _) => Line::styled(
                format!("/{}_   Enter keeps it, Esc does not", harmless(&ui.filter)),
                theme.strong(),
            ),
            (Mode::Confirm(ask), _) => Line::styled(question(ask), theme.inverted()),
            (_, Some(message)) => Line::styled(harmless(message), theme.strong()),
            _ => {
                let filter = match ui.filter.as_str() {
                    "" => String::new(),
                    words => format!("  only: {}", harmless(words)),
                };
                Line::styled(format!("{KEYS}  {}{filter}", self.place()), theme.faint())
            }
        }
    }

    /// "1/9120": which of the sources.
    fn place(&self) -> String {
        let place = self.ui.place(self.ranked).map_or(0, |place| place + 1);
        format!("{place}/{}", self.ranked.count)
    }
}

fn question(ask: &Ask) -> String {
    let (verb, name) = (lists::verb(ask.listed), network_name(&ask.network));
    match ask.is_of_a_visitor() {
        true => format!(
            "{name} ANSWERS ({} connections): deny a visitor for an hour? D: yes, any other key: no",
            count(ask.connected)
        ),
        false => format!("{verb} {name} for an hour? y: yes, any other key: no"),
    }
}

fn help(area: Rect, buffer: &mut Buffer) {
    let [_, middle, _] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(HELP.len() as u16 + 2),
        Constraint::Fill(1),
    ])
    .areas(area);
    Clear.render(middle, buffer);
    let lines: Vec<Line<'_>> = HELP.into_iter().map(Line::from).collect();
    Paragraph::new(lines).block(Block::bordered().title(" any key goes back ")).render(middle, buffer);
}

/// A screen as lines of text.
pub fn text(view: &View<'_>, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view.render(area, &mut buffer);
    let line = |y| {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        format!("{}\n", line.trim_end())
    };
    let text: String = (0..height).map(line).collect();
    format!("{}\n", text.trim_end())
}
