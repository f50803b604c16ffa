//! The HTTP side: the metrics are at /metrics.

use std::net::SocketAddr;

use anyhow::Context;

use super::{Look, text};
use crate::http::{Limits, Page, Server};
use framebus::stop::Stop;

/// The type of the text format, as Prometheus documents it.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const HINT: &str = "framebus: the metrics are at /metrics\n";

pub(super) fn serve(
    address: SocketAddr,
    mut look: Look,
    end_ns: Option<u64>,
    stop: &Stop,
) -> anyhow::Result<()> {
    let server = Server::bind(address, Limits::default())
        .with_context(|| format!("cannot listen at {address}"))?;
    tracing::info!("metrics at http://{}/metrics", server.address()?);
    let page = move |path: &str| match path {
        "/metrics" => Some(Page::new(CONTENT_TYPE, text::render(&look.snapshots()))),
        "/" => Some(Page::plain(HINT)),
        _ => None,
    };
    server
        .run(page, end_ns, stop)
        .with_context(|| format!("cannot answer at {address}"))
}
