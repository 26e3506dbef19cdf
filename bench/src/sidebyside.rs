// SPDX-License-Identifier: GPL-2.0-only
//! The defences side by side.

use std::iter;
use std::time::Duration;

use anyhow::Result;
use bench::generator::Shape;
use bench::median;
use serde::Serialize;

use crate::contenders::{self, Contender};
use crate::trial::{Round, Trial};

/// A defence against a flood.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub defence: &'static str,
    pub shape: Shape,
    pub rounds: Vec<Round>,
    /// The speed as a share of a bare XDP_DROP's in the same rounds.
    pub of_limit: f64,
}

impl Row {
    /// Median frames per second.
    pub fn absorbed(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.absorbed))
    }

    pub fn spread(&self) -> (f64, f64) {
        self.rounds.iter().fold((f64::MAX, 0.0), |(least, most), round| {
            (least.min(round.absorbed), most.max(round.absorbed))
        })
    }

    pub fn to_tcp(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.to_tcp))
    }
}

pub fn measure(only: &[String], shapes: &[Shape], rounds: usize, time: Duration) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &shape in shapes {
        let is_chosen = |contender: &&Contender| {
            let is_named = only.iter().any(|part| contender.name.contains(part.as_str()));
            contender.shapes.contains(&shape) && (only.is_empty() || is_named)
        };
        let others = contenders::OTHERS.iter().filter(is_chosen);
        let contenders: Vec<_> = iter::once(&contenders::LIMIT).chain(others).collect();
        let mut all = vec![Vec::new(); contenders.len()];
        // Interleaved, so that a disturbance of the machine affects all of them.
        for _ in 0..rounds {
            for (contender, rounds) in contenders.iter().zip(&mut all) {
                rounds.push(Trial::of(contender)?.measure(shape.flood(), 1, time, time)?);
            }
        }
        let absorbed = |rounds: &[Round]| median(rounds.iter().map(|round| round.absorbed));
        let limit = absorbed(&all[0]);
        for (contender, rounds) in contenders.iter().zip(all) {
            let of_limit = absorbed(&rounds) / limit;
            rows.push(Row { defence: contender.name, shape, rounds, of_limit });
        }
    }
    Ok(rows)
}
