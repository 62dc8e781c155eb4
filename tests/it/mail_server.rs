//! A mail server on this machine: takes mails, puts them off, or refuses them.

use crate::server::{Place, Server, wait_for};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// A mail server: says to each receiver what it was told to say, and keeps what it takes.
pub struct MailServer {
    address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    taken: Mutex<Vec<(String, String)>>,
    /// What is said to the next receivers; then they are all welcome.
    answers: Mutex<Vec<&'static str>>,
}

impl MailServer {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, inner) = (listener.local_addr().unwrap(), Arc::<Inner>::default());
        let served = Arc::clone(&inner);
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let inner = Arc::clone(&served);
                std::thread::spawn(move || inner.talk(&stream));
            }
        });
        Self { address, inner }
    }

    pub fn answer_next(&self, words: &'static str) {
        self.inner.answers.lock().unwrap().push(words);
    }

    /// Receiver and text of each mail.
    pub fn taken(&self) -> Vec<(String, String)> {
        self.inner.taken.lock().unwrap().clone()
    }

    /// The server of the place, told to send mails here.
    pub fn serve<'p>(&self, place: &'p Place) -> Server<'p> {
        self.serve_with(place, place.command(&["serve"]))
    }

    /// The same by a command that takes the arguments of `serve`.
    pub fn serve_with<'p>(&self, place: &'p Place, mut command: Command) -> Server<'p> {
        self.configure(&mut command);
        let mut server = place.serve_with(command);
        // What it calls itself is the public URL; where it is to be found stands in its log.
        let log = wait_for(|| Some(server.log()).filter(|log| log.contains("weighhouse is ready")));
        let address = log.split("listening=").nth(1).unwrap().split_whitespace().next().unwrap();
        server.url = format!("http://{address}");
        server
    }

    pub fn configure(&self, command: &mut Command) {
        command.env("WEIGHHOUSE__SERVER__PUBLIC_URL", "https://w.example");
        command.env("WEIGHHOUSE__MAIL__HOST", self.address.ip().to_string());
        command.env("WEIGHHOUSE__MAIL__PORT", self.address.port().to_string());
        command.env("WEIGHHOUSE__MAIL__SECURITY", "none");
        command.env("WEIGHHOUSE__MAIL__FROM", "Weighhouse <weighhouse@example.com>");
    }
}

impl Inner {
    fn talk(&self, stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
        let say = |words: &str| (&mut &*stream).write_all(format!("{words}\r\n").as_bytes()).ok();
        let mut to = String::new();
        say("220 mail.example ready")?;
        while let Some(line) = lines.next() {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            match verb.as_str() {
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    let mut answers = self.answers.lock().unwrap();
                    let words = if answers.is_empty() { "250 welcome" } else { answers.remove(0) };
                    drop(answers);
                    say(words)?;
                }
                "DATA" => {
                    say("354 go on")?;
                    let text: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
                    self.taken.lock().unwrap().push((to.clone(), text.join("\n")));
                    say("250 2.0.0 Ok: queued as 4QX7")?;
                }
                "QUIT" => return say("221 bye"),
                _ => say("250 mail.example")?,
            }
        }
        Some(())
    }
}
