//! HTTP/1.1 by hand over one kept connection. Nothing is checked or repaired on the way out: a test may send what no
//! client library would.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A test that waits so long for a byte has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// What the answer says to people, whichever interface it comes from.
    pub fn message(&self) -> String {
        let json = self.json();
        let places = ["/errors/0/message", "/error/message", "/error"];
        places.iter().find_map(|place| json.pointer(place)?.as_str()).unwrap_or_default().to_owned()
    }
}

pub struct Connection<S = TcpStream> {
    stream: S,
    received: Vec<u8>,
}

impl Connection<TcpStream> {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Vec::new() })
    }
}

impl Connection<UnixStream> {
    pub fn open_unix(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Vec::new() })
    }
}

impl<S: Read + Write> Connection<S> {
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a whole request and waits for its whole answer.
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        let sent = self.send(request);
        // Who refuses a body before its end answers and closes: the answer says more than the broken pipe.
        match (self.answer(), sent) {
            (Ok(answer), _) => Ok(answer),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
        }
    }

    /// The next answer, whole. Its end has to be said by a length or by chunks.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let head_end = loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                break end + 4;
            }
            self.receive()?;
        };
        let head = String::from_utf8_lossy(&self.received[..head_end]).into_owned();
        self.received.drain(..head_end);
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).ok_or_else(|| bad("no status"))?;
        let mut answer = Answer { status, head, body: Vec::new() };
        if let Some(length) = answer.header("content-length") {
            let length = length.parse().map_err(|_| bad("a length that is no number"))?;
            answer.body = self.take(length)?;
        } else if answer.header("transfer-encoding").is_some() {
            answer.body = self.take_chunks()?;
        }
        Ok(answer)
    }

    /// Whether the server closes the connection and says nothing more.
    pub fn is_closed_by_server(&mut self) -> bool {
        match self.receive() {
            Ok(()) => false,
            Err(error) => matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
        }
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.received.len() < length {
            self.receive()?;
        }
        Ok(self.received.drain(..length).collect())
    }

    fn take_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(end) = find(&self.received, b"\r\n") {
                    break end;
                }
                self.receive()?;
            };
            let line = self.take(line_end + 2)?;
            let size = std::str::from_utf8(&line).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
            let size = size.ok_or_else(|| bad("a chunk without a size"))?;
            let chunk = self.take(size + 2)?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut piece = [0; 16 * 1024];
        let count = self.stream.read(&mut piece)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&piece[..count]);
        Ok(())
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The bytes of a request whose length is that of its body.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = head(method, path, headers, Some(body.len()));
    request.extend_from_slice(body);
    request
}

/// A request's head; without a length its body comes in chunks.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)], length: Option<usize>) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    match length {
        Some(length) => text.push_str(&format!("Content-Length: {length}\r\n\r\n")),
        None => text.push_str("Transfer-Encoding: chunked\r\n\r\n"),
    }
    text.into_bytes()
}

/// One chunk of a body; an empty one ends it.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// The header with which the client says who it is.
pub fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("api:{key}")))
}
