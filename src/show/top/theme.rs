// SPDX-License-Identifier: GPL-2.0-only
//! Colours, or none.

use ratatui::style::{Color, Modifier, Style};

/// What stands out, and how.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    has_colours: bool,
}

impl Theme {
    /// `no_color`: the variable NO_COLOR (no-color.org). One that is empty forbids nothing.
    pub fn new(no_color: Option<&str>) -> Self {
        Self { has_colours: no_color.is_none_or(str::is_empty) }
    }

    fn coloured(self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }

    pub fn alarm(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub fn warning(self) -> Style {
        self.coloured(Color::Yellow)
    }

    pub fn fine(self) -> Style {
        self.coloured(Color::Green)
    }

    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub fn inverted(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
