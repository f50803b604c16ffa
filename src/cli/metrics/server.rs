//! The HTTP side: GET /metrics, and nothing that changes anything.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use tiny_http::{Header, Method, Request, Response, Server};

use super::{Look, text};
use crate::clock::monotonic_ns;
use crate::stop::Stop;

/// How often a request to stop is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The type of the text format, as Prometheus documents it.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const PAGE: &str = "framebus: the metrics are at /metrics\n";

pub(super) fn serve(
    address: SocketAddr,
    look: &mut Look,
    end_ns: Option<u64>,
    stop: &Stop,
) -> anyhow::Result<()> {
    let server =
        Server::http(address).map_err(|error| anyhow!("cannot listen at {address}: {error}"))?;
    let address = server.server_addr();
    tracing::info!("metrics at http://{address}/metrics");
    while !stop.is_set() && end_ns.is_none_or(|end_ns| monotonic_ns() < end_ns) {
        let Some(request) = server.recv_timeout(LOOK_EVERY)? else {
            continue;
        };
        // A client that has hung up is no reason to end.
        let _ = answer(request, look);
    }
    Ok(())
}

fn answer(request: Request, look: &mut Look) -> std::io::Result<()> {
    let path = request.url().split('?').next().unwrap_or("").to_owned();
    let head = *request.method() == Method::Head;
    if *request.method() != Method::Get && !head {
        return request.respond(Response::from_string("only GET\n").with_status_code(405));
    }
    match path.as_str() {
        "/metrics" => {
            let response = Response::from_string(text::render(&look.snapshots()));
            match Header::from_bytes("Content-Type", CONTENT_TYPE) {
                Ok(header) => request.respond(response.with_header(header)),
                Err(()) => request.respond(response),
            }
        }
        "/" => request.respond(Response::from_string(PAGE)),
        _ => request.respond(Response::from_string("not found\n").with_status_code(404)),
    }
}
