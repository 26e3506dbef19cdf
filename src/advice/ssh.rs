// SPDX-License-Identifier: GPL-2.0-only
//! The ssh session that this process runs in, if any: a new connection must not be locked out.

use std::fs;
use std::net::IpAddr;

use crate::note::Note;
use crate::policy::{Listed, Lists, Policy};

/// One end of an ssh session.
#[derive(Debug, PartialEq, Eq)]
struct SshSession {
    peer: IpAddr,
    /// The TCP port on this host.
    port: u16,
}

/// The user may soon need a second connection.
pub fn advice(policy: &Policy, lists: &Lists) -> Option<Note> {
    let SshSession { peer, port } = session()?;
    match lists.listed(peer) {
        Some(Listed::Denied) => Some(Note::warning(format!(
            "you are connected over ssh from {peer}, which --deny covers: this session goes on, but no new \
             one will get in; add --allow {peer}"
        ))),
        None if is_limited(policy, port) => Some(Note::info(format!(
            "you are connected over ssh from {peer}: this session is not touched, but new ones are limited \
             like anybody's; --allow {peer} exempts you"
        ))),
        _ => None,
    }
}

/// Whether a source's connections to a port are.
fn is_limited(policy: &Policy, port: u16) -> bool {
    let limits = policy.limits_of(policy.services.at(port));
    policy.ports.contains(port) && limits.connections.is_some()
}

/// The other end of the ssh session that this process runs in.
pub fn peer() -> Option<IpAddr> {
    session().map(|session| session.peer)
}

/// Looks for sshd's variable in the environment of this process and of its ancestors: sudo removes it
/// from ours.
fn session() -> Option<SshSession> {
    let mut pid = std::process::id();
    while pid > 1 {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let connection = environment
            .split(|&byte| byte == 0)
            .find_map(|variable| variable.strip_prefix(b"SSH_CONNECTION="));
        if let Some(connection) = connection {
            return parse(&String::from_utf8_lossy(connection));
        }
        pid = parent(pid)?;
    }
    None
}

/// "peer port address port", see ssh(1). An IPv6 address may carry a zone.
fn parse(connection: &str) -> Option<SshSession> {
    let mut fields = connection.split_whitespace();
    let peer = fields.next()?.split('%').next()?.parse::<IpAddr>().ok()?.to_canonical();
    let port = fields.nth(2)?.parse().ok()?;
    Some(SshSession { peer, port })
}

/// The fourth field of /proc/pid/stat. The second, the command in brackets, may contain anything.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{SshSession, parse};

    #[test]
    fn reads_what_sshd_writes() {
        let session = |peer: &str, port| Some(SshSession { peer: peer.parse().unwrap(), port });
        assert_eq!(parse("192.0.2.7 50022 192.0.2.1 22"), session("192.0.2.7", 22));
        assert_eq!(parse("fe80::1%eth0 50022 fe80::2%eth0 2222"), session("fe80::1", 2222));
        assert_eq!(parse("::ffff:192.0.2.7 50022 ::ffff:192.0.2.1 22"), session("192.0.2.7", 22));
    }

    #[test]
    fn takes_nothing_from_anything_else() {
        for text in ["", "192.0.2.7", "192.0.2.7 1 192.0.2.1 x", "x 1 y 22"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
