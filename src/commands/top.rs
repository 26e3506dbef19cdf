// SPDX-License-Identifier: GPL-2.0-only
//! `top`: a running instance on a full screen, second by second. It only reads, but for two keys.

mod reader;
mod terminal;

use std::env;
use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::change;
use super::running;
use crate::advice::preflight;
use crate::cli::{Change, Top};
use crate::policy::network_name;
use crate::show::lists;
use crate::show::top::Theme;
use crate::show::top::rank::{Ranked, rank};
use crate::show::top::screen::{HEIGHT, View, WIDTH, text};
use crate::show::top::ui::{Action, Ask, Ui};
use reader::Reader;
use terminal::{Terminal, Woken};

/// Between two readings of the counters.
const SECOND: Duration = Duration::from_secs(1);

/// For how long a key allows or denies.
const HOUR: Duration = Duration::from_secs(3600);

pub fn show(words: &Top) -> Result<()> {
    preflight::check_can_look("top")?;
    let names = words.iface.as_slice();
    let mut readers = running::find(names, "top")?.into_iter().map(Reader::new).collect::<Vec<_>>();
    let no_color = env::var("NO_COLOR").ok();
    let theme = Theme::new(no_color.as_deref());
    if !io::stdout().is_terminal() {
        return readers.iter_mut().try_for_each(|reader| print_once(reader, theme));
    }
    Screen { readers, shown: 0, ranked: Ranked::default(), ui: Ui::default(), theme }.run()
}

/// What happens within a second, as text.
fn print_once(reader: &mut Reader, theme: Theme) -> Result<()> {
    reader.read()?;
    thread::sleep(SECOND);
    reader.read_all()?;
    let mut ranked = Ranked::default();
    let ui = Ui::default();
    if let Some(table) = &reader.model.table {
        ranked = rank(table, &reader.model.policy, ui.order, &ui.filter);
        reader.look_up(&mut ranked)?;
    }
    let view =
        View { model: &reader.model, ranked: &ranked, ui: &ui, others: &[], has_keys: false, theme };
    let mut out = io::stdout().lock();
    out.write_all(text(&view, WIDTH, HEIGHT).as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write the screen")
}

struct Screen {
    readers: Vec<Reader>,
    /// Which of them.
    shown: usize,
    ranked: Ranked,
    ui: Ui,
    theme: Theme,
}

impl Screen {
    fn run(mut self) -> Result<()> {
        let mut terminal = Terminal::open()?;
        let mut next = Instant::now();
        loop {
            let now = Instant::now();
            if now >= next {
                if !self.ui.is_paused {
                    self.read()?;
                }
                // Seconds that could not be kept are left out.
                next = now.max(next + SECOND);
            }
            if !self.draw(&mut terminal)? {
                return Ok(());
            }
            match terminal.wait(next.saturating_duration_since(Instant::now())) {
                Woken::Time | Woken::Resized => {}
                Woken::End => return Ok(()),
                Woken::Key(key) => {
                    let policy = &self.readers[self.shown].model.policy;
                    let action = self.ui.press(key, &self.ranked, policy);
                    if action == Some(Action::Quit) {
                        return Ok(());
                    }
                    if let Some(action) = action {
                        self.act(action)?;
                    }
                }
            }
        }
    }

    fn draw(&self, terminal: &mut Terminal) -> Result<bool> {
        let place = |place: usize| lists::place(&self.readers[place].model.interfaces);
        let others: Vec<String> = self.others().map(place).collect();
        terminal.draw(&View {
            model: &self.readers[self.shown].model,
            ranked: &self.ranked,
            ui: &self.ui,
            others: &others,
            has_keys: true,
            theme: self.theme,
        })
    }

    /// The other instances, the next one first.
    fn others(&self) -> impl Iterator<Item = usize> {
        let (count, shown) = (self.readers.len(), self.shown);
        (1..count).map(move |step| (shown + step) % count)
    }

    fn read(&mut self) -> Result<()> {
        if self.readers[self.shown].read()? {
            self.rank()?;
        }
        Ok(())
    }

    fn rank(&mut self) -> Result<()> {
        let reader = &self.readers[self.shown];
        self.ranked = Ranked::default();
        if let Some(table) = &reader.model.table {
            self.ranked = rank(table, &reader.model.policy, self.ui.order, &self.ui.filter);
            reader.look_up(&mut self.ranked)?;
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Quit => {}
            Action::Rank => self.rank()?,
            Action::NextInstance => {
                let next = self.others().next();
                if let Some(next) = next {
                    self.shown = next;
                    self.ui.selected = None;
                    self.read()?;
                    self.rank()?;
                }
            }
            Action::Change(ask) => self.ui.message = Some(self.change(ask)),
        }
        Ok(())
    }

    /// What the command of this name does, on the instance that is shown. Returns what to say.
    fn change(&self, ask: Ask) -> String {
        let interfaces = &self.readers[self.shown].model.interfaces;
        let words = Change {
            networks: vec![ask.network],
            time: Some(HOUR),
            note: Some("top".into()),
            remove: false,
            // An instance is on all of its interfaces.
            iface: interfaces.first().map(|each| each.name.clone()).into_iter().collect(),
            yes: false,
        };
        let verb = lists::verb(ask.listed);
        if let Some(why) = change::refusal(ask.listed, &words) {
            let name = network_name(&ask.network);
            return format!("not done: {why}; if you mean it: synflood-xdp {verb} {name} --yes");
        }
        let done = preflight::check_can_change(verb).and_then(|()| change::apply(ask.listed, &words));
        match done {
            Ok(said) => said.join("; "),
            Err(error) => format!("not done: {error:#}"),
        }
    }
}
