// SPDX-License-Identifier: GPL-2.0-only
//! The socket that an endpoint listens on.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};
use socket2::{Domain, SockAddr, Type};

use super::http;
use crate::policy::MetricsAddress;

/// Owner and group may ask.
const MODE: u32 = 0o660;

/// A socket that listens; nobody answers yet.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: Socket,
    pub(super) file: Option<SocketFile>,
}

#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// [`is_taken`] tells whether it fails because somebody else listens there.
    pub fn new(address: &MetricsAddress) -> Result<Self> {
        let listener = match address {
            MetricsAddress::Tcp(address) => TcpListener::bind(address)
                .map(|socket| Self { socket: Socket::Tcp(socket), file: None })
                .map_err(Error::new),
            MetricsAddress::Unix(path) => unix(path),
        };
        listener.map_err(|error| {
            let why = remedy(&error);
            error.context(format!("the metrics cannot be given at {address}{why}"))
        })
    }
}

impl Socket {
    /// Call it inside of a runtime.
    pub(super) fn into_tokio(self) -> io::Result<http::Socket> {
        Ok(match self {
            Self::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                http::Socket::Tcp(socket.try_into()?)
            }
            Self::Unix(socket) => {
                socket.set_nonblocking(true)?;
                http::Socket::Unix(socket.try_into()?)
            }
        })
    }
}

/// Whether somebody else listens at the address.
pub fn is_taken(error: &Error) -> bool {
    kind(error) == Some(ErrorKind::AddrInUse)
}

fn kind(error: &Error) -> Option<ErrorKind> {
    error.downcast_ref::<io::Error>().map(io::Error::kind)
}

fn remedy(error: &Error) -> &'static str {
    match kind(error) {
        Some(ErrorKind::AddrInUse) => {
            ", where another process listens (`ss -lntxp` names it): choose another address with --metrics"
        }
        Some(ErrorKind::AddrNotAvailable) => {
            ", which is no address of this host (`ip address` lists them): choose another with --metrics"
        }
        Some(ErrorKind::PermissionDenied) => {
            ", where this user may not listen: choose another address with --metrics"
        }
        _ => "",
    }
}

/// A socket that nobody answers at any more makes way.
fn unix(path: &Path) -> Result<Listener> {
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            bail!("there is a file that is no socket: choose another path with --metrics");
        }
        match knock(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            // WouldBlock: so many wait for it that no more can.
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
            _ => return Err(io::Error::from(ErrorKind::AddrInUse).into()),
        }
    }
    let socket = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(MODE)).context("cannot set the socket's mode")?;
    let file = SocketFile { path: path.into(), inode: fs::symlink_metadata(path)?.ino() };
    Ok(Listener { socket: Socket::Unix(socket), file: Some(file) })
}

/// Whether somebody listens, without a wait.
fn knock(path: &Path) -> io::Result<()> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// The name of a Unix socket, until it is dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have put his own there.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
