// SPDX-License-Identifier: GPL-2.0-only
//! The output of a run: messages on standard error, figures on standard output, as text or as JSON.

use std::io::{self, IsTerminal};
use std::mem;

use chrono::{DateTime, Local, Utc};
use serde::Serialize;
use terminal_size::{Width, terminal_size_of};

use super::advice::Advice;
use super::model::{Event, Line, Start, Status, Summary};
use super::notes::{self, Weight};
use super::out::{Out, is_journal, lost_text};
use super::{live, summary, text, write_json};
use crate::note::Note;

/// Priorities of the journal.
const WARNING: &str = "<4>";
const NOTICE: &str = "<5>";
const INFO: &str = "<6>";

pub struct Report {
    /// None after the end.
    out: Option<Out>,
    json: bool,
    /// On a terminal: redraw one status line instead of writing many.
    redraw: bool,
    /// Standard error is the journal: each line begins with its priority (sd-daemon(3)).
    in_journal: bool,
    /// The cursor is behind such a line.
    in_line: bool,
    /// Notes from before the start, as the start comes first in the JSON. None after the start.
    early: Option<Vec<Note>>,
}

impl Report {
    pub fn new(json: bool) -> Self {
        Self {
            out: Some(Out::new(if json { lost_json } else { lost_text })),
            json,
            redraw: io::stdout().is_terminal() && !json,
            in_journal: is_journal(),
            in_line: false,
            early: Some(Vec::new()),
        }
    }

    pub fn start(&mut self, start: Start<'_>) {
        let priority = if self.in_journal { INFO } else { "" };
        self.talk(&format!("{priority}{}", text::start(&start)));
        self.event(&Event::Start(start));
        for note in self.early.take().unwrap_or_default() {
            self.event(&Event::Note(&note));
        }
    }

    /// Somebody may look at standard output now.
    pub fn is_on_terminal(&self) -> bool {
        self.redraw
    }

    pub fn note(&mut self, note: &Note) {
        self.note_at(note, Utc::now());
    }

    /// The same, of this time.
    pub fn note_at(&mut self, note: &Note, time: DateTime<Utc>) {
        let priority = match notes::weight(note) {
            _ if !self.in_journal => "",
            Weight::Info => INFO,
            Weight::Notice => NOTICE,
            Weight::Warning => WARNING,
        };
        let lines: Vec<_> = notes::line(note).lines().map(|line| format!("{priority}{line}")).collect();
        self.talk(&lines.join("\n"));
        match &mut self.early {
            Some(early) => early.push(note.clone()),
            None => self.event_at(&Event::Note(note), time),
        }
    }

    pub fn status(&mut self, status: &Status) {
        if self.json {
            self.event(&Event::Status(status));
        } else if self.redraw {
            self.stdout(self.redrawn(&live::status(status, Local::now())));
            self.in_line = true;
        } else {
            self.stdout(live::status(status, Local::now()).join("\n") + "\n");
        }
    }

    /// These lines in the place of the last ones: the cursor is at the end of the last of them.
    fn redrawn(&self, lines: &[String]) -> String {
        let up = lines.len() - 1;
        let back = if self.in_line && up > 0 { format!("\x1b[{up}A") } else { String::new() };
        // Erase what a longer line left.
        let lines: Vec<_> = lines.iter().map(|line| format!("{}\x1b[K", in_one_row(line))).collect();
        format!("\r{back}{}", lines.join("\n"))
    }

    pub fn summary(&mut self, summary: &Summary) {
        self.end_line();
        if self.json {
            self.event(&Event::Summary(summary));
        } else {
            self.stdout(summary::text(summary));
        }
    }

    /// Behind the summary of a dry run.
    pub fn advice(&mut self, advice: &Advice) {
        self.end_line();
        if self.json {
            self.event(&Event::Advice(advice));
        } else {
            self.stdout(advice.to_string());
        }
    }

    fn talk(&mut self, text: &str) {
        self.end_line();
        if let Some(out) = &self.out {
            out.stderr(format!("{text}\n"));
        }
    }

    fn event(&self, event: &Event<'_>) {
        self.event_at(event, Utc::now());
    }

    fn event_at(&self, event: &Event<'_>, time: DateTime<Utc>) {
        if self.json {
            self.stdout(json(&Line::at(time, event)));
        }
    }

    /// Ends a status line, so that the next text begins a line of its own.
    fn end_line(&mut self) {
        if mem::take(&mut self.in_line) {
            self.stdout("\n");
        }
    }

    fn stdout(&self, text: impl Into<String>) {
        if let Some(out) = &self.out {
            out.stdout(text);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(out) = self.out.take() {
            out.finish();
        }
    }
}

/// Cut to the terminal's width: a longer line would break, and its first part stay.
fn in_one_row(line: &str) -> String {
    let columns = terminal_size_of(io::stdout())
        .map_or(usize::MAX, |(Width(columns), _)| usize::from(columns.saturating_sub(1)));
    line.chars().take(columns).collect()
}

/// The line of a note in the JSON, with its line break; and with the interfaces, for who has not read the start.
pub fn event_line(note: &Note, time: DateTime<Utc>, interfaces: &[String]) -> String {
    #[derive(Serialize)]
    struct Placed<'a> {
        #[serde(flatten)]
        line: Line<'a>,
        interfaces: &'a [String],
    }
    json(&Placed { line: Line::at(time, &Event::Note(note)), interfaces })
}

fn json(value: &impl Serialize) -> String {
    let mut line = Vec::new();
    // It cannot fail, as it writes plain values to memory.
    let _ = write_json(&mut line, value);
    String::from_utf8_lossy(&line).into_owned()
}

fn lost_json(count: u64) -> String {
    let note = Note::info(format!("{count} lines could not be written here"));
    json(&Line::at(Utc::now(), &Event::Note(&note)))
}
