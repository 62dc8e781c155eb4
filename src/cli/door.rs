//! The way commands take into a data directory: through the admin socket of the server that serves it, or else
//! through the same routes called in this process, with the directory locked. Never both.

use super::SettingsArguments;
use super::opening::{api_options, opening};
use crate::api::{self, Door as ApiDoor};
use crate::app::App;
use crate::config::Config;
use crate::server::{DataLock, LockError, make_data_directory};
use crate::telemetry::{self, Format};
use anyhow::{Context, bail};
use axum::Router;
use axum::body::Body;
use futures_util::TryStreamExt;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tower::ServiceExt;

/// How long a server may take to begin its answer. Long work answers line by line.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

pub struct Door(Way);

enum Way {
    Socket {
        sender: SendRequest<Body>,
        _connection: JoinSet<()>,
    },
    /// In this order: the directory is let go of before its lock.
    Directory {
        router: Router,
        _lock: DataLock,
    },
}

/// Whether a command may be the first to use a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Make,
    Refuse,
}

/// Opens the way that the settings lead to, and runs the command with it.
pub fn run<R>(
    settings: SettingsArguments,
    missing: Missing,
    command: impl AsyncFnOnce(&mut Door) -> anyhow::Result<R>,
) -> anyhow::Result<R> {
    let config = settings.load(None)?;
    config.check()?;
    // What a command has to say it says itself; the log is for what goes wrong below.
    telemetry::init_log(Format::Text, "warn")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(async {
        let mut door = Door::open(&config, missing).await?;
        command(&mut door).await
    })
}

impl Door {
    async fn open(config: &Config, missing: Missing) -> anyhow::Result<Self> {
        let directory = &config.data.dir;
        let shown = directory.display();
        if missing == Missing::Make {
            make_data_directory(directory).with_context(|| format!("cannot create `{shown}`"))?;
        } else if !directory.is_dir() {
            bail!("`{shown}` does not exist; `--data-dir` or `data.dir` says which directory is meant");
        }
        let refused = match connect(directory).await {
            Ok(way) => return Ok(Self(way)),
            Err(refused) => refused,
        };
        let lock = match DataLock::acquire(directory) {
            Err(LockError::InUse { pid, .. }) => bail!(
                "`{shown}` is in use by process {pid}, which does not answer on `admin.sock` ({refused}): it is \
                 starting or stopping, or another command is at work there; try again in a moment"
            ),
            locked => locked?,
        };
        let app = App::open(opening(config)?).await?;
        let mut options = api_options(config);
        // Links lead to where the server will be reached.
        let scheme = if config.server.tls_files().is_some() { "https" } else { "http" };
        options.proxies.public_url.get_or_insert_with(|| format!("{scheme}://{}", config.server.listen));
        let router = api::router(app, ApiDoor::Admin, options);
        Ok(Self(Way::Directory { router, _lock: lock }))
    }

    /// Whether a server is there, which goes on working when the command has ended.
    pub fn is_served(&self) -> bool {
        matches!(self.0, Way::Socket { .. })
    }

    /// One request; the answer's JSON, or null when it has none.
    pub async fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let answer = self.send(method, path, body).await?;
        let bytes = tokio::time::timeout(ANSWER_WITHIN, answer.into_body().collect()).await;
        let bytes = bytes.context("the server does not finish its answer")?.context(GONE)?.to_bytes();
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).context("the server's answer is not JSON")
    }

    /// All entries of a list that comes in pages; `entries` is what an answer calls them.
    pub async fn list(&mut self, path: &str, entries: &str) -> anyhow::Result<Vec<Value>> {
        let (mut all, mut next) = (Vec::new(), None::<String>);
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = next.map_or_else(|| path.to_owned(), |next| format!("{path}{joint}after={}", segment(&next)));
            let mut page = self.ask(Method::GET, &page, None).await?;
            all.extend(page[entries].as_array_mut().map(std::mem::take).unwrap_or_default());
            let Some(after) = page["next"].as_str() else { return Ok(all) };
            next = Some(after.to_owned());
        }
    }

    /// One request that is answered line by line. Returns the last line, which sums up.
    pub async fn read_lines(
        &mut self,
        path: &str,
        mut on_line: impl FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<Value> {
        let mut chunks = self.send(Method::GET, path, None).await?.into_body().into_data_stream();
        let (mut pending, mut last) = (Vec::new(), None::<String>);
        while let Some(chunk) = chunks.try_next().await.context(GONE)? {
            pending.extend_from_slice(&chunk);
            let Some(end) = pending.iter().rposition(|byte| *byte == b'\n') else { continue };
            let rest = pending.split_off(end + 1);
            for line in String::from_utf8(std::mem::replace(&mut pending, rest))?.lines() {
                if let Some(before) = last.replace(line.to_owned()) {
                    on_line(&before)?;
                }
            }
        }
        let summary: Value = serde_json::from_str(&last.context(GONE)?)?;
        if let Some(message) = summary["error"]["message"].as_str() {
            bail!("{message}");
        }
        if summary.get("records").is_none() {
            bail!(GONE);
        }
        Ok(summary)
    }

    async fn send(&mut self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Response<Body>> {
        let content = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = Request::builder().method(method).uri(path).header(HOST, "admin");
        let request = request.header(CONTENT_TYPE, "application/json").body(content)?;
        let answer = match &mut self.0 {
            Way::Socket { sender, .. } => {
                let sent = async {
                    sender.ready().await?;
                    sender.send_request(request).await
                };
                let answer = tokio::time::timeout(ANSWER_WITHIN, sent).await;
                answer.context("the server does not answer")?.context(GONE)?.map(Body::new)
            }
            Way::Directory { router, .. } => router.clone().oneshot(request).await?,
        };
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer).await) }
    }
}

const GONE: &str = "the server went away before it had answered; look whether it was done before trying again";

async fn connect(directory: &Path) -> io::Result<Way> {
    let stream = UnixStream::connect(directory.join("admin.sock")).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let mut connections = JoinSet::new();
    connections.spawn(async move {
        // Whoever waits for an answer is told of the error.
        let _told = connection.await;
    });
    Ok(Way::Socket { sender, _connection: connections })
}

/// What the server says about a request that it did not carry out.
async fn refusal(answer: Response<Body>) -> anyhow::Error {
    let status: StatusCode = answer.status();
    let said = match answer.into_body().collect().await {
        Ok(body) => serde_json::from_slice::<Value>(&body.to_bytes()).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    match said["error"]["message"].as_str() {
        Some(message) => anyhow::anyhow!("{message}"),
        None => anyhow::anyhow!("the server answered {status}"),
    }
}

/// A name as one segment of a path.
pub fn segment(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}
