//! The clients that are connected, each with a task.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::Limits;
use super::answer::Answering;
use super::stream::{ClientStream, Pace};
use crate::system::set_send_buffer;

/// How long, and up to how many bytes, is read on after the last answer. A connection that is closed with something
/// unread is reset, and the client may lose the answer that says why.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 * 1024;

/// What answers a request.
pub(super) type Respond = Rc<dyn Fn(Request<Incoming>) -> Answering>;

/// The clients that are connected.
pub(super) struct Clients {
    limits: Limits,
    respond: Respond,
    all: Vec<Client>,
}

#[derive(Debug)]
struct Client {
    task: AbortHandle,
    pace: Rc<Pace>,
}

impl Clients {
    pub(super) fn new(limits: Limits, respond: Respond) -> Clients {
        Clients {
            limits,
            respond,
            all: Vec::new(),
        }
    }

    /// Whether there is a place for one more; who has been still for too long loses its own.
    pub(super) fn make_room(&mut self) -> bool {
        self.all.retain(|client| !client.task.is_finished());
        if self.all.len() < self.limits.clients {
            return true;
        }
        let still = self.all.iter().map(|client| client.pace.moved.get()).min();
        let dismiss = still.is_some_and(|moved| moved.elapsed() >= self.limits.still_time);
        if dismiss {
            self.dismiss_stillest();
        }
        dismiss
    }

    /// Ends the connection on which nothing has moved for longest.
    pub(super) fn dismiss_stillest(&mut self) {
        let clients = self.all.iter().enumerate();
        let stillest = clients.min_by_key(|(_, client)| client.pace.moved.get());
        if let Some((place, _)) = stillest {
            self.all.swap_remove(place).task.abort();
        }
    }

    /// Serves a client from now on.
    pub(super) fn admit(&mut self, stream: TcpStream) {
        if let Some(bytes) = self.limits.send_buffer {
            set_send_buffer(&stream, bytes);
        }
        let pace = Pace::new();
        let stream = ClientStream::new(stream, Rc::clone(&pace), self.limits.answer_time);
        let (respond, own) = (Rc::clone(&self.respond), Rc::clone(&pace));
        let task = tokio::task::spawn_local(serve(stream, self.limits, respond, own));
        self.all.push(Client {
            task: task.abort_handle(),
            pace,
        });
    }
}

/// Answers one client's requests, until it goes or reaches a limit.
async fn serve(stream: ClientStream, limits: Limits, respond: Respond, pace: Rc<Pace>) {
    let service = service_fn(|request| {
        let answering = respond(request);
        let pace = Rc::clone(&pace);
        Box::pin(async move {
            let reply = answering.await;
            pace.in_parts.set(reply.body().is_in_parts());
            Ok::<_, Infallible>(reply)
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever it ended with, the client has got what it can get.
    let _ = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let stream = connection.into_parts().io.into_inner().into_inner();
    let _ = timeout(LINGER, linger(stream)).await;
}

/// Says that nothing more comes, and reads on for a moment.
async fn linger(mut stream: TcpStream) {
    let closed = poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await;
    let mut left = LINGER_BYTES;
    let mut chunk = [0; 4096];
    while closed.is_ok() && left > 0 && stream.readable().await.is_ok() {
        match stream.try_read(&mut chunk) {
            Ok(0) => return,
            Ok(len) => left = left.saturating_sub(len),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
