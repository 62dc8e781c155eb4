//! Stores for tests, on free ports of loopback: each checks signatures, and gives each team its own bucket and keys.

/// Azurite.
pub mod azure;
/// What a network and a provider do to us.
pub mod fault;
/// A double of Google Cloud Storage.
pub mod gcs;
/// S3, in this process.
pub mod s3;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A server in a process of its own, which is killed with it.
struct Process(Child);

impl Process {
    /// Starts the command, and reads what it says until `find` finds in it what was waited for.
    fn start<T>(mut command: Command, find: impl Fn(&str) -> Option<T>) -> (Self, T) {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while said.read_line(&mut line).unwrap() > 0 {
            if let Some(found) = find(&line) {
                drain(said);
                return (Self(child), found);
            }
            line.clear();
        }
        panic!("{command:?} ended before it was ready: {}", child.wait().unwrap());
    }
}

/// A process whose words nobody reads stops in the middle of one.
fn drain(mut said: BufReader<ChildStdout>) {
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One request over a connection of its own, and everything that is answered.
pub fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
