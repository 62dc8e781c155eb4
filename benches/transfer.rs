//! Bytes of artifacts, up and down: one large file, many small ones, committing and listing many entries, and how much
//! memory the server takes meanwhile. Everything that was sent is fetched again and compared.

#[expect(dead_code, reason = "each benchmark uses part of what they share")]
mod support;

use anyhow::{Context, ensure};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::arguments::Arguments;
use support::artifact::{Blocks, File, in_lanes, md5_of};
use support::bare_server::{self, BareServer};
use support::client::{Account, Client};
use support::http::request;
use support::process;
use support::report::{self, megabytes, rate, rounded};
use support::server::{Server, fresh_directory, with_server};
use weighhouse::domain::connector::address;
use weighhouse::domain::id::ObjectId;
use weighhouse::domain::outbound::OutboundRules;
use weighhouse::storage::{ObjectKey, Store};

const LARGE: &str = "large";
const SMALL: &str = "small";
const ENTRIES: &str = "entries";
const MEMORY: &str = "memory";
const BARE: &str = "bare";
const SIGNING: &str = "signing";
const SIGNED_URLS: u64 = 10_000;

const LARGE_BYTES: u64 = 1 << 30;
const SMALL_FILES: u64 = 2_000;
const SMALL_BYTES: usize = 10_000;
/// The client sends so many files at once.
const LANES: usize = 32;
const ENTRY_COUNT: u64 = 10_000;
const COMMITS: u64 = 5;
const MEMORY_BYTES: u64 = 3 << 30;
const UPLOADS_AT_ONCE: u64 = 50;
const BYTES_OF_EACH: u64 = 40 << 20;

#[derive(Serialize, Default)]
struct Line {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    files: u64,
    mb: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    up_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    up_mb_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    up_files_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    down_mb_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    down_files_per_s: Option<f64>,
    /// Writing the same bytes to a file and having them on the disk, with nothing hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_mb_per_s: Option<f64>,
    /// Hashing them with nothing written.
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_mb_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slowest_commit_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list_ms: Option<f64>,
    /// Above what the server held before.
    memory_growth_mb: f64,
    server_cpu_s: f64,
}

impl Line {
    fn of(workload: &'static str, files: u64, bytes: u64) -> Self {
        Self { bench: "transfer", workload, build: report::BUILD, files, mb: megabytes(bytes), ..Self::default() }
    }
}

fn main() -> anyhow::Result<()> {
    if let [flag, directory] = std::env::args().skip(1).collect::<Vec<_>>().as_slice()
        && flag == bare_server::FLAG
    {
        return bare_server::run(directory.into());
    }
    let Some(arguments) = Arguments::read()? else { return Ok(()) };
    let wanted = arguments.select(&[LARGE, SMALL, ENTRIES, MEMORY, BARE, SIGNING], &[])?;
    type Workload = fn(&Server, &Account) -> anyhow::Result<Vec<Line>>;
    let workloads: [(&str, Workload); 4] = [(LARGE, large), (SMALL, small), (ENTRIES, entries), (MEMORY, memory)];
    for (name, measure) in workloads {
        if !wanted.contains(&name) {
            continue;
        }
        let lines = with_server(|server| {
            let account = server.create_account()?;
            process::wait_until_idle(server.pid())?;
            measure(server, &account)
        })?;
        for line in &lines {
            report::print(line)?;
        }
    }
    if wanted.contains(&BARE) {
        report::print(&bare()?)?;
    }
    if wanted.contains(&SIGNING) {
        report::print(&signing()?)?;
    }
    Ok(())
}

/// What `large` does, at a server that does nothing but that.
fn bare() -> anyhow::Result<Line> {
    let server = BareServer::start()?;
    let cpu = process::cpu_s(server.pid())?;
    let mut blocks = Blocks::new(1, LARGE_BYTES);
    let up = blocks.send(server.address, "/large")?;
    let down = blocks.fetch(server.address, "/large")?;
    Ok(Line {
        up_s: Some(rounded(up.as_secs_f64(), 2)),
        up_mb_per_s: per_s(LARGE_BYTES, up),
        down_mb_per_s: per_s(LARGE_BYTES, down),
        server_cpu_s: rounded(process::cpu_s(server.pid())? - cpu, 2),
        ..Line::of(BARE, 1, LARGE_BYTES)
    })
}

/// URLs of a bucket, each for other content.
fn signing() -> anyhow::Result<Line> {
    let (spec, secret) = address::parse("s3://AKIAEXAMPLE:secret@bucket.example.com/runs?region=eu-1&tls=true")?;
    let rules = Arc::new(OutboundRules::parse(&["bucket.example.com"]).map_err(|why| anyhow::anyhow!("{why}"))?);
    let store = Store::connect(&spec, secret.as_ref(), &rules)?;
    let urls = store.direct().context("the store signs nothing")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let started = Instant::now();
    runtime.block_on(async {
        for number in 0..SIGNED_URLS {
            let md5 = u128::from(number).to_be_bytes();
            let key = ObjectKey::blob(ObjectId(number));
            ensure!(!urls.put_url(&key, Some(md5), 86_400).await?.url.is_empty(), "no URL");
        }
        Ok(())
    })?;
    let up_s = Some(rounded(started.elapsed().as_secs_f64(), 3));
    Ok(Line { up_s, ..Line::of(SIGNING, SIGNED_URLS, 0) })
}

