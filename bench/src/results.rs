// SPDX-License-Identifier: GPL-2.0-only
//! All results of a run, for tables and plots.

use lab::machine::Machine;
use serde::Serialize;

use crate::classes::Class;
use crate::defaults;
use crate::growth::Point;
use crate::honest::Service;
use crate::lists;
use crate::sidebyside::Row;

#[derive(Debug, Default, Serialize)]
pub struct Results {
    pub machine: Machine,
    pub defences: Vec<Row>,
    pub packets: Vec<Class>,
    pub clients: Vec<Service>,
    pub defaults: Vec<defaults::Row>,
    pub growth: Vec<Point>,
    pub lists: Vec<lists::Row>,
}
