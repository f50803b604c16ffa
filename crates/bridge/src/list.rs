//! `framebus bridge ls`: what is sent, by whom.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::stop::Stop;
use framebus_tools::bridging::{Link, Listing};
use framebus_tools::exit::{EXIT_NO, stopped};
use serde::Serialize;
use zenoh::{Session, Wait};

use crate::about::About;
use crate::keys::key;
use crate::link::{Role, at, open_while};
use crate::receive::watch;
use framebus_tools::far_bus::FarBus;

/// A line of the list.
#[derive(Debug, Serialize)]
struct Row {
    schema: u32,
    host: String,
    bus: String,
    #[serde(flatten)]
    about: Option<About>,
}

/// Prints what is sent; exit code 1 when nothing is.
///
/// # Errors
/// One sentence for a person.
pub(crate) fn list(listing: &Listing, link: &Link) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let in_time = |waited| waited < listing.wait;
    let Some(session) = open_while(link, Role::End, &stop, in_time)? else {
        if stop.is_set() {
            return Ok(stopped(&stop));
        }
        anyhow::bail!("nobody answers at {}", link.connect.join(", "));
    };
    let found = look_around(&session, listing.wait, &stop)?;
    let mut out = std::io::stdout().lock();
    if listing.json {
        for row in &found {
            serde_json::to_writer(&mut out, row)?;
            out.write_all(b"\n")?;
        }
    } else if !found.is_empty() {
        out.write_all(table(&found).as_bytes())?;
    }
    out.flush()?;
    let _ = session.close().wait();
    if found.is_empty() {
        tracing::info!("nothing is sent{}", at(link));
        return Ok(ExitCode::from(EXIT_NO));
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits until no more senders show up, and asks each about its bus.
fn look_around(session: &Session, wait: Duration, stop: &Stop) -> anyhow::Result<Vec<Row>> {
    let ups = watch(session, &FarBus::any())?;
    let end_ns = monotonic_ns().saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
    let mut there = BTreeSet::new();
    // The links come up one after the other; once somebody is there the others are not far.
    let settle = (wait / 4).min(Duration::from_millis(300));
    while !stop.is_set() {
        let left = Duration::from_nanos(end_ns.saturating_sub(monotonic_ns()));
        let step = match there.is_empty() {
            // A request to stop is looked at in between.
            true => left.min(Duration::from_millis(100)),
            false => left.min(settle),
        };
        match ups.events.recv_timeout(step.max(Duration::from_millis(1))) {
            Ok((far, true)) => drop(there.insert(far)),
            Ok((far, false)) => drop(there.remove(&far)),
            Err(_) if !there.is_empty() || left.is_zero() => break,
            Err(_) => {}
        }
    }
    let mut rows = Vec::new();
    for far in there {
        let about = ask(session, &far, wait.min(Duration::from_secs(2)));
        rows.push(Row {
            schema: 1,
            host: far.host,
            bus: far.bus,
            about,
        });
    }
    Ok(rows)
}

fn ask(session: &Session, far: &FarBus, wait: Duration) -> Option<About> {
    let replies = session.get(key(far, "about")).timeout(wait).wait().ok()?;
    let reply = replies.recv().ok()?;
    let sample = reply.result().ok()?;
    serde_json::from_slice(&sample.payload().to_bytes()).ok()
}

fn table(rows: &[Row]) -> String {
    let head = [
        "HOST/BUS",
        "STATE",
        "SIZE",
        "FORMAT",
        "FPS",
        "RECEIVERS",
        "SOURCE",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    for row in rows {
        let name = format!("{}/{}", row.host, row.bus);
        let unknown = || "---".to_owned();
        let line = match &row.about {
            None => [
                name,
                unknown(),
                unknown(),
                unknown(),
                unknown(),
                unknown(),
                unknown(),
            ],
            Some(about) => {
                let size = about.width.zip(about.height);
                // It is another machine's word, on its way to a terminal.
                let plain = |text: &String| text.chars().filter(|c| !c.is_control()).collect();
                [
                    name,
                    plain(&about.state),
                    size.map_or_else(unknown, |(width, height)| format!("{width}x{height}")),
                    about.format.as_ref().map_or_else(unknown, plain),
                    about.fps.map_or_else(unknown, |fps| format!("{fps:.1}")),
                    about.receivers.to_string(),
                    about.source.as_ref().map_or_else(unknown, plain),
                ]
            }
        };
        lines.push(line);
    }
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        let joined = cells.collect::<Vec<_>>().join("  ");
        text += joined.trim_end();
        text.push('\n');
    }
    text
}
