// SPDX-License-Identifier: GPL-2.0-only
//! TCP Fast Open: a SYN with data opens a connection at once. It is limited and charged like any other.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use lab::defence::{dump, source};
use lab::{figures, wait_for};
use socket2::{Domain, Socket, Type};

use crate::ground::{Ground, servers};

fn set(socket: &Socket, option: i32, value: i32) {
    // SAFETY: the value outlives the call, and its size is right.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as u32,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

/// Sends data with the SYN, if it has the server's cookie. The answer's first four bytes; None if it does
/// not come in this time.
fn visit(ground: &Ground, server: SocketAddr, patience: Duration) -> Option<[u8; 4]> {
    ground.pair.client.enter(|| {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).unwrap();
        set(&socket, libc::TCP_FASTOPEN_CONNECT, 1);
        socket.set_read_timeout(Some(patience)).unwrap();
        socket.set_write_timeout(Some(patience)).unwrap();
        socket.connect(&server.into()).ok()?;
        let mut stream: TcpStream = socket.into();
        stream.write_all(b"fast").ok()?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).ok()?;
        Some(word)
    })
}

/// Answers each connection with the four bytes that it sends.
fn echo(listener: &Socket) {
    loop {
        match listener.accept() {
            Ok((socket, _)) => {
                let mut stream: TcpStream = socket.into();
                let mut word = [0; 4];
                if stream.read_exact(&mut word).is_ok() {
                    let _ = stream.write_all(&word);
                }
            }
            Err(error) if error.kind() == ErrorKind::InvalidInput => break,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Ends the echo when it is dropped, however the attack ends.
struct Ended<'a>(&'a Socket);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

fn with_server(options: &[&str], attack: impl FnOnce(&Ground)) {
    let ground = Ground::new();
    for host in [&ground.pair.client, &ground.pair.server] {
        host.run("sysctl", &["-qw", "net.ipv4.tcp_fastopen=3"]);
    }
    let listener = ground.listen(|socket| set(socket, libc::TCP_FASTOPEN, 64));
    let _defence = ground.protect(options);
    std::thread::scope(|scope| {
        scope.spawn(|| echo(&listener));
        let _end = Ended(&listener);
        attack(&ground);
    });
}

/// A challenged client sends its data again, and all is well.
#[test]
fn a_challenge_makes_it_an_ordinary_connection() {
    with_server(&["--pass-rate", "3/h", "--cookies", "own"], |ground| {
        for server in servers() {
            for turn in 0..5 {
                let word = visit(ground, server, Duration::from_secs(5));
                assert_eq!(word.as_ref(), Some(b"fast"), "{server}, {turn}");
            }
        }
        let shown = dump(&ground.pair, &[]);
        assert!(shown["reasons"]["answer_redeemed"].as_u64() >= Some(9), "{shown}");
    });
}

#[test]
fn it_is_charged() {
    with_server(&["--burst", "4", "--rate", "1/h"], |ground| {
        let server = servers()[0];
        let patience = Duration::from_millis(300);
        let served = (0..10).filter(|_| visit(ground, server, patience).is_some()).count();
        assert_eq!(served, 4);
        let fast = figures::nstat(&ground.pair.server, "TcpExtTCPFastOpenPassive");
        assert_eq!(fast, 3, "the first one asks for the cookie");
        wait_for("all connections to be charged", || {
            let shown = dump(&ground.pair, &["--all"]);
            (source(&shown, "10.0.0.1")?["connected"] == 4).then_some(())
        });
    });
}
