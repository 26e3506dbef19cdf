// SPDX-License-Identifier: GPL-2.0-only
//! HTTP/1, one request on each connection.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::AbortHandle;
use tokio::time;

/// Where the page is.
const PATH: &str = "/metrics";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Connections at once. With one more, the oldest gives way: those who are idle cannot lock out who asks.
const MOST_CONNECTIONS: usize = 32;

/// For a whole connection, from the first byte asked to the last byte taken.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a request.
const LONGEST_REQUEST: usize = 16 << 10;

/// Where no connection can be accepted, as there is no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Makes the page, in OpenMetrics' text format.
pub type Page = dyn Fn() -> Result<String> + Send + Sync;

#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Socket {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(socket) => Box::new(socket.accept().await?.0),
            Self::Unix(socket) => Box::new(socket.accept().await?.0),
        })
    }
}

/// Never ends by itself.
pub(super) async fn serve(socket: Socket, page: Arc<Page>) {
    let mut connections: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok(stream) = socket.accept().await else {
            time::sleep(PAUSE).await;
            continue;
        };
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= MOST_CONNECTIONS
            && let Some(oldest) = connections.pop_front()
        {
            oldest.abort();
        }
        connections.push_back(tokio::spawn(answer(stream, page.clone())).abort_handle());
    }
}

async fn answer(stream: Box<dyn Stream>, page: Arc<Page>) {
    let service = service_fn(|request| {
        let response = respond(&request, &*page);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(LONGEST_REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever asks too slowly, or what is no HTTP, gets no answer.
    let _ = time::timeout(PATIENCE, connection).await;
}

fn respond(request: &Request<Incoming>, page: &Page) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        return response(StatusCode::NOT_FOUND, TEXT, format!("the metrics are at {PATH}\n"));
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refusal =
            response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "the metrics can only be read\n".into());
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match page() {
        Ok(page) => response(StatusCode::OK, OPEN_METRICS, page),
        Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error:#}\n")),
    }
}

fn response(status: StatusCode, content: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content));
    response
}
