//! A small HTTP/1 server that strangers may reach: it shows pages, and nothing that a request could change.
//!
//! # What is guaranteed
//!
//! - Only GET and HEAD, and no body: a request that announces one is refused before a byte of it is read, and nothing is
//!   allocated for it.
//! - Headers, the time to send them and the time to take an answer have limits, and so has the number of clients. Where
//!   all places are taken, a new client gets the place of the one that has been still for longest.
//! - A request to stop ends it at once, whatever clients do.
//!
//! An answer may come in parts and have no end, as a stream of pictures has; what a client has not taken yet is never more
//! than one part and the system's buffer.
//!
//! It runs on the thread that calls [`Server::run`] or [`Server::answer`], and only then.

mod answer;
mod clients;
mod stream;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::{Method, Request, StatusCode};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

pub(crate) use self::answer::{Answering, Asked, Content, Page, Reply, show};
use self::answer::{only_get_and_head, refuse};
use self::clients::Clients;
use framebus::stop::Stop;

/// How long nobody is accepted after the system had no descriptor for a client, or no place was free.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What clients may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Clients at a time.
    pub(crate) clients: usize,
    /// Bytes of a request's head; hyper wants 8192 at least.
    pub(crate) head_bytes: usize,
    /// Time to send a request's head, from the connection or the answer before on: also how long a client may be idle.
    pub(crate) head_time: Duration,
    /// Time to take an answer, once the system's own buffers are full.
    pub(crate) answer_time: Duration,
    /// How long a client must have been still before another gets its place.
    pub(crate) still_time: Duration,
    /// Bytes that the system keeps for a client; `None` is the system's choice. What is in there is old when it arrives.
    pub(crate) send_buffer: Option<usize>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            clients: 64,
            head_bytes: 16 * 1024,
            head_time: Duration::from_secs(10),
            answer_time: Duration::from_secs(10),
            still_time: Duration::from_millis(200),
            send_buffer: None,
        }
    }
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    limits: Limits,
}

impl Server {
    /// Listens at an address; clients wait until [`Server::run`].
    pub(crate) fn bind(address: SocketAddr, limits: Limits) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Server { listener, limits })
    }

    /// The address, with the port that the system chose where 0 was asked for.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until somebody asks to stop, or the monotonic clock shows `end_ns`. `page` is asked what is at a path,
    /// which comes without its query; it runs on this thread.
    pub(crate) fn run(
        self,
        page: impl FnMut(&str) -> Option<Page> + 'static,
        end_ns: Option<u64>,
        stop: &Stop,
    ) -> io::Result<()> {
        let page = RefCell::new(page);
        let answer = move |asked: Asked| {
            let reply = match (page.borrow_mut())(asked.uri.path()) {
                Some(page) => show(StatusCode::OK, page),
                None => show(StatusCode::NOT_FOUND, Page::plain("not found\n")),
            };
            Box::pin(std::future::ready(reply)) as Answering
        };
        self.answer(answer, end_ns, stop)
    }

    /// Answers until somebody asks to stop, or the monotonic clock shows `end_ns`. `answer` is given what may be answered;
    /// it and what it returns run on this thread.
    pub(crate) fn answer(
        self,
        answer: impl Fn(Asked) -> Answering + 'static,
        end_ns: Option<u64>,
        stop: &Stop,
    ) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let respond = Rc::new(move |request: Request<Incoming>| respond(request, &answer));
        let clients = Clients::new(self.limits, respond);
        let tasks = LocalSet::new();
        // Dropped at the end, the tasks are gone with their connections, in whatever state these are.
        tasks.block_on(&runtime, async {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            tokio::task::spawn_local(accept(listener, clients));
            // The sender goes only with its thread.
            let _ = end_of(end_ns, stop)?.await;
            Ok(())
        })
    }
}

/// Comes when somebody asks to stop, or the time is over.
fn end_of(end_ns: Option<u64>, stop: &Stop) -> io::Result<oneshot::Receiver<()>> {
    let (sender, receiver) = oneshot::channel();
    let stop = stop.clone();
    std::thread::Builder::new()
        .name("end".into())
        .spawn(move || {
            let _ = stop.sleep_until(end_ns.unwrap_or(u64::MAX));
            // Nobody listens any more where the server has failed.
            let _ = sender.send(());
        })?;
    Ok(receiver)
}

/// Takes clients for ever.
async fn accept(listener: tokio::net::TcpListener, mut clients: Clients) {
    loop {
        while !clients.make_room() {
            tokio::time::sleep(ACCEPT_AGAIN).await;
        }
        match listener.accept().await {
            Ok((stream, _)) => clients.admit(stream),
            // It hung up before it was taken.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // No descriptor is left.
            Err(_) => {
                clients.dismiss_stillest();
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
        // Those who are here already come before who only knocks.
        tokio::task::yield_now().await;
    }
}

/// What a request gets.
fn respond(request: Request<Incoming>, answer: &impl Fn(Asked) -> Answering) -> Answering {
    let refusal = if !matches!(*request.method(), Method::GET | Method::HEAD) {
        only_get_and_head()
    } else if !request.body().is_end_stream() {
        refuse(StatusCode::PAYLOAD_TOO_LARGE, "no body is taken\n")
    } else {
        return answer(Asked::of(request));
    };
    Box::pin(std::future::ready(refusal))
}
