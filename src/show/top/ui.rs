// SPDX-License-Identifier: GPL-2.0-only
//! What the keys do.

use ipnet::IpNet;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::rank::{Order, Ranked, Who};
use crate::policy::{Listed, Policy};

/// What the user looks at.
#[derive(Debug, Default)]
pub struct Ui {
    pub mode: Mode,
    pub order: Order,
    /// Only rows with these words.
    pub filter: String,
    pub is_paused: bool,
    /// None: the first row.
    pub selected: Option<Who>,
    /// What the last key did, or why not.
    pub message: Option<String>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Table,
    Help,
    /// The filter is being written; `before`: what it was.
    Filter {
        before: String,
    },
    Confirm(Ask),
}

/// A change that waits for a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    pub listed: Listed,
    pub network: IpNet,
    /// Connections that it has had.
    pub connected: u64,
}

impl Ask {
    /// Whoever answers may be a visitor: to deny one takes another key than the usual one.
    pub fn is_of_a_visitor(&self) -> bool {
        self.listed == Listed::Denied && self.connected > 0
    }

    fn is_yes(&self, key: KeyCode) -> bool {
        match self.is_of_a_visitor() {
            true => key == KeyCode::Char('D'),
            false => matches!(key, KeyCode::Char('y' | 'Y')),
        }
    }
}

/// What somebody else has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Quit,
    /// Show other rows.
    Rank,
    NextInstance,
    Change(Ask),
}

/// Rows that a page key moves.
const PAGE: isize = 10;

impl Ui {
    pub fn press(&mut self, key: KeyEvent, ranked: &Ranked, policy: &Policy) -> Option<Action> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return (key.code == KeyCode::Char('c')).then_some(Action::Quit);
        }
        self.message = None;
        match self.mode.clone() {
            Mode::Table => self.press_in_table(key.code, ranked, policy),
            Mode::Help => {
                self.mode = Mode::Table;
                (key.code == KeyCode::Char('q')).then_some(Action::Quit)
            }
            Mode::Filter { before } => self.press_in_filter(key.code, before),
            Mode::Confirm(ask) => {
                self.mode = Mode::Table;
                let is_yes = ask.is_yes(key.code);
                if !is_yes {
                    self.message = Some("nothing was changed".into());
                }
                is_yes.then_some(Action::Change(ask))
            }
        }
    }

    fn press_in_table(&mut self, key: KeyCode, ranked: &Ranked, policy: &Policy) -> Option<Action> {
        match key {
            KeyCode::Char('q') => return Some(Action::Quit),
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('/') => self.mode = Mode::Filter { before: self.filter.clone() },
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('s') => {
                self.order = self.order.next();
                return Some(Action::Rank);
            }
            KeyCode::Esc if !self.filter.is_empty() => {
                self.filter.clear();
                return Some(Action::Rank);
            }
            KeyCode::Tab => return Some(Action::NextInstance),
            KeyCode::Char('a') => self.ask(Listed::Allowed, ranked, policy),
            KeyCode::Char('d') => self.ask(Listed::Denied, ranked, policy),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1, ranked),
            KeyCode::Down | KeyCode::Char('j') => self.step(1, ranked),
            KeyCode::PageUp => self.step(-PAGE, ranked),
            KeyCode::PageDown => self.step(PAGE, ranked),
            KeyCode::Home => self.selected = None,
            KeyCode::End => self.selected = ranked.rows.last().map(|row| row.who),
            _ => {}
        }
        None
    }

    fn press_in_filter(&mut self, key: KeyCode, before: String) -> Option<Action> {
        match key {
            KeyCode::Enter => {
                self.mode = Mode::Table;
                return None;
            }
            KeyCode::Esc => {
                self.mode = Mode::Table;
                self.filter = before;
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(c) => self.filter.push(c),
            _ => return None,
        }
        Some(Action::Rank)
    }

    /// The selected row's place. None: there are no rows.
    pub fn place(&self, ranked: &Ranked) -> Option<usize> {
        let is_selected = |row: &super::rank::Row| self.selected.is_some_and(|who| who.is(&row.who));
        let place = ranked.rows.iter().position(is_selected).unwrap_or_default();
        (place < ranked.rows.len()).then_some(place)
    }

    fn step(&mut self, by: isize, ranked: &Ranked) {
        let Some(place) = self.place(ranked) else { return };
        let place = place.saturating_add_signed(by).min(ranked.rows.len() - 1);
        self.selected = Some(ranked.rows[place].who);
    }

    /// The row is named in the question, as the next reading may put another one in its place.
    fn ask(&mut self, listed: Listed, ranked: &Ranked, policy: &Policy) {
        let Some(row) = self.place(ranked).map(|place| &ranked.rows[place]) else { return };
        self.selected = Some(row.who);
        match row.who.network(policy) {
            Some(network) => {
                self.mode = Mode::Confirm(Ask { listed, network, connected: row.all.connected });
            }
            None => self.message = Some("these are many addresses: select a single one".into()),
        }
    }
}
