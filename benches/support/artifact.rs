//! Logging artifacts as the client does: begin, ask where to send files, send them and the manifest, commit.

use super::client::{Client, PROJECT};
use super::http::{Connection, request};
use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const CREATE: &str = "mutation CreateArtifact($input: CreateArtifactInput!) {
  createArtifact(input: $input) { artifact { id state artifactSequence { latestArtifact { id } } } }
}";
const FILES: &str = "mutation CreateArtifactFiles($input: CreateArtifactFilesInput!) {
  createArtifactFiles(input: $input) { files { edges { node {
    storagePath uploadUrl uploadHeaders uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } }
    artifact { id }
  } } } }
}";
const MANIFEST: &str = "mutation CreateArtifactManifest($input: CreateArtifactManifestInput!) {
  createArtifactManifest(input: $input) { artifactManifest { id file { id uploadUrl uploadHeaders } } }
}";
const COMMIT: &str = "mutation CommitArtifact($id: ID!) {
  commitArtifact(input: {artifactID: $id}) { artifact { id digest } }
}";
const URLS: &str = "query GetArtifactMembershipFileUrls($entity: String!, $project: String!, $collection: String!,
    $cursor: String, $perPage: Int) {
  project(name: $project, entityName: $entity) { artifactCollection(name: $collection) { __typename
    artifactMembership(aliasName: \"latest\") { files(after: $cursor, first: $perPage) {
      pageInfo { __typename endCursor hasNextPage } edges { node { __typename name directUrl } }
    } }
  } }
}";
/// As many as the client asks for at a time.
const URLS_PER_PAGE: usize = 5_000;
const FILES_PER_REQUEST: usize = 1_000;
/// Pieces in which large bodies are sent and read.
pub const BLOCK_BYTES: usize = 1 << 20;

/// A file by what the client knows of it.
#[derive(Clone)]
pub struct File {
    pub path: String,
    /// In base64.
    pub md5: String,
    pub size_bytes: u64,
}

pub fn md5_of(content: &[u8]) -> String {
    STANDARD.encode(Md5::digest(content))
}

