// SPDX-License-Identifier: GPL-2.0-only
//! The terminal, which is as before however this ends.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};

use crate::show::top::screen::View;

pub struct Terminal {
    screen: DefaultTerminal,
    woken: Receiver<Woken>,
}

/// What ends a wait.
pub enum Woken {
    Time,
    Key(KeyEvent),
    Resized,
    /// A signal, or the terminal is gone.
    End,
}

impl Terminal {
    /// A panic restores it too.
    pub fn open() -> Result<Self> {
        let (waker, woken) = channel();
        let by_signal = waker.clone();
        // It fails only if nobody waits any more.
        ctrlc::set_handler(move || drop(by_signal.send(Woken::End)))
            .context("cannot listen for signals")?;
        let screen = ratatui::try_init().inspect_err(|_| restore());
        let screen = screen.context("cannot use this terminal")?;
        // Where a terminal is gone, crossterm reads it again and again and never returns. A thread may: it ends with
        // the process.
        let reading = thread::Builder::new().spawn(move || wake(&waker));
        let terminal = Self { screen, woken };
        reading.context("cannot start a thread")?;
        Ok(terminal)
    }

    /// False: the terminal is gone, as after the end of an ssh session.
    pub fn draw(&mut self, view: &View<'_>) -> Result<bool> {
        match self.screen.draw(|frame| frame.render_widget(view, frame.area())) {
            Ok(_) => Ok(true),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(error).context("cannot draw on this terminal"),
        }
    }

    pub fn wait(&self, time: Duration) -> Woken {
        self.woken.recv_timeout(time).unwrap_or_else(|over| match over {
            RecvTimeoutError::Timeout => Woken::Time,
            RecvTimeoutError::Disconnected => Woken::End,
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

fn wake(waker: &Sender<Woken>) {
    loop {
        let woken = match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => Woken::Key(key),
            Ok(Event::Resize(..)) => Woken::Resized,
            Ok(_) => continue,
            Err(_) => Woken::End,
        };
        let is_over = matches!(woken, Woken::End);
        if waker.send(woken).is_err() || is_over {
            return;
        }
    }
}

fn restore() {
    // It fails only if the terminal is gone.
    let _ = ratatui::try_restore();
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe || error.raw_os_error() == Some(libc::EIO)
}
