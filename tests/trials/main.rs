// SPDX-License-Identifier: GPL-2.0-only
//! Trials of the learner on a real wire: `make trials`. Each flood begins after a time of peace in which honest clients
//! of all stacks connect, and newcomers go on to connect meanwhile. Needs root, and a release build for its figures.

mod cost;
mod devices;
mod field;
mod floods;
mod gauge;
mod peace;
mod start;
mod tools;
mod visitors;