fn per_s(bytes: u64, time: Duration) -> Option<f64> {
    Some(rounded(bytes as f64 / 1e6 / time.as_secs_f64(), 1))
}

/// What happened, and by how much the server's memory grew meanwhile.
fn watched<R>(server: &Server, work: impl FnOnce() -> anyhow::Result<R>) -> anyhow::Result<(R, f64, f64)> {
    let (before, cpu) = (process::memory(server.pid())?.pss_bytes, process::cpu_s(server.pid())?);
    let is_done = AtomicBool::new(false);
    let (done, peak) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| process::watch_pss_bytes(server.pid(), &is_done));
        let done = work();
        is_done.store(true, Ordering::Relaxed);
        (done, watching.join())
    });
    let peak = peak.map_err(|_| anyhow::anyhow!("watching the memory panicked"))??;
    let cpu = rounded(process::cpu_s(server.pid())? - cpu, 2);
    Ok((done?, megabytes(peak.saturating_sub(before)), cpu))
}

fn log_large(server: &Server, account: &Account, bytes: u64) -> anyhow::Result<(Duration, Duration)> {
    let mut blocks = Blocks::new(1, bytes);
    let files = [blocks.file("large.bin")?];
    let mut client = Client::open(server.address, account)?;
    let artifact = client.begin("large", &account.entity, &files)?;
    let paths = client.upload_paths(&artifact, &files)?;
    let up = blocks.send(server.address, &paths[0])?;
    let mut client = Client::open(server.address, account)?;
    client.send_manifest(&artifact, &account.entity, &files)?;
    client.commit(&artifact)?;
    let (_, paths) = client.download_paths("large")?;
    ensure!(paths.len() == 1, "{} files are listed", paths.len());
    Ok((up, blocks.fetch(server.address, &paths[0])?))
}

fn large(server: &Server, account: &Account) -> anyhow::Result<Vec<Line>> {
    let directory = fresh_directory()?;
    let mut blocks = Blocks::new(2, LARGE_BYTES);
    let (disk, md5) = (blocks.write_to(&directory.path().join("plain"))?, blocks.hash()?);
    drop(directory);
    let ((up, down), memory_growth_mb, server_cpu_s) = watched(server, || log_large(server, account, LARGE_BYTES))?;
    Ok(vec![Line {
        up_s: Some(rounded(up.as_secs_f64(), 2)),
        up_mb_per_s: per_s(LARGE_BYTES, up),
        down_mb_per_s: per_s(LARGE_BYTES, down),
        disk_mb_per_s: per_s(LARGE_BYTES, disk),
        md5_mb_per_s: per_s(LARGE_BYTES, md5),
        memory_growth_mb,
        server_cpu_s,
        ..Line::of(LARGE, 1, LARGE_BYTES)
    }])
}

