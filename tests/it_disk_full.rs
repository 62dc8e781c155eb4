//! A disk that fills up and is freed, again and again, under clients that write all the time: they are told to come again and
//! nothing worse, reading goes on, and writing does within seconds of there being room. Needs the right to mount a small
//! file system; without it the tests say so and do nothing.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

#[expect(dead_code, reason = "each test uses part of what they share")]
mod harness;

use harness::door::{Door, GoneOnFailure};
use harness::http::request;
use harness::server::{Account, CREATE_FILES, Server, UPSERT_RUN, path_of};
use harness::writer::{PROJECT, Writer};
use harness::{Random, reading};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const WRITERS: u64 = 3;
const CYCLES: usize = 5;
const SETTINGS: [(&str, &str); 2] = [("DATABASE__MIN_FREE_MIB", "1"), ("HISTORY__SEAL_ROWS", "300")];
const MIB: usize = 1 << 20;
/// Until when writing must work again once there is room.
const PATIENCE: Duration = Duration::from_secs(5);

/// A small file system under the server's data directory; gone when dropped.
struct Disk {
    directory: TempDir,
    mounted: PathBuf,
}

impl Disk {
    /// `None`, with the reason on standard output, where nothing may be mounted.
    fn mount(make: impl FnOnce(&Path, &Path) -> Vec<Command>) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = directory.path().join("data");
        fs::create_dir(&mounted).unwrap();
        for mut command in make(directory.path(), &mounted) {
            match command.output() {
                Ok(done) if done.status.success() => {}
                Ok(done) => {
                    let why = String::from_utf8_lossy(&done.stderr).into_owned();
                    println!("NOT TESTED: {command:?} failed: {why}");
                    return None;
                }
                Err(error) => {
                    println!("NOT TESTED: {command:?}: {error}");
                    return None;
                }
            }
        }
        Some(Self { directory, mounted })
    }

    fn tmpfs() -> Option<Self> {
        Self::mount(|_, mounted| {
            let mut mount = Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", "size=96m", "weighhouse-test"]).arg(mounted);
            vec![mount]
        })
    }

    fn ext4() -> Option<Self> {
        Self::mount(|directory, mounted| {
            let image = directory.join("image");
            fs::File::create(&image).unwrap().set_len(96 << 20).unwrap();
            let mut format = Command::new("mkfs.ext4");
            format.args(["-q", "-m", "0"]).arg(&image);
            let mut mount = Command::new("mount");
            mount.args(["-o", "loop"]).arg(&image).arg(mounted);
            vec![format, mount]
        })
    }

    fn free_bytes(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.mounted).unwrap();
        stat.f_bavail * stat.f_frsize
    }

    /// Takes all room but this much; with 0 the last byte.
    fn fill(&self, leave_bytes: u64) {
        let mut filler = fs::File::options().create(true).append(true).open(self.mounted.join("filler")).unwrap();
        let block = vec![7; 64 << 10];
        while self.free_bytes() > leave_bytes {
            if filler.write_all(&block).is_err() {
                return;
            }
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.mounted.join("filler")).unwrap();
    }

    /// Files of the object store: whole ones, and parts.
    fn objects(&self) -> (usize, usize) {
        let mut counts = (0, 0);
        let mut directories = vec![self.mounted.join("objects")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                let name = entry.path();
                if entry.file_type().unwrap().is_dir() {
                    // Sealing goes on meanwhile; what is uploaded is elsewhere.
                    if !name.ends_with("segments") {
                        directories.push(name);
                    }
                } else if name.to_string_lossy().contains('#') {
                    counts.1 += 1;
                } else {
                    counts.0 += 1;
                }
            }
        }
        counts
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg(&self.mounted).status();
    }
}

const RUN_FILES: &str = "query RunFiles($entity: String!, $project: String!, $run: String!) {
  project(name: $project, entityName: $entity) {
    run(name: $run) { files(first: 100) { edges { node { name directUrl } } } }
  }
}";

/// A person with a run that has one file.
struct Scene<'s> {
    server: &'s Server,
    account: &'s Account,
    content: Vec<u8>,
    upload_path: String,
    /// Where rows go that need more room than there is.
    large_run: String,
}

impl<'s> Scene<'s> {
    fn new(server: &'s Server, account: &'s Account) -> Self {
        server.create_run(account, PROJECT, "files");
        let upload_path = server.create_files(account, PROJECT, "files", &["kept.bin"]).remove(0);
        let content = Random::new(5).bytes(MIB);
        assert_eq!(server.ask("PUT", &upload_path, &[], &content).status, 200);
        Self { server, account, content, upload_path, large_run: "large".to_owned() }
    }

    /// What was there can be read, down to the last byte.
    fn assert_reads(&self) {
        let data = self.server.query(self.account, RUN_FILES, &self.account.variables(PROJECT, "files"));
        let files = data["project"]["run"]["files"]["edges"].as_array().unwrap();
        assert_eq!(files.len(), 1, "{files:?}");
        let path = path_of(files[0]["node"]["directUrl"].as_str().unwrap());
        let answer = self.server.ask("GET", &path, &[], b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.body == self.content, "the file is not what it was");
        assert_eq!(self.server.ask("GET", "/healthz", &[], b"").status, 200);
    }

