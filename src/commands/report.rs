// SPDX-License-Identifier: GPL-2.0-only
//! `report`: one page of an attack, from the log of a run.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::Builder;

use crate::cli::Report;
use crate::report::{MARK, page, read};

/// Standard input, or standard output.
const DASH: &str = "-";

/// Bytes of a file in which a page has its mark.
const HEAD: u64 = 1024;

pub fn report(words: &Report) -> Result<()> {
    let target = words.output.as_deref().filter(|path| *path != Path::new(DASH));
    match target {
        Some(path) => ensure_may_replace(path)?,
        None => ensure!(
            words.output.is_some() || !io::stdout().is_terminal(),
            "a page is not for a terminal: give -o FILE"
        ),
    }
    let (name, log) = open(&words.log)?;
    let story = read(log).with_context(|| format!("cannot make a page of {name}"))?;
    let page = page(&story, &name)?;
    match target {
        Some(path) => write(path, &page).with_context(|| format!("cannot write {}", path.display())),
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

/// A page is made again and again; anything else in its place was somebody's, such as the log.
fn ensure_may_replace(path: &Path) -> Result<()> {
    let name = path.display();
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.with_context(|| format!("cannot look at {name}"))?,
    };
    ensure!(!found.is_dir(), "{name} is a directory: give the name of a file in it");
    if !found.is_file() || found.len() == 0 {
        return Ok(());
    }
    let mut head = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot look at {name}"))?;
    file.take(HEAD).read_to_end(&mut head)?;
    let is_page = String::from_utf8_lossy(&head).contains(MARK);
    ensure!(is_page, "{name} is there, and is no page of a report: give another name, or remove it");
    Ok(())
}

/// The whole page, or nothing: a reader never sees a half. A pipe or a device is written to as it is.
fn write(path: &Path, page: &str) -> Result<()> {
    let found = fs::canonicalize(path);
    // Behind a symbolic link, so that the link stays.
    let path = found.as_deref().unwrap_or(path);
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Ok(File::options().write(true).open(path)?.write_all(page.as_bytes())?);
    }
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    // Others may read it, if the umask does not forbid that.
    let readable = fs::Permissions::from_mode(0o666);
    let mut file = Builder::new().prefix(".report-").permissions(readable).tempfile_in(folder)?;
    file.write_all(page.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
