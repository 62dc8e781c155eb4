//! A proxy in front of a store that does to its clients what networks and providers do, on command.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Takes requests and never answers.
    Stall,
    /// Cuts the connection when a request comes.
    Reset,
    /// Cuts the connection after so many bytes of an answer.
    Truncate(usize),
    /// Answers 503.
    Unavailable,
    /// Says that it is 20 minutes later.
    ClockAhead,
}

const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

pub struct FaultyProxy {
    pub address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    to: SocketAddr,
    fault: Mutex<Fault>,
    is_over: AtomicBool,
    /// Connections of clients, which must not keep us.
    open: Mutex<Vec<TcpStream>>,
}

impl FaultyProxy {
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, is_over, open) = (Mutex::new(Fault::None), AtomicBool::new(false), Mutex::default());
        let state = Arc::new(State { to, fault, is_over, open });
        let own = Arc::clone(&state);
        let thread = std::thread::spawn(move || own.accept(&listener));
        Self { address, state, thread: Some(thread) }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, for requests on old connections as well.
    pub fn set(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = fault;
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        let _wakes_it_up = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

impl State {
    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        std::thread::scope(|threads| {
            loop {
                let (client, _) = listener.accept().unwrap();
                if self.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(store) = TcpStream::connect(self.to) else { continue };
                self.open.lock().unwrap().extend([client.try_clone().unwrap(), store.try_clone().unwrap()]);
                let (from_client, to_store) = (client.try_clone().unwrap(), store.try_clone().unwrap());
                threads.spawn(move || self.pass_requests(from_client, to_store));
                threads.spawn(move || self.pass_answers(store, client));
            }
            for connection in self.open.lock().unwrap().drain(..) {
                let _closed_already = connection.shutdown(Shutdown::Both);
            }
        });
    }

    fn pass_requests(&self, mut client: TcpStream, mut store: TcpStream) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            // What is left unread when a connection is dropped makes the reset.
            let waiting = client.peek(&mut buffer).unwrap_or(0);
            let fault = self.fault();
            if waiting == 0 || fault == Fault::Reset {
                break;
            }
            let Ok(length) = client.read(&mut buffer) else { break };
            match fault {
                Fault::Stall => continue,
                Fault::Unavailable => {
                    let _gone = client.write_all(UNAVAILABLE);
                    break;
                }
                _ if store.write_all(&buffer[..length]).is_err() => break,
                _ => {}
            }
        }
        let _closed_already = store.shutdown(Shutdown::Both);
        self.forget(&client);
        if self.fault() != Fault::Reset {
            let _closed_already = client.shutdown(Shutdown::Both);
        }
    }

    fn pass_answers(&self, mut store: TcpStream, mut client: TcpStream) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = store.read(&mut buffer) {
            let answer = &mut buffer[..length];
            match self.fault() {
                Fault::Truncate(most) if length > most => {
                    let _gone = client.write_all(&answer[..most]);
                    break;
                }
                Fault::ClockAhead => put_ahead(answer),
                _ => {}
            }
            if client.write_all(answer).is_err() {
                break;
            }
        }
        self.forget(&client);
        if self.fault() != Fault::Reset {
            let _closed_already = client.shutdown(Shutdown::Both);
        }
    }

    /// The last handle of a socket closes it.
    fn forget(&self, client: &TcpStream) {
        let peer = client.peer_addr().ok();
        self.open.lock().unwrap().retain(|open| open.peer_addr().ok() != peer);
    }
}

/// Writes another date over the one in the head of an answer; all dates are of one length.
fn put_ahead(answer: &mut [u8]) {
    let head = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some(at) = head.find("\r\ndate: ").map(|at| at + "\r\ndate: ".len()) else { return };
    let Some(date) = answer.get(at..at + 29).and_then(|date| std::str::from_utf8(date).ok()) else { return };
    let Ok(date) = chrono::DateTime::parse_from_rfc2822(date) else { return };
    let ahead = date + chrono::Duration::minutes(20);
    let text = ahead.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    answer[at..at + 29].copy_from_slice(text.as_bytes());
}