    /// A request of each kind that writes, and its status.
    fn write_statuses(&self, upload_bytes: usize) -> Vec<(&'static str, u16)> {
        let graphql = |query: &str, variables: &Value| self.server.graphql(self.account, query, variables).status;
        let upload = Random::new(6).bytes(upload_bytes);
        // Text that no compression makes as small as the room there is.
        let mut random = Random::new(8);
        let mut row = || random.bytes(300_000).iter().map(|byte| char::from(b'0' + byte % 64)).collect::<String>();
        let rows: Vec<String> = (0..30).map(|step| json!({ "_step": step, "text": row() }).to_string()).collect();
        let large = json!({ "files": { "wandb-history.jsonl": { "offset": 0, "content": rows } } }).to_string();
        let mut files = self.account.variables(PROJECT, "files");
        files["files"] = json!(["new.bin"]);
        vec![
            ("an upload", self.server.ask("PUT", &self.upload_path, &[], &upload).status),
            ("a large stream", self.server.stream(self.account, PROJECT, &self.large_run, large.as_bytes()).status),
            ("a new run", graphql(UPSERT_RUN, &self.account.variables(PROJECT, "new"))),
            ("a new file", graphql(CREATE_FILES, &files)),
        ]
    }
}

/// What the client tries again for days. It gives a run up for ever on any other refusal.
fn assert_only_full(statuses: &[(&str, u16)]) {
    for (what, status) in statuses {
        assert!(matches!(status, 507 | 503), "{what} on a full disk: {status}");
    }
}

fn fills_up_and_is_freed(disk: Option<Disk>) {
    let Some(disk) = disk else { return };
    let server = Server::start(disk.directory.path(), &SETTINGS);
    let account = server.create_account("ada");
    let mut scene = Scene::new(&server, &account);
    let (door, stop) = (Door::default(), AtomicBool::new(false));
    door.open(server.address);

    let writers: Vec<Writer> = std::thread::scope(|scope| {
        let _guard = GoneOnFailure(&door);
        let start = |number| {
            let (account, door, stop) = (&account, &door, &stop);
            scope.spawn(move || {
                let mut writer = Writer::new(number, account, door);
                writer.stream_until(stop);
                writer
            })
        };
        let streaming: Vec<_> = (0..WRITERS).map(start).collect();
        for cycle in 0..CYCLES {
            scene.large_run = format!("large-{cycle}");
            server.create_run(&account, PROJECT, &scene.large_run);
            one_cycle(&disk, &scene);
        }
        stop.store(true, Ordering::Relaxed);
        streaming.into_iter().map(|thread| thread.join().unwrap()).collect()
    });

    let refused: u64 = writers.iter().map(Writer::unanswered).sum();
    assert!(refused > 0, "no writer met the full disk");
    for writer in &writers {
        reading::assert_holds(&server, &account, &writer.run, writer.acknowledged);
    }
    println!("{refused} requests of the writers were refused and sent again");
}

fn one_cycle(disk: &Disk, scene: &Scene<'_>) {
    let whole = disk.objects().0;
    // Room for small writes only: the disk becomes full in the middle of large ones.
    disk.fill(3 * MIB as u64);
    let statuses = scene.write_statuses(16 * MIB);
    println!("nearly full: {statuses:?}");
    assert_only_full(&statuses[..1]);
    for (what, status) in &statuses {
        assert!(matches!(status, 200 | 503 | 507), "{what} on a nearly full disk: {status}");
    }
    assert_eq!(disk.objects(), (whole, 0), "a refused upload left something");
    scene.assert_reads();

    disk.fill(0);
    assert_only_full(&scene.write_statuses(16 * MIB));
    assert_only_full(&scene.write_statuses(10)[..1]);
    assert_eq!(disk.objects(), (whole, 0), "a refused upload left something");
    scene.assert_reads();

    disk.make_room();
    let freed = Instant::now();
    let row = json!({ "files": { "output.log": { "offset": 0, "content": ["room"] } } }).to_string();
    let path = scene.account.stream_path(PROJECT, "files");
    let writes = request("POST", &path, &scene.account.headers(), row.as_bytes());
    loop {
        let answer = scene.server.connect().exchange(&writes).unwrap();
        if answer.status == 200 {
            break;
        }
        assert_only_full(&[("a small stream", answer.status)]);
        assert!(freed.elapsed() < PATIENCE, "no write works {PATIENCE:?} after there is room: {}", answer.text());
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("writing again {:?} after there was room", freed.elapsed());
    let again = scene.server.ask("PUT", &scene.upload_path, &[], &scene.content);
    assert_eq!(again.status, 200, "{}", again.text());
    scene.assert_reads();
}

#[test]
fn a_full_tmpfs_refuses_writes_for_now_and_loses_nothing() {
    fills_up_and_is_freed(Disk::tmpfs());
}

#[test]
fn a_full_ext4_refuses_writes_for_now_and_loses_nothing() {
    fills_up_and_is_freed(Disk::ext4());
}

#[test]
fn a_server_killed_on_a_full_disk_starts_and_reads_there() {
    let Some(disk) = Disk::tmpfs() else { return };
    let server = Server::start(disk.directory.path(), &SETTINGS);
    let account = server.create_account("ada");
    let upload_path = Scene::new(&server, &account).upload_path;
    disk.fill(0);
    server.kill();

    let server = Server::start(disk.directory.path(), &SETTINGS);

    let scene = Scene {
        server: &server,
        account: &account,
        content: Random::new(5).bytes(MIB),
        upload_path,
        large_run: "files".to_owned(),
    };
    scene.assert_reads();
    assert_only_full(&scene.write_statuses(MIB));
    disk.make_room();
    let statuses = scene.write_statuses(MIB);
    assert!(statuses.iter().all(|(_, status)| *status == 200), "{statuses:?}");
}
