// SPDX-License-Identifier: GPL-2.0-only
//! `report`: one page of an attack, from the log of a run.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::Builder;

use crate::cli::Report;
use crate::report::{BEGINNING, page, read};

/// Standard input, or standard output.
const DASH: &str = "-";

pub fn report(words: &Report) -> Result<()> {
    let target = words.output.as_deref().filter(|path| *path != Path::new(DASH));
    ensure!(
        words.output.is_some() || !io::stdout().is_terminal(),
        "a page is not for a terminal: give -o FILE"
    );
    let target = target.map(place).transpose()?;
    let (name, log) = open(&words.log)?;
    let story = read(log).with_context(|| format!("cannot make a page of {name}"))?;
    let page = page(&story, &name)?;
    match target {
        Some(path) => write(&path, &page).with_context(|| format!("cannot write {}", path.display())),
        None => {
            let mut out = io::stdout().lock();
            out.write_all(page.as_bytes())?;
            Ok(out.flush()?)
        }
    }
}

/// What the log is called, and its bytes.
fn open(path: &Path) -> Result<(String, Box<dyn BufRead>)> {
    if path == Path::new(DASH) {
        return Ok(("standard input".into(), Box::new(io::stdin().lock())));
    }
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    Ok((name, Box::new(BufReader::with_capacity(1 << 16, file))))
}

/// Where the page is to be: what the path leads to now. A page is made again and again; anything else in its place was
/// somebody's, such as the log.
fn place(path: &Path) -> Result<PathBuf> {
    let name = path.display();
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => Some(found.with_context(|| format!("cannot look at {name}"))?),
    };
    // Whoever may make links here must not choose which file is filled or made.
    ensure!(
        !is_link || found.as_ref().is_some_and(|found| !found.is_file() || found.len() > 0),
        "{name} is a symbolic link that leads to no page: give the name of the file itself, or - for standard output"
    );
    let Some(found) = found else { return Ok(path.into()) };
    ensure!(!found.is_dir(), "{name} is a directory: give the name of a file in it");
    if !found.is_file() {
        return Ok(path.into());
    }
    let place = fs::canonicalize(path).with_context(|| format!("cannot look at {name}"))?;
    ensure!(
        found.len() == 0 || is_page(&place).with_context(|| format!("cannot look at {name}"))?,
        "{name} is there, and is no page of a report: give another name, or remove it"
    );
    Ok(place)
}

fn is_page(path: &Path) -> io::Result<bool> {
    let mut beginning = Vec::new();
    File::open(path)?.take(BEGINNING.len() as u64).read_to_end(&mut beginning)?;
    Ok(beginning == BEGINNING.as_bytes())
}

/// The whole page, or nothing: a reader never sees a half. A pipe or a device is written to as it is.
fn write(path: &Path, page: &str) -> Result<()> {
    let before = fs::metadata(path).ok();
    if before.as_ref().is_some_and(|before| !before.is_file()) {
        return Ok(File::options().write(true).open(path)?.write_all(page.as_bytes())?);
    }
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    // Others may read a new one, if the umask does not forbid that.
    let mode = fs::Permissions::from_mode(if before.is_some() { 0o600 } else { 0o666 });
    let mut file = Builder::new().prefix(".report-").permissions(mode).tempfile_in(folder)?;
    if let Some(before) = before {
        file.as_file().set_permissions(before.permissions())?;
    }
    file.write_all(page.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
