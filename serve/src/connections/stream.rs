//! A connection whose requests that hyper itself refuses are answered with a body too.
//!
//! hyper answers what it cannot read with a status and no body, and offers no way to write one. No response of ours is a 4xx
//! without a body, so such a response is hyper's own, and is replaced on its way out.

use crate::http::{Problem, ProblemKind};
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection.
#[derive(Debug)]
pub(super) struct Stream {
    inner: Arc<TcpStream>,
    /// What is left to write of a response that replaces another one, and the length of the other one.
    replacement: Option<(Vec<u8>, usize, usize)>,
}

impl Stream {
    /// Over a socket that others may hold as well.
    pub(super) fn new(inner: Arc<TcpStream>) -> Self {
        Self { inner, replacement: None }
    }

    fn write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        loop {
            ready!(self.inner.poll_write_ready(context))?;
            match self.inner.try_write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
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
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        loop {
            ready!(self.inner.poll_read_ready(context))?;
            match self.inner.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        if self.replacement.is_none()
            && let Some(problem) = problem_of(bytes)
        {
            self.replacement = Some((response(&problem), 0, bytes.len()));
        }
        let Some((response, mut written, length)) = self.replacement.take() else { return self.write(context, bytes) };
        while written < response.len() {
            match self.write(context, &response[written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Error::from(ErrorKind::WriteZero))),
                Poll::Ready(Ok(count)) => written += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.replacement = Some((response, written, length));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        let shut = rustix::net::shutdown(&self.inner, rustix::net::Shutdown::Write);
        Poll::Ready(shut.map_err(Error::from))
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
