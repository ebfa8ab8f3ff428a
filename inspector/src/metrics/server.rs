//! HTTP for Prometheus: metrics, health, readiness and a landing page.
//!
//! Bare hyper, since four GET routes need no router. A connection carries one request and has a limited life,
//! and there is a limited number of them, so that a stuck or hostile client holds nothing for long: Prometheus
//! scrapes four times a minute at most and does not miss kept-alive connections.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use hyper::header::{VARY, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::exposition::{self, Format};
use super::process::Process;
use super::{Stats, page};

/// Where the server listens unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:9971";
/// Where the metrics are unless told otherwise.
pub const DEFAULT_PATH: &str = "/metrics";

/// Connections at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 32;
/// Time for a client to send its request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a request from its connection to its last byte: Prometheus' own default time-out.
const CONNECTION_LIFE: Duration = Duration::from_secs(10);
/// Most bytes of a request's head: hyper's least.
const MAX_HEAD: usize = 8_192;
/// Pause after a connection could not be accepted, which mostly is for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time for running requests to end when the server is told to.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Why the server cannot listen. Its text is one sentence: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is not one.
    #[error("{address:?} is no address to listen on ({source}); write HOST:PORT, such as {DEFAULT_ADDRESS}")]
    Address {
        /// What was asked for.
        address: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Another process has the port.
    #[error("{address} is in use by another process; stop it, or choose another --web.listen-address")]
    InUse {
        /// What was asked for.
        address: SocketAddr,
    },
    /// No host has this address.
    #[error("{address} is no address of this host; choose another --web.listen-address")]
    NotHere {
        /// What was asked for.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {address} ({source}); choose another --web.listen-address")]
    Other {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Listens on an address: `HOST:PORT`, or `:PORT` for all of the host's. To be called before anything is
/// attached, so that an address in use ends the start and nothing else.
pub fn bind(address: &str) -> Result<TcpListener, BindError> {
    let written = if address.starts_with(':') { format!("[::]{address}") } else { address.to_owned() };
    let resolved = written.to_socket_addrs().and_then(|mut addresses| {
        addresses.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
    });
    let resolved = resolved.map_err(|source| BindError::Address { address: address.to_owned(), source })?;
    let listen = || {
        let listener = TcpListener::bind(resolved)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address: resolved },
        io::ErrorKind::AddrNotAvailable => BindError::NotHere { address: resolved },
        _ => BindError::Other { address: resolved, source },
    })
}

struct Site {
    stats: Arc<dyn Stats>,
    telemetry_path: String,
}

/// Answers requests until `shutdown` completes, with the metrics at `telemetry_path`. Fails only if the
/// listener cannot be handed to the runtime.
pub async fn serve(
    listener: TcpListener,
    stats: Arc<dyn Stats>,
    telemetry_path: &str,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let telemetry_path = format!("/{}", telemetry_path.trim_start_matches('/'));
    let site = Arc::new(Site { stats, telemetry_path });
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut running = JoinSet::new();
    let accept = async {
        loop {
            // Only fails once the semaphore is closed, which nobody does.
            let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => drop(running.spawn(converse(stream, Arc::clone(&site), permit))),
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
            while running.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = accept => {}
        () = shutdown => {}
    }
    drop(listener);
    // What has not ended by then is aborted with the set.
    let _ = timeout(LAST_REQUESTS, async { while running.join_next().await.is_some() {} }).await;
    Ok(())
}

/// One connection: one request and its answer.
async fn converse(stream: TcpStream, site: Arc<Site>, _permit: OwnedSemaphorePermit) {
    let service = service_fn(|request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(answer(&request, site).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever went wrong was the client's doing, or it has gone: there is nobody to tell.
    let _ = timeout(CONNECTION_LIFE, connection).await;
}

async fn answer(request: &Request<Incoming>, site: Arc<Site>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        path if path == site.telemetry_path => {
            let accept: Vec<_> =
                request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
            let format = Format::accepted(&accept.join(","));
            blocking(move || metrics(site.stats.as_ref(), format)).await
        }
        "/" => blocking(move || landing(&site)).await,
        "/-/healthy" => plain(StatusCode::OK, "inspector is healthy\n"),
        "/-/ready" if site.stats.is_ready() => plain(StatusCode::OK, "inspector is ready\n"),
        "/-/ready" => plain(StatusCode::SERVICE_UNAVAILABLE, "inspector is not attached yet\n"),
        _ => plain(StatusCode::NOT_FOUND, "not found; see / for what there is\n"),
    }
}

/// Reads of maps are system calls, thousands of them for a large map: they get a thread of their own.
async fn blocking(respond: impl FnOnce() -> Response<Full<Bytes>> + Send + 'static) -> Response<Full<Bytes>> {
    spawn_blocking(respond)
        .await
        .unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "the scrape failed inside\n"))
}

fn metrics(stats: &dyn Stats, format: Format) -> Response<Full<Bytes>> {
    let text = stats.snapshot().map_err(|error| error.to_string()).and_then(|snapshot| {
        exposition::encode(snapshot, Process::read(), format).map_err(|error| error.to_string())
    });
    match text {
        Ok(text) => {
            let mut response = respond(StatusCode::OK, format.content_type(), text);
            response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
            response
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn landing(site: &Site) -> Response<Full<Bytes>> {
    let text = site.stats.snapshot().map_err(|error| error.to_string()).and_then(|snapshot| {
        page::landing(&snapshot, &site.telemetry_path).map_err(|error| error.to_string())
    });
    match text {
        Ok(text) => respond(StatusCode::OK, "text/html; charset=utf-8", text),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", text.into())
}

fn respond(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::thread;
    use std::time::Instant;

    use tokio::runtime::Builder;
    use tokio::sync::oneshot;

    use super::*;
    use crate::metrics::sample::Fake;

    /// Serves on a free port while `client` runs.
    fn with_server<T>(stats: Fake, client: impl FnOnce(SocketAddr) -> T) -> T {
        let listener = bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, Arc::new(stats), "metrics", async {
                let _ = stopped.await;
            }))
        });
        let result = client(address);
        stop.send(()).unwrap();
        server.join().unwrap().unwrap();
        result
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(address: SocketAddr, path: &str, headers: &str) -> String {
        ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"))
    }

    const READY: Fake = Fake { ready: true, broken: false };

    #[test]
    fn answers_its_routes() {
        with_server(READY, |address| {
            let text = get(address, "/metrics", "");
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
            assert!(
                text.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
                "{text}"
            );
            assert!(text.contains("\ninspector_flows 12\n") && !text.contains("# EOF"), "{text}");

            let text = get(address, "/metrics?x=1", "Accept: application/openmetrics-text;version=1.0.0\r\n");
            assert!(
                text.contains("\r\ncontent-type: application/openmetrics-text; version=1.0.0;"),
                "{text}"
            );
            assert!(text.ends_with("# EOF\n"), "{text}");

            let text = get(address, "/", "");
            assert!(text.contains("content-type: text/html") && text.contains("<td>eth0</td>"), "{text}");
            assert!(get(address, "/-/healthy", "").starts_with("HTTP/1.1 200"));
            assert!(get(address, "/-/ready", "").starts_with("HTTP/1.1 200"));
            assert!(get(address, "/nothing", "").starts_with("HTTP/1.1 404"));
        });
    }

    #[test]
    fn only_get_and_head() {
        with_server(READY, |address| {
            let text = ask(address, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
            assert!(text.starts_with("HTTP/1.1 405") && text.contains("\r\nallow: GET, HEAD\r\n"), "{text}");
            let text = ask(address, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
            assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\n"), "{text}");
            assert!(ask(address, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
            let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(60_000));
            assert!(!ask(address, &long).starts_with("HTTP/1.1 200"));
        });
    }

    #[test]
    fn not_ready_and_broken_are_said() {
        with_server(Fake { ready: false, broken: true }, |address| {
            assert!(get(address, "/-/ready", "").starts_with("HTTP/1.1 503"));
            assert!(get(address, "/-/healthy", "").starts_with("HTTP/1.1 200"));
            let text = get(address, "/metrics", "");
            assert!(text.starts_with("HTTP/1.1 500"), "{text}");
            assert!(text.ends_with("cannot read the map FLOWS (permission denied)\n"), "{text}");
        });
    }

    #[test]
    fn stuck_clients_hold_nothing_for_long() {
        with_server(READY, |address| {
            let started = Instant::now();
            let stuck: Vec<_> = (0..MAX_CONNECTIONS)
                .map(|_| {
                    let mut stream = std::net::TcpStream::connect(address).unwrap();
                    stream.write_all(b"GET /metrics HTTP/1.1\r\nX-Slow: ").unwrap();
                    stream
                })
                .collect();
            assert!(get(address, "/-/healthy", "").starts_with("HTTP/1.1 200"));
            assert!(started.elapsed() < CONNECTION_LIFE, "{:?}", started.elapsed());
            drop(stuck);
        });
    }

    #[test]
    fn says_why_it_cannot_listen() {
        let taken = bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        assert_eq!(
            bind(&address.to_string()).unwrap_err().to_string(),
            format!(
                "{address} is in use by another process; stop it, or choose another --web.listen-address"
            )
        );
        assert!(matches!(bind("192.0.2.1:9971"), Err(BindError::NotHere { .. })));
        assert_eq!(
            bind("127.0.0.1").unwrap_err().to_string(),
            "\"127.0.0.1\" is no address to listen on (invalid socket address); \
             write HOST:PORT, such as 127.0.0.1:9971"
        );
        assert!(bind(":0").is_ok());
    }
}
