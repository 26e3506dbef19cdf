// SPDX-License-Identifier: GPL-2.0-only
//! A run that is changed, replaced, restarted or killed while frames arrive: none is unjudged, and nothing is
//! forgotten. Needs root.

mod flood;
mod halfway;
mod kept;
mod reloaded;
mod replaced;
mod seen;
mod stalls;
mod strain;