fn digest_of(files: &[File]) -> String {
    let mut sorted: Vec<&File> = files.iter().collect();
    sorted.sort_by(|one, other| one.path.cmp(&other.path));
    let mut md5 = Md5::new_with_prefix("wandb-artifact-manifest-v1\n");
    for file in sorted {
        md5.update(format!("{}:{}\n", file.path, file.md5));
    }
    md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The path and query of a URL.
pub fn path_of(url: &str) -> anyhow::Result<String> {
    let rest = url.split_once("://").context("a URL without a scheme")?.1;
    Ok(format!("/{}", rest.split_once('/').context("a URL without a path")?.1))
}

impl Client {
    /// A draft of the files.
    pub fn begin(&mut self, collection: &str, entity: &str, files: &[File]) -> anyhow::Result<String> {
        let input = json!({
            "entityName": entity,
            "projectName": PROJECT,
            "artifactTypeName": "dataset",
            "artifactCollectionName": collection,
            "digest": digest_of(files),
            "digestAlgorithm": "MANIFEST_MD5",
            "aliases": [{ "artifactCollectionName": collection, "alias": "latest" }],
            "enableDigestDeduplication": true,
        });
        let made = self.graphql(CREATE, json!({ "input": input }))?;
        let artifact = &made["createArtifact"]["artifact"];
        ensure!(artifact["state"] == "PENDING", "the artifact is {artifact}");
        Ok(artifact["id"].as_str().context("no id")?.to_owned())
    }

    /// Paths to which the files are to be sent, in their order.
    pub fn upload_paths(&mut self, artifact: &str, files: &[File]) -> anyhow::Result<Vec<String>> {
        let mut paths = Vec::with_capacity(files.len());
        for portion in files.chunks(FILES_PER_REQUEST) {
            let specs: Vec<Value> = portion
                .iter()
                .map(|file| json!({ "artifactID": artifact, "name": file.path, "md5": file.md5 }))
                .collect();
            let input = json!({ "artifactFiles": specs, "storageLayout": "V2" });
            let made = self.graphql(FILES, json!({ "input": input }))?;
            let edges = made["createArtifactFiles"]["files"]["edges"].as_array().context("no files")?;
            ensure!(edges.len() == portion.len(), "{} URLs for {} files", edges.len(), portion.len());
            for edge in edges {
                paths.push(path_of(edge["node"]["uploadUrl"].as_str().context("the file is there already")?)?);
            }
        }
        Ok(paths)
    }

    pub fn send_manifest(&mut self, artifact: &str, entity: &str, files: &[File]) -> anyhow::Result<()> {
        let mut contents = Map::new();
        for file in files {
            contents.insert(file.path.clone(), json!({ "digest": file.md5, "size": file.size_bytes }));
        }
        let manifest = json!({
            "version": 1,
            "storagePolicy": "wandb-storage-policy-v1",
            "storagePolicyConfig": { "storageLayout": "V2" },
            "contents": contents,
        });
        let manifest = manifest.to_string();
        let input = json!({
            "artifactID": artifact,
            "name": "wandb_manifest.json",
            "digest": md5_of(manifest.as_bytes()),
            "entityName": entity,
            "projectName": PROJECT,
            "runName": "",
            "type": "FULL",
        });
        let made = self.graphql(MANIFEST, json!({ "input": input }))?;
        let url = &made["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"];
        let path = path_of(url.as_str().context("no URL for the manifest")?)?;
        self.put(&path, manifest.as_bytes())
    }

    /// The time from asking for the commit to its answer.
    pub fn commit(&mut self, artifact: &str) -> anyhow::Result<Duration> {
        let request = self.graphql_request(COMMIT, json!({ "id": artifact }));
        let (taken, data) = self.timed(&request)?;
        ensure!(data["commitArtifact"]["artifact"]["id"] == artifact, "the commit answers {data}");
        Ok(taken)
    }

    /// Where the files of the newest version are, and how long it took to be told.
    pub fn download_paths(&mut self, collection: &str) -> anyhow::Result<(Duration, Vec<String>)> {
        let (mut taken, mut paths, mut cursor) = (Duration::ZERO, Vec::new(), Value::Null);
        loop {
            let variables = json!({ "collection": collection, "cursor": cursor, "perPage": URLS_PER_PAGE });
            let request = self.graphql_request(URLS, variables);
            let (time, mut data) = self.timed(&request)?;
            taken += time;
            let files = data["project"]["artifactCollection"]["artifactMembership"]["files"].take();
            for edge in files["edges"].as_array().context("no files")? {
                paths.push(path_of(edge["node"]["directUrl"].as_str().context("no URL")?)?);
            }
            if files["pageInfo"]["hasNextPage"] != true {
                return Ok((taken, paths));
            }
            cursor = files["pageInfo"]["endCursor"].clone();
        }
    }

    pub fn put(&mut self, path: &str, content: &[u8]) -> anyhow::Result<()> {
        let request = request("PUT", path, None, content);
        self.connection.exchange(&request)?.expect(200)?;
        Ok(())
    }

    pub fn get(&mut self, path: &str) -> anyhow::Result<usize> {
        let request = request("GET", path, None, b"");
        Ok(self.connection.exchange(&request)?.expect(200)?.len())
    }
}

/// A body of any size that is nowhere whole: the same noise, each block with its number in front.
pub struct Blocks {
    noise: Vec<u8>,
    seed: u64,
    pub size_bytes: u64,
}

impl Blocks {
    pub fn new(seed: u64, size_bytes: u64) -> Self {
        let mut state = seed.wrapping_mul(2).wrapping_add(1);
        let mut noise = Vec::with_capacity(BLOCK_BYTES);
        while noise.len() < BLOCK_BYTES {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            noise.extend_from_slice(&state.to_le_bytes());
        }
        Self { noise, seed, size_bytes }
    }

    fn each(&mut self, mut take: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (mut number, mut left) = (self.seed << 32, self.size_bytes);
        while left > 0 {
            self.noise[..8].copy_from_slice(&number.to_le_bytes());
            let length = left.min(BLOCK_BYTES as u64);
            take(&self.noise[..usize::try_from(length)?])?;
            (number, left) = (number + 1, left - length);
        }
        Ok(())
    }

    pub fn file(&mut self, path: &str) -> anyhow::Result<File> {
        let mut md5 = Md5::new();
        self.each(|block| {
            md5.update(block);
            Ok(())
        })?;
        Ok(File { path: path.to_owned(), md5: STANDARD.encode(md5.finalize()), size_bytes: self.size_bytes })
    }

    /// How long it takes to write it to a file and have it on the disk.
    pub fn write_to(&mut self, path: &std::path::Path) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let mut file = std::fs::File::create(path)?;
        self.each(|block| Ok(file.write_all(block)?))?;
        file.sync_all()?;
        Ok(started.elapsed())
    }

    /// How long it takes to hash it.
    pub fn hash(&mut self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        self.file("")?;
        Ok(started.elapsed())
    }

    pub fn send(&mut self, address: SocketAddr, path: &str) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let mut stream = TcpStream::connect(address)?;
        let length = self.size_bytes;
        let head =
            format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        self.each(|block| Ok(stream.write_all(block)?))?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "the upload was answered with {answer}");
        Ok(started.elapsed())
    }

    /// Fetches it and compares every byte.
    pub fn fetch(&mut self, address: SocketAddr, path: &str) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let mut stream = TcpStream::connect(address)?;
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        ensure!(head.starts_with(b"HTTP/1.1 200"), "the answer is {}", String::from_utf8_lossy(&head));
        let mut received = vec![0; BLOCK_BYTES];
        self.each(|block| {
            let received = &mut received[..block.len()];
            stream.read_exact(received)?;
            ensure!(received == block, "other bytes came back than were sent");
            Ok(())
        })?;
        Ok(started.elapsed())
    }
}

/// A connection for each of several lanes, each with its share of the work.
pub fn in_lanes<T: Sync>(
    address: SocketAddr,
    lanes: usize,
    work: &[T],
    each: impl Fn(&mut Connection<TcpStream>, &T) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Duration> {
    let mut connections = Vec::with_capacity(lanes);
    for _ in 0..lanes {
        connections.push(Connection::open(address)?);
    }
    let started = Instant::now();
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let run = |mut connection: Connection<TcpStream>| {
            let (next, each) = (&next, &each);
            scope.spawn(move || {
                while let Some(item) = work.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    each(&mut connection, item)?;
                }
                anyhow::Ok(())
            })
        };
        let running: Vec<_> = connections.into_iter().map(run).collect();
        running.into_iter().try_for_each(|lane| lane.join().map_err(|_| anyhow::anyhow!("a lane panicked"))?)
    })?;
    Ok(started.elapsed())
}
