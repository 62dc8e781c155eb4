//! Where a server that comes and goes is to be found: it has another port each time.

use super::http::{Answer, Connection};
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Who finds the old address closed looks again after this time, unless a new one is told before.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[derive(Default)]
pub struct Door {
    address: Mutex<Place>,
    opened: Condvar,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Place {
    #[default]
    Unknown,
    At(SocketAddr),
    Gone,
}

/// Tells all who wait at a door that nobody will come, if its test fails: they would wait for ever.
pub struct GoneOnFailure<'d>(pub &'d Door);

impl Drop for GoneOnFailure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.0.address.lock().unwrap() = Place::Gone;
            self.0.opened.notify_all();
        }
    }
}

impl Door {
    pub fn open(&self, address: SocketAddr) {
        *self.address.lock().unwrap() = Place::At(address);
        self.opened.notify_all();
    }

    fn address_other_than(&self, failed: Option<SocketAddr>) -> SocketAddr {
        let mut place = self.address.lock().unwrap();
        if failed.is_some_and(|failed| *place == Place::At(failed)) {
            place = self.opened.wait_timeout(place, LOOK_AGAIN).unwrap().0;
        }
        loop {
            match *place {
                Place::At(address) => return address,
                Place::Unknown => place = self.opened.wait(place).unwrap(),
                Place::Gone => panic!("the test has failed elsewhere"),
            }
        }
    }
}

/// A client that keeps a connection, and makes a new one when it breaks.
pub struct Visitor<'d> {
    door: &'d Door,
    connection: Option<Connection>,
    failed: Option<SocketAddr>,
    /// Requests that got no answer, or one that means: try again.
    pub unanswered: u64,
}

impl<'d> Visitor<'d> {
    pub fn new(door: &'d Door) -> Self {
        Self { door, connection: None, failed: None, unanswered: 0 }
    }

    /// Sends a request once; `None` when no answer came.
    pub fn try_once(&mut self, request: &[u8]) -> Option<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let address = self.door.address_other_than(self.failed);
                self.failed = Some(address);
                Connection::open(address).ok()?
            }
        };
        let answer = connection.exchange(request).ok();
        match &answer {
            Some(answer) => {
                self.failed = None;
                let is_last = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                self.connection = (!is_last).then_some(connection);
            }
            None => self.unanswered += 1,
        }
        answer
    }

    /// Sends a request until it is answered, as the client does: the same bytes again after a broken connection and
    /// after every status that the client tries again.
    pub fn insist(&mut self, request: &[u8]) -> Answer {
        loop {
            match self.try_once(request) {
                Some(answer) if is_tried_again(answer.status) => self.unanswered += 1,
                Some(answer) => return answer,
                None => {}
            }
        }
    }
}

/// What the client takes for passing trouble.
pub fn is_tried_again(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..)
}