fn small(server: &Server, account: &Account) -> anyhow::Result<Vec<Line>> {
    let content = |number: u64| {
        let mut content = vec![0; SMALL_BYTES];
        content.chunks_mut(8).enumerate().for_each(|(at, chunk)| {
            let noise = (number * 1_000_003 + at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
            chunk.copy_from_slice(&noise[..chunk.len()]);
        });
        content
    };
    let contents: Vec<Vec<u8>> = (0..SMALL_FILES).map(content).collect();
    let file = |(number, content): (usize, &Vec<u8>)| File {
        path: format!("data/{number:05}.bin"),
        md5: md5_of(content),
        size_bytes: content.len() as u64,
    };
    let files: Vec<File> = contents.iter().enumerate().map(file).collect();
    let log = || {
        let mut client = Client::open(server.address, account)?;
        let artifact = client.begin("small", &account.entity, &files)?;
        let paths = client.upload_paths(&artifact, &files)?;
        let requests: Vec<Vec<u8>> =
            paths.iter().zip(&contents).map(|(path, content)| request("PUT", path, None, content)).collect();
        let up = in_lanes(server.address, LANES, &requests, |connection, request| {
            connection.exchange(request)?.expect(200).map(drop)
        })?;
        let mut client = Client::open(server.address, account)?;
        client.send_manifest(&artifact, &account.entity, &files)?;
        let committed = client.commit(&artifact)?;
        let (listed, paths) = client.download_paths("small")?;
        ensure!(paths.len() == contents.len(), "{} files are listed", paths.len());
        let requests: Vec<(Vec<u8>, &Vec<u8>)> =
            paths.iter().zip(&contents).map(|(path, content)| (request("GET", path, None, b""), content)).collect();
        let down = in_lanes(server.address, LANES, &requests, |connection, (request, content)| {
            let answer = connection.exchange(request)?;
            ensure!(answer.expect(200)? == content.as_slice(), "other bytes came back than were sent");
            Ok(())
        })?;
        anyhow::Ok((up, committed, listed, down))
    };
    let ((up, committed, listed, down), memory_growth_mb, server_cpu_s) = watched(server, log)?;
    Ok(vec![Line {
        up_s: Some(rounded(up.as_secs_f64(), 2)),
        up_files_per_s: Some(rate(SMALL_FILES, up.as_secs_f64())),
        down_files_per_s: Some(rate(SMALL_FILES, down.as_secs_f64())),
        commit_ms: Some(rounded(committed.as_secs_f64() * 1e3, 1)),
        list_ms: Some(rounded(listed.as_secs_f64() * 1e3, 1)),
        memory_growth_mb,
        server_cpu_s,
        ..Line::of(SMALL, SMALL_FILES, SMALL_FILES * SMALL_BYTES as u64)
    }])
}

/// Each commit has one file that the one before lacked; what is in the files takes no time, because they share it.
fn entries(server: &Server, account: &Account) -> anyhow::Result<Vec<Line>> {
    let log = || {
        let (mut commits, mut listed) = (Vec::new(), Duration::ZERO);
        for number in 0..COMMITS {
            let file = |entry: u64| {
                let content = format!("{}", entry % 100 + number);
                let size_bytes = content.len() as u64;
                File { path: format!("images/train/{entry:06}.png"), md5: md5_of(content.as_bytes()), size_bytes }
            };
            let files: Vec<File> = (0..ENTRY_COUNT).map(file).collect();
            let mut client = Client::open(server.address, account)?;
            let artifact = client.begin("entries", &account.entity, &files)?;
            for value in 0..100 + number {
                let content = value.to_string();
                let md5 = md5_of(content.as_bytes());
                let size_bytes = content.len() as u64;
                let sent = [File { path: format!("x/{value}"), md5, size_bytes }];
                if let Ok(paths) = client.upload_paths(&artifact, &sent) {
                    client.put(&paths[0], content.as_bytes())?;
                }
            }
            client.send_manifest(&artifact, &account.entity, &files)?;
            commits.push(client.commit(&artifact)?);
            let (taken, paths) = client.download_paths("entries")?;
            ensure!(paths.len() as u64 == ENTRY_COUNT, "{} files are listed", paths.len());
            listed = taken;
        }
        commits.sort();
        anyhow::Ok((commits, listed))
    };
    let ((commits, listed), memory_growth_mb, server_cpu_s) = watched(server, log)?;
    let ms = |time: Duration| Some(rounded(time.as_secs_f64() * 1e3, 1));
    Ok(vec![Line {
        commit_ms: ms(commits[commits.len() / 2]),
        slowest_commit_ms: ms(commits[commits.len() - 1]),
        list_ms: ms(listed),
        memory_growth_mb,
        server_cpu_s,
        ..Line::of(ENTRIES, ENTRY_COUNT, 0)
    }])
}

fn memory(server: &Server, account: &Account) -> anyhow::Result<Vec<Line>> {
    let ((up, down), memory_growth_mb, server_cpu_s) = watched(server, || log_large(server, account, MEMORY_BYTES))?;
    let one = Line {
        up_mb_per_s: per_s(MEMORY_BYTES, up),
        down_mb_per_s: per_s(MEMORY_BYTES, down),
        memory_growth_mb,
        server_cpu_s,
        ..Line::of("memory, one file", 1, MEMORY_BYTES)
    };
    let all_at_once = || {
        let mut bodies: Vec<Blocks> =
            (0..UPLOADS_AT_ONCE).map(|number| Blocks::new(10 + number, BYTES_OF_EACH)).collect();
        let mut files = Vec::new();
        for (number, blocks) in bodies.iter_mut().enumerate() {
            files.push(blocks.file(&format!("{number:02}.bin"))?);
        }
        let mut client = Client::open(server.address, account)?;
        let artifact = client.begin("many", &account.entity, &files)?;
        let paths = client.upload_paths(&artifact, &files)?;
        let started = std::time::Instant::now();
        std::thread::scope(|scope| {
            let send = |(blocks, path): (&mut Blocks, &String)| {
                let (path, address) = (path.clone(), server.address);
                let size_bytes = blocks.size_bytes;
                let mut blocks = std::mem::replace(blocks, Blocks::new(0, size_bytes));
                scope.spawn(move || blocks.send(address, &path))
            };
            let sending: Vec<_> = bodies.iter_mut().zip(&paths).map(send).collect();
            sending
                .into_iter()
                .try_for_each(|upload| upload.join().map_err(|_| anyhow::anyhow!("an upload panicked"))?.map(drop))
        })?;
        let up = started.elapsed();
        let mut client = Client::open(server.address, account)?;
        client.send_manifest(&artifact, &account.entity, &files)?;
        client.commit(&artifact)?;
        anyhow::Ok(up)
    };
    let (up, memory_growth_mb, server_cpu_s) = watched(server, all_at_once)?;
    let bytes = UPLOADS_AT_ONCE * BYTES_OF_EACH;
    let many = Line {
        up_mb_per_s: per_s(bytes, up),
        memory_growth_mb,
        server_cpu_s,
        ..Line::of("memory, 50 at once", UPLOADS_AT_ONCE, bytes)
    };
    Ok(vec![one, many])
}
