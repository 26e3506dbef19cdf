// SPDX-License-Identifier: GPL-2.0-only
//! The colours of the pictures. They are drawn in those of a light page; in the dark the style sheet puts others in
//! their place, which it finds by the first.

use std::fmt::Write as _;

use plotters::style::RGBColor;

#[derive(Debug, Clone, Copy)]
pub struct Colour {
    pub light: RGBColor,
    pub dark: RGBColor,
}

const fn colour(light: (u8, u8, u8), dark: (u8, u8, u8)) -> Colour {
    Colour { light: RGBColor(light.0, light.1, light.2), dark: RGBColor(dark.0, dark.1, dark.2) }
}

// Told apart also by who sees no red or no green (Okabe and Ito).
pub const PASSED: Colour = colour((0, 114, 178), (86, 180, 233));
pub const CHALLENGED: Colour = colour((214, 137, 0), (240, 180, 60));
pub const DROPPED: Colour = colour((196, 78, 0), (255, 128, 64));
pub const CONNECTED: Colour = colour((0, 138, 100), (40, 200, 150));
pub const BY_COOKIE: Colour = colour((130, 90, 180), (190, 155, 235));
pub const REFUSED: Colour = colour((190, 20, 80), (255, 110, 150));
/// The time of a flood.
pub const FLOOD: Colour = colour((252, 236, 226), (60, 40, 32));
pub const GRID: Colour = colour((222, 226, 230), (52, 58, 64));
pub const TEXT: Colour = colour((90, 98, 106), (160, 168, 176));

const ALL: [Colour; 9] =
    [PASSED, CHALLENGED, DROPPED, CONNECTED, BY_COOKIE, REFUSED, FLOOD, GRID, TEXT];

/// As the plotting library writes it: "#0072B2".
pub fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Puts the dark colours in the place of the light ones, on a screen that is dark.
pub fn dark_rules() -> String {
    let mut rules = String::from("@media screen and (prefers-color-scheme: dark) {\n");
    for Colour { light, dark } in ALL {
        for property in ["fill", "stroke"] {
            let _ =
                writeln!(rules, "svg [{property}=\"{}\"] {{ {property}: {} }}", hex(light), hex(dark));
        }
    }
    rules + "}\n"
}
