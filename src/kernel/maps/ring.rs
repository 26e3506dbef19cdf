// SPDX-License-Identifier: GPL-2.0-only
//! A ring buffer of the program, with one reader.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use libbpf_rs::{ErrorKind, MapHandle, RingBuffer, RingBufferBuilder};

pub struct Ring<T> {
    /// What is read, for errors.
    what: &'static str,
    ring: RingBuffer<'static>,
    arrived: Rc<RefCell<Vec<T>>>,
}

impl<T: 'static> Ring<T> {
    /// `decode` gives None for what is not of this version. The map must live as long.
    pub fn open(map: &MapHandle, what: &'static str, decode: fn(&[u8]) -> Option<T>) -> Result<Self> {
        let arrived = Rc::new(RefCell::new(Vec::new()));
        let into = arrived.clone();
        let take = move |bytes: &[u8]| {
            into.borrow_mut().extend(decode(bytes));
            0
        };
        let mut builder = RingBufferBuilder::new();
        builder.add(map, take).with_context(|| unreadable(what))?;
        let ring = builder.build().with_context(|| unreadable(what))?;
        Ok(Self { what, ring, arrived })
    }

    /// What has arrived.
    pub fn take(&self) -> Result<Vec<T>> {
        self.ring.consume().with_context(|| unreadable(self.what))?;
        Ok(self.arrived.take())
    }

    /// The same; waits for it, at most this time.
    pub fn wait(&self, time: Duration) -> Result<Vec<T>> {
        match self.ring.poll(time) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                Err(error).with_context(|| unreadable(self.what))
            }
            _ => Ok(self.arrived.take()),
        }
    }
}

fn unreadable(what: &str) -> String {
    format!("cannot read {what}")
}
