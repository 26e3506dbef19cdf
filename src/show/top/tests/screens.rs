// SPDX-License-Identifier: GPL-2.0-only

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::{model, policy};
use crate::policy::Listed;
use crate::show::top::Theme;
use crate::show::top::model::Model;
use crate::show::top::rank::{Order, Ranked, rank};
use crate::show::top::screen::{self, View};
use crate::show::top::ui::{Ask, Mode, Ui};

fn ranked(model: &Model) -> Ranked {
    model.table.as_ref().map(|table| rank(table, &policy(), Order::Syns, "")).unwrap_or_default()
}

fn view<'a>(model: &'a Model, ranked: &'a Ranked, ui: &'a Ui, others: &'a [String]) -> View<'a> {
    View { model, ranked, ui, others, has_keys: true, theme: Theme::new(None) }
}

/// As a terminal of this size would show it.
fn drawn(view: &View<'_>, width: u16, height: u16) -> (Buffer, String) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| frame.render_widget(view, frame.area())).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    let text = (0..height).map(|y| line(y).trim_end().to_owned() + "\n").collect();
    (buffer, text)
}

#[test]
fn eighty_columns_hold_it_all() {
    let (model, ui) = (model(), Ui::default());
    let ranked = ranked(&model);
    let (_, screen) = drawn(&view(&model, &ranked, &ui, &[]), 80, 24);
    let lines: Vec<&str> = screen.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "03:12:44 eth0 (native)  ATTACK for 4m  40.9k SYN/s, 99.5 % stopped",
            "from      random sources and 1 address, 203.0.113.9",
            "visitors  212/s connected, 3/s of them by cookie, 2/s refused",
            "protects  for 3h: no limit on connections, pass rate 1000/s, own cookies; servic",
        ]
    );
    assert_eq!(lines[4], format!("{:<79}█", "passed       210/s"), "the newest at the right");
    assert_eq!(
        lines[8],
        "ports     :443 queue 12/4096 200/s, :80 queue 0/511 12/s; not challenged: port 9"
    );
    assert_eq!(
        lines[9],
        "reasons   drop_challenge_ration 38.7k/s, challenge_sent 2.0k/s, drop_over_limit"
    );
    assert_eq!(
        lines[11..16],
        [
            "ADDRESS                  SYN/s PASSED COOKIE DROPPED CONNECTED VERDICT",
            "203.0.113.9              38.7k      1      0   38.7k       0 % attacker: never a",
            "(unknown 2)               2.1k    210   1.9k       0      11 % random flood",
            "198.51.100.7 ssh            41      5     36       0     100 % honest, busy",
            "2001:db8:1234:5678::/64      1      1      0       0     100 % honest",
        ]
    );
    assert_eq!(
        lines[22],
        "203.0.113.9: 117k SYNs, 23 passed, 30 cookies, 117k dropped, 0 connected; attack"
    );
    assert!(lines[23].starts_with("? help  q quit") && lines[23].ends_with("1/4"), "{}", lines[23]);
}

#[test]
fn a_larger_terminal_shows_more() {
    let (model, ui) = (model(), Ui::default());
    let ranked = ranked(&model);
    let (_, screen) = drawn(&view(&model, &ranked, &ui, &["eth1".into()]), 132, 50);
    assert!(screen.contains("stopped  Tab: eth1\n"), "{screen}");
    assert!(screen.contains("0 % attacker: never answers\n"), "{screen}");
    assert!(screen.contains("; service ssh, port 22: the same limits\n"), "{screen}");
    assert!(screen.lines().nth(49).unwrap().starts_with("? help"), "{screen}");
}

#[test]
fn a_small_terminal_is_told_so() {
    let (model, ui) = (model(), Ui::default());
    let ranked = ranked(&model);
    for (width, height) in [(40, 10), (79, 24), (80, 23), (1, 1), (200, 2)] {
        let (_, screen) = drawn(&view(&model, &ranked, &ui, &[]), width, height);
        let told = format!("{width}×{height} is too small: 80×24");
        assert!(told.starts_with(screen.lines().next().unwrap()), "{screen}");
    }
}

#[test]
fn without_colours_nothing_has_one() {
    let (model, ui) = (model(), Ui::default());
    let ranked = ranked(&model);
    for (no_color, has_colours) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let theme = Theme::new(no_color);
        let (buffer, _) = drawn(&View { theme, ..view(&model, &ranked, &ui, &[]) }, 80, 24);
        let is_plain = |colour| matches!(colour, Color::Reset);
        let coloured = buffer.content().iter().any(|cell| !is_plain(cell.fg) || !is_plain(cell.bg));
        assert_eq!(coloured, has_colours, "{no_color:?}");
    }
}

#[test]
fn questions_and_answers_stand_in_the_last_line() {
    let model = model();
    let ranked = ranked(&model);
    let ask = Ask { listed: Listed::Denied, network: "203.0.113.9/32".parse().unwrap(), connected: 0 };
    let filter = Mode::Filter { before: String::new() };
    for (ui, told) in [
        (
            Ui { mode: Mode::Confirm(ask), ..Ui::default() },
            "deny 203.0.113.9 for an hour? y: yes, any other key: no",
        ),
        (
            Ui { mode: filter, filter: "hon".into(), ..Ui::default() },
            "/hon_   Enter keeps it, Esc does not",
        ),
        (Ui { message: Some("done\x1b[31m".into()), ..Ui::default() }, "done\\u{1b}[31m"),
    ] {
        let (_, screen) = drawn(&view(&model, &ranked, &ui, &[]), 80, 24);
        assert_eq!(screen.lines().last(), Some(told));
    }
    let ui = Ui { mode: Mode::Help, ..Ui::default() };
    let (_, screen) = drawn(&view(&model, &ranked, &ui, &[]), 80, 24);
    assert!(screen.contains("any key goes back") && screen.contains("random flood "), "{screen}");
    for line in screen::HELP {
        assert!(screen.contains(line), "it does not fit: {line}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let mut model = model();
    let ui = Ui { is_paused: true, ..Ui::default() };
    let mut notice = |change: fn(&mut Model)| {
        change(&mut model);
        let ranked = ranked(&model);
        let (_, screen) = drawn(&view(&model, &ranked, &ui, &[]), 80, 24);
        assert!(screen.contains("  PAUSED\n"), "{screen}");
        screen.lines().nth(10).unwrap().to_owned()
    };
    assert_eq!(notice(|_| ()), "");
    assert!(notice(|model| model.second.has_process = false).starts_with("NO PROCESS looks after it"));
    let fault = notice(|model| model.second.fault = Some("config.toml:3: burst\nand more".into()));
    assert_eq!(fault, "FAULT, what was before is in force: config.toml:3: burst");
    let gone = notice(|model| model.gone = Some("nothing protects eth0 any more".into()));
    assert_eq!(gone, "nothing protects eth0 any more");
}

#[test]
fn before_there_is_something_it_is_being_measured() {
    let ui = Ui::default();
    let model = Model::new(Vec::new(), policy());
    let (_, screen) = drawn(&view(&model, &Ranked::default(), &ui, &[]), 80, 24);
    assert!(screen.contains("visitors  measuring…"), "{screen}");
}

#[test]
fn a_screen_without_a_terminal_is_text() {
    let (model, ui) = (model(), Ui::default());
    let ranked = ranked(&model);
    let text = screen::text(&View { has_keys: false, ..view(&model, &ranked, &ui, &[]) }, 80, 24);
    assert!(text.ends_with("onnected; attack\n") && !text.contains("? help"), "{text}");
}
