// SPDX-License-Identifier: GPL-2.0-only
//! A run's metrics: where they are given, and that nothing of it holds up the run.

mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::endpoint::{Endpoint, Listener, Page, is_taken};
use crate::note::Note;
use crate::policy::MetricsAddress;
use crate::upkeep::{Upkeep, Watched};
use view::View;

/// For the run that was replaced to leave its address.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a run needs to begin to give metrics at an address.
#[derive(Debug)]
pub struct Place {
    address: MetricsAddress,
    /// None: the run that is replaced is still there, or this one with the address of before.
    listener: Option<Listener>,
}

impl Place {
    /// Fails where nobody can listen; but if `may_wait`, not where somebody listens already.
    pub fn take(address: &MetricsAddress, may_wait: bool) -> Result<Self> {
        let listener = match Listener::new(address) {
            Err(error) if may_wait && is_taken(&error) => None,
            listener => Some(listener?),
        };
        Ok(Self { address: address.clone(), listener })
    }

    /// What somebody should know of the address.
    pub fn note(&self) -> Option<Note> {
        let address = &self.address;
        (!address.is_local()).then(|| {
            Note::info(format!(
                "the metrics are given at {address}, without a password: whoever reaches it over the network can read \
                 them; 127.0.0.1 or a unix: socket is for this host only"
            ))
        })
    }
}

/// Gives metrics, or not.
pub struct Metrics {
    view: Arc<View>,
    serving: Option<Serving>,
    listening: Watched,
}

struct Serving {
    address: MetricsAddress,
    /// None: it waits for the address.
    endpoint: Option<Endpoint>,
    since: Instant,
}

impl Metrics {
    pub fn new(upkeep: &Upkeep) -> Self {
        Self {
            view: Arc::new(View::of(upkeep)),
            serving: None,
            listening: Watched::new("giving the metrics"),
        }
    }

    /// From now on they are given there, and nowhere else. If it cannot be, they are given where they were.
    pub fn give_at(&mut self, place: Option<Place>) -> Result<()> {
        let before = self.serving.take().map(|serving| serving.address);
        let Some(Place { address, listener }) = place else { return Ok(()) };
        let listener = match (&before, listener) {
            // What held it has just been closed.
            (Some(_), None) => Listener::new(&address).map(Some),
            (_, listener) => Ok(listener),
        };
        let endpoint = listener.and_then(|it| it.map(|it| self.serve(it)).transpose());
        let (address, endpoint, failed) = match (endpoint, before) {
            (Err(error), Some(before)) => {
                let error = error.context(format!("the metrics stay at {before}"));
                let again = Listener::new(&before).and_then(|listener| self.serve(listener));
                (before, again.ok(), Err(error))
            }
            (endpoint, _) => (address, endpoint?, Ok(())),
        };
        self.serving = Some(Serving { address, endpoint, since: Instant::now() });
        failed
    }

    /// Where they are given, or will be.
    pub fn address(&self) -> Option<&MetricsAddress> {
        self.serving.as_ref().map(|serving| &serving.address)
    }

    /// Call it once a second.
    pub fn tick(&mut self, upkeep: &Upkeep) -> Option<Note> {
        self.view.update(upkeep);
        let Serving { address, endpoint: None, since } = self.serving.as_ref()? else { return None };
        let is_over = since.elapsed() > PATIENCE;
        let outcome = match Listener::new(address) {
            Err(error) if is_taken(&error) && !is_over => return None,
            listener => listener.and_then(|listener| self.serve(listener)),
        };
        let (endpoint, note) = self.listening.check(outcome);
        if let Some(serving) = &mut self.serving {
            serving.endpoint = endpoint;
        }
        note
    }

    pub fn stop(&mut self) {
        self.serving = None;
    }

    fn serve(&self, listener: Listener) -> Result<Endpoint> {
        let view = self.view.clone();
        let page: Arc<Page> = Arc::new(move || view.metrics()?.text());
        Endpoint::serve(listener, page)
    }
}
