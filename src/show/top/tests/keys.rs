// SPDX-License-Identifier: GPL-2.0-only

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{flood, policy};
use crate::policy::Listed;
use crate::show::top::rank::{Order, Ranked, rank};
use crate::show::top::ui::{Action, Ask, Mode, Ui};

/// Somebody at the keys, before the table of a flood.
struct User {
    ui: Ui,
    ranked: Ranked,
}

impl User {
    fn new() -> Self {
        Self { ui: Ui::default(), ranked: rank(&flood(), &policy(), Order::Syns, "") }
    }

    fn press(&mut self, code: KeyCode) -> Option<Action> {
        let action = self.ui.press(KeyEvent::from(code), &self.ranked, &policy());
        if action == Some(Action::Rank) {
            self.ranked = rank(&flood(), &policy(), self.ui.order, &self.ui.filter);
        }
        action
    }

    fn write(&mut self, keys: &str) -> Option<Action> {
        keys.chars().map(|c| self.press(KeyCode::Char(c))).last().flatten()
    }

    fn selected(&self) -> String {
        let place = self.ui.place(&self.ranked).unwrap();
        self.ranked.rows[place].who.name(&policy())
    }
}

#[test]
fn q_and_control_c_end_it_also_in_a_question() {
    assert_eq!(User::new().write("q"), Some(Action::Quit));
    let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    for before in ["", "?", "/", "d"] {
        let mut user = User::new();
        user.write(before);
        let ranked = Ranked::default();
        assert_eq!(user.ui.press(control('d'), &ranked, &policy()), None, "no plain d");
        assert_eq!(
            user.ui.press(control('c'), &ranked, &policy()),
            Some(Action::Quit),
            "after {before}"
        );
    }
}

#[test]
fn a_change_takes_a_yes() {
    let network = "203.0.113.9/32".parse().unwrap();
    for (key, listed) in [("d", Listed::Denied), ("a", Listed::Allowed)] {
        let ask = Ask { listed, network, connected: 0 };
        for no in ["n", "q", "d", " "] {
            let mut user = User::new();
            assert_eq!(user.write(key), None);
            assert_eq!(user.ui.mode, Mode::Confirm(ask));
            assert_eq!(user.write(no), None, "{no} is no yes, and does nothing else");
            assert_eq!((&user.ui.mode, user.ui.is_paused), (&Mode::Table, false));
        }
        let mut user = User::new();
        user.write(key);
        assert_eq!(user.write("y"), Some(Action::Change(ask)));
        assert_eq!(user.write("y"), None, "once");
    }
}

#[test]
fn many_addresses_are_not_changed_at_once() {
    let mut user = User::new();
    user.press(KeyCode::Down);
    assert_eq!(user.selected(), "(unknown 2)");
    user.write("d");
    assert_eq!(user.ui.mode, Mode::Table);
    assert!(user.ui.message.unwrap().contains("select a single one"));
}

#[test]
fn a_network_is_changed_as_it_is_counted() {
    let mut user = User::new();
    user.press(KeyCode::End);
    user.write("d");
    let network = "2001:db8:1234:5678::/64".parse().unwrap();
    assert_eq!(user.ui.mode, Mode::Confirm(Ask { listed: Listed::Denied, network, connected: 12 }));
    assert_eq!(user.write("y"), None, "it answers: another key says yes");
    user.write("d");
    assert!(matches!(user.write("D"), Some(Action::Change(_))));
}

#[test]
fn the_selected_one_stays_selected_when_others_pass_it() {
    let mut user = User::new();
    assert_eq!(user.selected(), "203.0.113.9", "the first one");
    user.press(KeyCode::Down);
    user.press(KeyCode::Down);
    assert_eq!(user.selected(), "198.51.100.7 ssh");
    assert_eq!(user.write("ss"), Some(Action::Rank));
    assert_eq!((user.ui.order, user.ui.place(&user.ranked)), (Order::Cookies, Some(1)));
    assert_eq!(user.selected(), "198.51.100.7 ssh");
    user.press(KeyCode::PageDown);
    assert_eq!(user.selected(), "2001:db8:1234:5678::/64", "the last one");
    user.press(KeyCode::PageUp);
    assert_eq!(user.ui.place(&user.ranked), Some(0));
    user.ranked = Ranked::default();
    assert_eq!(user.press(KeyCode::Down), None);
    assert_eq!(user.ui.place(&user.ranked), None);
}

#[test]
fn a_filter_is_written_kept_and_given_up() {
    let mut user = User::new();
    user.write("/");
    assert_eq!(user.write("honestq"), Some(Action::Rank), "q is a letter here");
    user.press(KeyCode::Backspace);
    assert_eq!((user.ui.filter.as_str(), user.ranked.rows.len()), ("honest", 2));
    user.press(KeyCode::Enter);
    user.write("/x");
    assert_eq!(user.ranked.rows.len(), 0);
    user.press(KeyCode::Esc);
    assert_eq!((user.ui.filter.as_str(), user.ranked.rows.len()), ("honest", 2), "the one before");
    assert_eq!(user.press(KeyCode::Esc), Some(Action::Rank));
    assert_eq!((user.ui.filter.as_str(), user.ranked.rows.len()), ("", 4));
}

#[test]
fn other_keys() {
    let mut user = User::new();
    user.write("p");
    assert!(user.ui.is_paused);
    user.write(" ");
    assert!(!user.ui.is_paused);
    assert_eq!(user.press(KeyCode::Tab), Some(Action::NextInstance));
    user.write("?");
    assert_eq!(user.ui.mode, Mode::Help);
    user.write("d");
    assert_eq!(user.ui.mode, Mode::Table, "and no question");
    assert_eq!(user.write("s"), Some(Action::Rank));
}
