//! A connection whose requests that hyper itself refuses are answered with a body too.
//!
//! hyper answers what it cannot read with a status and no body, and offers no way to write one. No response of ours is a 4xx
//! without a body, so such a response is hyper's own, and is replaced on its way out.

use crate::http::{Problem, ProblemKind};
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection.
#[derive(Debug)]
pub(super) struct Stream {
    inner: TcpStream,
    replacement: Option<Replacement>,
    /// Whether something was read that was not answered yet.
    is_asked: bool,
}

/// What is written in place of a response.
#[derive(Debug)]
struct Replacement {
    response: Vec<u8>,
    written: usize,
    /// The length of what it stands for.
    length: usize,
}

impl Stream {
    /// Over a socket.
    pub(super) fn new(inner: TcpStream) -> Self {
        Self { inner, replacement: None, is_asked: false }
    }
}

impl Drop for Stream {
    /// Tells a client that was too slow, whom hyper tells nothing.
    fn drop(&mut self) {
        if self.is_asked {
            let problem = Problem::new(ProblemKind::RequestTimeout, "the head of the request did not arrive in time");
            // Whoever is gone needs no answer.
            drop(self.inner.try_write(&response(&problem)));
        }
    }
}

/// A response, as bytes, to a request after which the connection is closed.
pub(super) fn response(problem: &Problem) -> Vec<u8> {
    let body = serde_json::to_string(&problem.body()).unwrap_or_default();
    format!(
        "HTTP/1.1 {}\r\ncontent-type: application/problem+json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        problem.status(),
        body.len()
    )
    .into_bytes()
}

/// The problem that a response of hyper's own stands for.
fn problem_of(head: &[u8]) -> Option<Problem> {
    let status = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    let (kind, detail) = match status {
        b"400" => (ProblemKind::BadRequest, "the request is not HTTP/1.1"),
        b"408" => (ProblemKind::RequestTimeout, "the request did not arrive in time"),
        b"413" => (ProblemKind::BodyTooLarge, "the body is too long"),
        b"414" => (ProblemKind::UriTooLong, "the path is longer than this server reads"),
        b"431" => (ProblemKind::HeadersTooLarge, "the headers are longer or more than this server reads"),
        _ => return None,
    };
    let is_empty = head.windows(17).any(|part| part.eq_ignore_ascii_case(b"content-length: 0"));
    is_empty.then(|| Problem::new(kind, detail))
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        // A client that closes waits for no answer.
        self.is_asked = buffer.filled().len() > before;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let this = &mut *self;
        this.is_asked = false;
        if this.replacement.is_none()
            && let Some(problem) = problem_of(bytes)
        {
            this.replacement = Some(Replacement { response: response(&problem), written: 0, length: bytes.len() });
        }
        let Some(replacement) = &mut this.replacement else {
            return Pin::new(&mut this.inner).poll_write(context, bytes);
        };
        while replacement.written < replacement.response.len() {
            let rest = &replacement.response[replacement.written..];
            match ready!(Pin::new(&mut this.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(Error::from(ErrorKind::WriteZero))),
                count => replacement.written += count,
            }
        }
        let length = replacement.length;
        this.replacement = None;
        Poll::Ready(Ok(length))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refusals_without_a_body_are_replaced() {
        let replaced = |head: &str| problem_of(head.as_bytes()).map(|problem| problem.status().as_u16());
        assert_eq!(replaced("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), Some(400));
        assert_eq!(replaced("HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\r\n"), Some(431));
        assert_eq!(replaced("HTTP/1.1 404 Not Found\r\ncontent-length: 12\r\n\r\n"), None);
        assert_eq!(replaced("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), None);
        let text = String::from_utf8(response(&Problem::new(ProblemKind::BadRequest, "why"))).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{text}");
    }
}
