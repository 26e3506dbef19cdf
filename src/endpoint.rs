// SPDX-License-Identifier: GPL-2.0-only
//! Gives a page to whoever asks for it by HTTP, in a thread of its own: who asks slowly, often or wrongly can hold up
//! that thread only.

mod http;
mod listener;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::kernel::privileges;
pub use http::Page;
use listener::SocketFile;
pub use listener::{Listener, is_taken};

/// For the thread to end. It may be making a page.
const PATIENCE: Duration = Duration::from_millis(500);

/// A page at an address, until it is dropped.
#[derive(Debug)]
pub struct Endpoint {
    // Removed first: whoever finds it finds somebody who answers.
    file: Option<SocketFile>,
    stop: Option<oneshot::Sender<()>>,
    ended: Receiver<()>,
}

impl Endpoint {
    /// Gives what `page` makes, anew each time.
    pub fn serve(listener: Listener, page: Arc<Page>) -> Result<Self> {
        const FAILED: &str = "cannot serve the metrics";
        let (stop, stopped) = oneshot::channel();
        let (ends, ended) = sync_channel::<()>(0);
        let Listener { socket, file } = listener;
        let runtime = runtime::Builder::new_current_thread().enable_all().build().context(FAILED)?;
        let socket = {
            let _inside = runtime.enter();
            socket.into_tokio().context(FAILED)?
        };
        let serve = move || {
            // Dropped in this order: whoever waits for the end finds the address free.
            let _when_ended = ends;
            let runtime = runtime;
            runtime.spawn(http::serve(socket, page));
            // An error is an order too: there is nobody left who could give one.
            let _ = runtime.block_on(stopped);
        };
        privileges::with_only(&privileges::OF_METRICS, || {
            thread::Builder::new().name("metrics".into()).spawn(serve).context(FAILED)
        })??;
        Ok(Self { file, stop: Some(stop), ended })
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.file.take());
        drop(self.stop.take());
        // Fails when the thread has ended, or takes too long: nobody waits for it then.
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}
