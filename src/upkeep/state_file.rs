// SPDX-License-Identifier: GPL-2.0-only
//! A file in the service's state directory: what a run knows, for the next one, after a reboot too.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[derive(Debug, Clone)]
pub struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// In the directory that the service manager has made for the service (systemd.exec(5), StateDirectory). None: it
    /// made none.
    pub fn find(name: &str) -> Option<Self> {
        let directories = std::env::var_os("STATE_DIRECTORY")?;
        let first = std::env::split_paths(&directories).next()?;
        Some(Self { path: first.join(name) })
    }

    #[cfg(test)]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// None: there is none.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.with_context(|| format!("cannot read {}", self.path.display()))?,
        };
        serde_json::from_reader(BufReader::new(file)).map(Some).with_context(|| {
            format!("{} is not as it was written: remove it to begin anew", self.path.display())
        })
    }

    /// Writes all of it, or leaves the file as it was. A disk may take its time, and may never answer.
    pub fn write(&self, value: &impl Serialize) -> Result<()> {
        let new = self.path.with_extension("new");
        write_to(&new, value)
            .and_then(|()| fs::rename(&new, &self.path))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn write_to(path: &PathBuf, value: &impl Serialize) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer(&mut file, value)?;
    file.flush()?;
    file.get_ref().sync_all()
}
