// SPDX-License-Identifier: GPL-2.0-only
//! Learns rules from a flood, in a thread of its own: a flood is to be dropped within seconds, so it looks more often
//! than a run does, and a search may take longer than the looks at the host may wait.

mod doubts;
mod orders;
mod pupil;
mod sample;
mod servers;
mod told;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::Watched;
use crate::kernel::maps::Maps;
use crate::kernel::program::Program;
use crate::learn::life::State;
use crate::note::Note;
use crate::policy::Policy;
use pupil::Pupil;

/// Between two looks at what the program tells.
const PAUSE: Duration = Duration::from_millis(200);

/// What the thread works on.
#[derive(Debug)]
struct Task {
    program: u32,
    maps: Arc<Maps>,
    policy: Policy,
}

/// What the run and the thread tell each other.
#[derive(Debug)]
struct Desk {
    /// None: the run is over.
    task: Option<Arc<Task>>,
    notes: Vec<Note>,
    state: State,
    /// Lessons that the program could not tell.
    lost: u64,
}

#[derive(Debug)]
pub struct Learning {
    desk: Option<Arc<Mutex<Desk>>>,
    thread: Option<thread::JoinHandle<()>>,
    starting: Watched,
}

impl Default for Learning {
    fn default() -> Self {
        Self { desk: None, thread: None, starting: Watched::new("the start of the learner") }
    }
}

impl Learning {
    /// Has the thread work for this program. What it has found since the last time.
    pub fn tick(&mut self, program: &Program) -> Vec<Note> {
        let told = self.tell(program);
        let (_, note) = self.starting.check(told);
        let notes = self.desk.as_ref().map(|desk| std::mem::take(&mut lock(desk).notes));
        notes.unwrap_or_default().into_iter().chain(note).collect()
    }

    /// What the learner is at.
    pub fn state(&self) -> State {
        self.desk.as_ref().map_or(State::Starting, |desk| lock(desk).state)
    }

    /// Lessons that the program could not tell, as too many came.
    pub fn lost(&self) -> u64 {
        self.desk.as_ref().map_or(0, |desk| lock(desk).lost)
    }

    fn tell(&mut self, program: &Program) -> Result<()> {
        // A thread that has failed leaves its rules to the next one.
        if self.thread.as_ref().is_some_and(thread::JoinHandle::is_finished) {
            self.desk = None;
        }
        if let Some(desk) = &self.desk {
            let mut desk = lock(desk);
            if desk.task.as_ref().is_some_and(|task| task.program == program.id) {
                return Ok(());
            }
            desk.task = Some(Task::of(program));
            return Ok(());
        }
        let desk = Arc::new(Mutex::new(Desk {
            task: Some(Task::of(program)),
            notes: Vec::new(),
            state: State::Starting,
            lost: 0,
        }));
        let seed =
            getrandom::u64().map_err(|error| anyhow!("the kernel gives no random numbers: {error}"))?;
        let at = desk.clone();
        let thread =
            thread::Builder::new().name("learner".into()).spawn(move || work(Pupil::new(seed), &at));
        self.thread = Some(thread.context("there can be no further thread")?);
        self.desk = Some(desk);
        Ok(())
    }
}

impl Drop for Learning {
    /// Waits until the thread has kept what it knows.
    fn drop(&mut self) {
        if let Some(desk) = &self.desk {
            lock(desk).task = None;
        }
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It has failed only if it panicked, and then it has said so.
            let _ = thread.join();
        }
    }
}

impl Task {
    fn of(program: &Program) -> Arc<Self> {
        Arc::new(Self {
            program: program.id,
            maps: program.maps.clone(),
            policy: program.policy.clone(),
        })
    }
}

fn lock(desk: &Mutex<Desk>) -> std::sync::MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(mut pupil: Pupil, desk: &Mutex<Desk>) {
    let mut watched = Watched::new("the look at what may be learned");
    loop {
        let Some(task) = lock(desk).task.clone() else { break };
        let (notes, failure) = watched.check(pupil.tick(&task));
        let mut at = lock(desk);
        at.notes.extend(notes.unwrap_or_default().into_iter().chain(failure));
        (at.state, at.lost) = (pupil.state(), pupil.lost());
        drop(at);
        thread::park_timeout(PAUSE);
    }
    pupil.finish();
}
