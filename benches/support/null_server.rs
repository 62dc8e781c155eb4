//! A server that reads requests, throws them away and answers `{}`: what the generator itself can do.
//! It is a child process, this same program, so that its CPU time is not mixed up with the generator's.

use super::http::header;
use anyhow::Context;
use memchr::memmem;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// What makes the program a null server instead of a benchmark.
pub const FLAG: &str = "--null-server";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

pub struct NullServer {
    process: Child,
    pub address: SocketAddr,
}

impl NullServer {
    pub fn start() -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let mut process =
            Command::new(program).arg(FLAG).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context(FLAG)?;
        let mut line = String::new();
        let output = process.stdout.take().context("the null server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().context("the null server did not start")?;
        Ok(Self { process, address })
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for NullServer {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// The child's side: serves until its parent closes its standard input, however the parent ends.
pub fn run() -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Requests come one at a time. A client that goes away ends it, and that is no error here.
fn serve(mut stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        let head_end = loop {
            if let Some(end) = memmem::find(&buffer[..filled], b"\r\n\r\n") {
                break end + 4;
            }
            filled += read_some(&mut stream, &mut buffer[filled..])?;
        };
        let length = header(&buffer[..head_end], "content-length").context("no content-length")?;
        let mut left = (head_end + length.parse::<usize>()?).saturating_sub(filled);
        while left > 0 {
            left = left.saturating_sub(read_some(&mut stream, &mut buffer)?);
        }
        filled = 0;
        stream.write_all(ANSWER)?;
    }
}

fn read_some(stream: &mut TcpStream, into: &mut [u8]) -> anyhow::Result<usize> {
    let count = stream.read(into)?;
    anyhow::ensure!(count > 0, "the connection is closed, or a head is too long");
    Ok(count)
}
