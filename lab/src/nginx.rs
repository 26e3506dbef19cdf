// SPDX-License-Identifier: GPL-2.0-only
//! A web server in a namespace.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;

use crate::netns::Netns;
use crate::{Process, wait_for};

/// The settings of nginx, which serves over IPv4 and IPv6.
#[derive(Debug, Clone)]
pub struct Site<'a> {
    /// The TCP port, on any address.
    pub port: u16,
    /// Each page is at `/` plus its name. `index.html` is also at `/`.
    pub pages: &'a [Page<'a>],
    /// The maximum bytes per second for a connection. None: no limit.
    pub limit_rate: Option<u64>,
}

/// A file that nginx serves.
#[derive(Debug, Clone, Copy)]
pub enum Page<'a> {
    /// With this name and this content.
    Text(&'a str, &'a str),
    /// With this name and this many zero bytes, which take no space on the disk.
    Zeros(&'a str, u64),
}

impl Page<'_> {
    fn write(self, root: &Path) -> io::Result<()> {
        match self {
            Self::Text(name, text) => fs::write(root.join(name), text),
            Self::Zeros(name, len) => File::create(root.join(name))?.set_len(len),
        }
    }
}

/// Starts nginx in this namespace, as one process of root, and returns once it listens. Pages,
/// configuration and everything that nginx writes go to `root`, an absolute path. The caller removes
/// it.
///
/// # Panics
///
/// If nginx does not listen: it is not installed, or the port is taken.
pub fn start(namespace: &Netns, root: &Path, site: &Site<'_>) -> Process {
    for page in site.pages {
        page.write(root).unwrap();
    }
    let configuration = root.join("nginx.conf");
    fs::write(&configuration, text(root, site)).unwrap();
    let mut command = namespace.command("nginx", &["-c", configuration.to_str().unwrap()]);
    // nginx must not inherit the caller's output: a reader of that output would wait for nginx to end.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process(command.spawn().unwrap());
    let port = site.port.to_string();
    wait_for("nginx to listen", || {
        let listeners = namespace.run("ss", &["-Hltn", "sport", "=", &port]);
        listeners.contains(&format!(":{port}")).then_some(())
    });
    process
}

fn text(root: &Path, site: &Site<'_>) -> String {
    let limit = site.limit_rate.map_or(String::new(), |rate| format!("limit_rate {rate};"));
    format!(
        "daemon off; master_process off; pid {root}/pid; error_log stderr;
         events {{}}
         http {{
             access_log off; {limit}
             client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
             fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
             server {{ listen {port}; listen [::]:{port}; root {root}; }}
         }}",
        root = root.display(),
        port = site.port,
    )
}
