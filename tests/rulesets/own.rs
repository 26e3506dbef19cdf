// SPDX-License-Identifier: GPL-2.0-only
//! Small rulesets, each for one thing.
