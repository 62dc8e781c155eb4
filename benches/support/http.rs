//! HTTP/1.1 by hand over one kept connection: one request, its whole answer, the next. It costs the generator next to
//! nothing, so that the cores are the server's.

use anyhow::{Context, bail, ensure};
use memchr::memmem;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// No answer in this time is an error.
const PATIENCE: Duration = Duration::from_secs(120);
const PIECE_BYTES: usize = 64 * 1024;

pub struct Connection<S> {
    stream: S,
    piece: Box<[u8]>,
    /// The answer: head and body.
    received: Vec<u8>,
}

pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The body, if the status is `status`; else an error with the beginning of the body.
    pub fn expect(&self, status: u16) -> anyhow::Result<&[u8]> {
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(500)]);
        ensure!(self.status == status, "the answer is {} instead of {status}: {shown}", self.status);
        Ok(self.body)
    }
}

impl Connection<TcpStream> {
    pub fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::on(stream))
    }
}

impl Connection<UnixStream> {
    pub fn open_unix(path: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(path).with_context(|| format!("cannot connect to `{}`", path.display()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self::on(stream))
    }
}

impl<S: Read + Write> Connection<S> {
    fn on(stream: S) -> Self {
        Self { stream, piece: vec![0; PIECE_BYTES].into(), received: Vec::new() }
    }

    /// Sends a whole request and waits for its whole answer.
    pub fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.received.clear();
        let sent = self.stream.write_all(request);
        // A server that refuses a body early answers and closes: its answer says more than the broken pipe.
        let head_end = match (self.read_head(), sent) {
            (Ok(end), _) => end,
            (Err(_), Err(error)) => return Err(error).context("cannot send a request"),
            (Err(error), Ok(())) => return Err(error),
        };
        let head = &self.received[..head_end];
        let status = status_of(head)?;
        let length = match header(head, "content-length") {
            Some(text) => Some(text.parse::<usize>().context("content-length is not a number")?),
            None => None,
        };
        let is_chunked = header(head, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        match length {
            Some(length) => self.receive_until(head_end + length)?,
            None if is_chunked => self.join_chunks(head_end)?,
            None => bail!("the answer with status {status} has no length"),
        }
        Ok(Answer { status, body: &self.received[head_end..] })
    }

    fn read_head(&mut self) -> anyhow::Result<usize> {
        loop {
            if let Some(end) = memmem::find(&self.received, b"\r\n\r\n") {
                return Ok(end + 4);
            }
            self.receive()?;
        }
    }

    fn receive(&mut self) -> anyhow::Result<()> {
        let count = self.stream.read(&mut self.piece).context("no answer")?;
        ensure!(count > 0, "the connection was closed before the answer was complete");
        self.received.extend_from_slice(&self.piece[..count]);
        Ok(())
    }

    /// Exactly `length` bytes: more would be an answer to nothing.
    fn receive_until(&mut self, length: usize) -> anyhow::Result<()> {
        while self.received.len() < length {
            self.receive()?;
        }
        ensure!(self.received.len() == length, "there are bytes behind the answer");
        Ok(())
    }

    /// Replaces the chunks that begin at `start` by their contents.
    fn join_chunks(&mut self, start: usize) -> anyhow::Result<()> {
        let (mut from, mut to) = (start, start);
        loop {
            let line_end = loop {
                if let Some(end) = memmem::find(&self.received[from..], b"\r\n") {
                    break from + end;
                }
                self.receive()?;
            };
            let line = std::str::from_utf8(&self.received[from..line_end])?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
                .with_context(|| format!("`{line}` is not the size of a chunk"))?;
            let chunk = line_end + 2;
            if size == 0 {
                self.receive_until(chunk + 2)?;
                self.received.truncate(to);
                return Ok(());
            }
            while self.received.len() < chunk + size + 2 {
                self.receive()?;
            }
            self.received.copy_within(chunk..chunk + size, to);
            to += size;
            from = chunk + size + 2;
        }
    }
}

/// A request as the client makes it, but without `Accept-Encoding`: answers come plain.
pub fn request(method: &str, path: &str, authorization: Option<&str>, body: &[u8]) -> Vec<u8> {
    let authorization = authorization.map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
    let length = body.len();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: wandb-core\r\nContent-Length: {length}\r\n\
         {authorization}Content-Type: application/json\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

fn status_of(head: &[u8]) -> anyhow::Result<u16> {
    let digits = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).context("not an HTTP/1.1 answer")?;
    Ok(std::str::from_utf8(digits)?.parse()?)
}

/// The value of a header in the head of a request or an answer; `name` in lower case.
pub fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(head).ok()?;
    let fields = text.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}
