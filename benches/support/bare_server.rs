//! What the way of bytes costs at the least: an axum server that writes a body to a file and sends the file back, without
//! hashing, permissions or records. It is this program once more, as a child, so that its time is counted by itself.

use super::server::fresh_directory;
use anyhow::Context;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::routing::put;
use futures_util::{StreamExt, stream};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::task::JoinSet;

/// What makes the program a bare server instead of a benchmark; its directory comes next.
pub const FLAG: &str = "--bare-server";
const BLOCK_BYTES: usize = 1 << 20;

pub struct BareServer {
    process: Child,
    pub address: SocketAddr,
    _directory: TempDir,
}

impl BareServer {
    pub fn start() -> anyhow::Result<Self> {
        let directory = fresh_directory()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(FLAG).arg(directory.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context(FLAG)?;
        let mut line = String::new();
        let output = process.stdout.take().context("the bare server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().context("the bare server did not start")?;
        Ok(Self { process, address, _directory: directory })
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// The child's side: serves until its parent closes its standard input, however the parent ends.
pub fn run(directory: PathBuf) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.spawn(async move {
        if let Err(error) = serve(directory).await {
            eprintln!("the bare server ended: {error}");
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

async fn serve(directory: PathBuf) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let routes = Router::new().route("/{name}", put(take).get(give)).with_state(directory);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(routes.clone());
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

async fn take(State(directory): State<PathBuf>, Path(name): Path<String>, body: Body) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let file = tokio::fs::File::create(directory.join(name)).await.map_err(told)?;
    let mut file = BufWriter::with_capacity(BLOCK_BYTES, file);
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        file.write_all(&piece.map_err(|error| error.to_string())?).await.map_err(told)?;
    }
    file.flush().await.map_err(told)?;
    file.get_ref().sync_all().await.map_err(told)
}

async fn give(State(directory): State<PathBuf>, Path(name): Path<String>) -> Result<Body, String> {
    let file = tokio::fs::File::open(directory.join(name)).await.map_err(|error| error.to_string())?;
    Ok(Body::from_stream(stream::try_unfold(file, |mut file| async move {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let read = (&mut file).take(BLOCK_BYTES as u64).read_to_end(&mut block).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(block), file)))
    })))
}
