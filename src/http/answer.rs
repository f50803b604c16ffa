//! What is asked and what is answered, as a whole or in parts.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts as Head;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};

/// The type of what is said in plain words.
const PLAIN: &str = "text/plain; charset=utf-8";

/// A GET or HEAD without a body.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) is_head: bool,
}

impl Asked {
    pub(super) fn of(request: Request<Incoming>) -> Asked {
        let (head, _) = request.into_parts();
        let Head {
            method,
            uri,
            headers,
            ..
        } = head;
        Asked {
            uri,
            headers,
            is_head: method == Method::HEAD,
        }
    }
}

/// An answer with its head.
pub(crate) type Reply = Response<Content>;
/// An answer that may have to be waited for.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Reply>>>;

/// What is at a path.
#[derive(Debug)]
pub(crate) struct Page {
    content_type: &'static str,
    body: Bytes,
}

impl Page {
    pub(crate) fn new(content_type: &'static str, body: impl Into<Bytes>) -> Page {
        Page {
            content_type,
            body: body.into(),
        }
    }

    /// A page in plain words.
    pub(crate) fn plain(body: impl Into<Bytes>) -> Page {
        Page::new(PLAIN, body)
    }
}

/// What comes after the head.
pub(crate) enum Content {
    /// All of it, once.
    Whole(Option<Bytes>),
    /// Part by part, each when the one before is on its way.
    Parts(Box<dyn Parts>),
}

impl Content {
    /// Parts that are made when the client takes them: `next` turns a state into the next part and the state after it, or
    /// ends the answer.
    pub(crate) fn parts<S: 'static>(
        start: S,
        next: impl FnMut(S) -> Making<S> + 'static,
    ) -> Content {
        let next = Box::new(next);
        Content::Parts(Box::new(Unfold {
            state: Some(start),
            making: None,
            next,
        }))
    }

    /// Parts that nobody takes, for the answer to a HEAD.
    pub(crate) fn no_parts() -> Content {
        Content::parts((), |()| Box::pin(std::future::ready(None)))
    }

    pub(super) fn is_in_parts(&self) -> bool {
        matches!(self, Content::Parts(_))
    }
}

/// A part that is being made.
pub(crate) type Making<S> = Pin<Box<dyn Future<Output = Option<(Bytes, S)>>>>;

/// Makes parts.
pub(crate) trait Parts {
    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>>;
}

struct Unfold<S> {
    state: Option<S>,
    making: Option<Making<S>>,
    next: Box<dyn FnMut(S) -> Making<S>>,
}

impl<S> Parts for Unfold<S> {
    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(state) = self.state.take() {
            self.making = Some((self.next)(state));
        }
        let Some(making) = &mut self.making else {
            return Poll::Ready(None);
        };
        let Poll::Ready(made) = making.as_mut().poll(context) else {
            return Poll::Pending;
        };
        self.making = None;
        Poll::Ready(made.map(|(part, state)| {
            self.state = Some(state);
            part
        }))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = match self.get_mut() {
            Content::Whole(body) => Poll::Ready(body.take()),
            Content::Parts(parts) => parts.poll_part(context),
        };
        part.map(|part| part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Content::Whole(body) => {
                SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64))
            }
            Content::Parts(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Content::Whole(_) => "Whole",
            Content::Parts(_) => "Parts",
        })
    }
}

/// An answer with what each of them says in its head.
pub(crate) fn show(status: StatusCode, page: Page) -> Reply {
    let mut response = Response::new(Content::Whole(Some(page.body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        "X-Content-Type-Options",
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// An answer after which the connection ends: a body that may follow is not read.
pub(super) fn refuse(status: StatusCode, words: &'static str) -> Reply {
    let mut response = show(status, Page::plain(words));
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

pub(super) fn only_get_and_head() -> Reply {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    let allowed = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(ALLOW, allowed);
    response
}
