//! An S3 server in this process: real signatures, several key pairs, each for buckets of its own.

use http::{Extensions, HeaderMap, Method, Uri};
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::path::S3Path;
use s3s::route::S3Route;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Request, S3Response, S3Result, s3_error};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Who may do what: the key opens one bucket.
#[derive(Clone, Copy)]
pub struct Team {
    pub key: &'static str,
    pub secret: &'static str,
    pub bucket: &'static str,
    /// Whether it may delete.
    pub deletes: bool,
}

pub const TEAM_A: Team = Team { key: "AKIATEAMA", secret: "secret/of+team=a", bucket: "team-a", deletes: true };
pub const TEAM_B: Team = Team { key: "AKIATEAMB", secret: "secret/of+team=b", bucket: "team-b", deletes: true };
/// May write, and not clean up behind itself.
pub const TEAM_C: Team = Team { key: "AKIATEAMC", secret: "secret/of+team=c", bucket: "team-c", deletes: false };

/// What team A's key may take on, with the external id, at the server itself.
pub const ROLE: &str = "arn:aws:iam::123456789012:role/weighhouse";
pub const EXTERNAL_ID: &str = "external-1";
const OF_ROLE: Team = Team { key: "ASIAROLE", secret: "secret/of+the=role", bucket: "team-a", deletes: true };

const TEAMS: [Team; 4] = [TEAM_A, TEAM_B, TEAM_C, OF_ROLE];

pub struct S3Server {
    pub address: SocketAddr,
    directory: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3Server {
    /// The buckets are directories in this one.
    pub fn start(directory: &Path) -> Self {
        for team in TEAMS {
            std::fs::create_dir_all(directory.join(team.bucket)).unwrap();
        }
        let service = service(directory);
        let (told, ready) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = serve(listener, service) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = ready.recv().unwrap();
        Self { address, directory: directory.to_owned(), stop: Some(stop), thread: Some(thread) }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `s3://…` of a team.
    pub fn connector_address(&self, team: Team, prefix: &str) -> String {
        let secret = percent_encoding::utf8_percent_encode(team.secret, percent_encoding::NON_ALPHANUMERIC);
        format!("s3://{}:{secret}@{}/{}/{prefix}?tls=false", team.key, self.address, team.bucket)
    }

    /// Where a team's objects are, as files.
    pub fn bucket(&self, team: Team) -> PathBuf {
        self.directory.join(team.bucket)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().unwrap().join();
    }
}

fn service(directory: &Path) -> S3Service {
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(directory).unwrap());
    let mut auth = SimpleAuth::new();
    for team in TEAMS {
        auth.register(team.key.into(), team.secret.into());
    }
    builder.set_auth(auth);
    builder.set_access(OwnBucket);
    builder.set_route(Roles);
    builder.build()
}

async fn serve(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service.clone();
        connections.spawn(async move {
            let _gone = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

struct OwnBucket;

#[async_trait::async_trait]
impl S3Access for OwnBucket {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let key = request.credentials().map(|credentials| credentials.access_key.as_str());
        let team = TEAMS.into_iter().find(|team| Some(team.key) == key);
        let bucket = match request.s3_path() {
            S3Path::Root => None,
            S3Path::Bucket { bucket } | S3Path::Object { bucket, .. } => Some(&**bucket),
        };
        let is_delete = matches!(request.s3_op().name(), "DeleteObject" | "DeleteObjects");
        match team {
            Some(_) if !TEAMS.iter().any(|team| Some(team.bucket) == bucket) => {
                Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"))
            }
            Some(team) if Some(team.bucket) == bucket && (team.deletes || !is_delete) => Ok(()),
            _ => Err(s3_error!(AccessDenied, "Access Denied")),
        }
    }
}

/// The security token service.
struct Roles;

#[async_trait::async_trait]
impl S3Route for Roles {
    fn is_match(&self, method: &Method, uri: &Uri, headers: &HeaderMap, _: &mut Extensions) -> bool {
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok());
        method == Method::POST && uri.path() == "/" && kind == Some("application/x-www-form-urlencoded")
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let key = request.credentials.as_ref().map(|credentials| credentials.access_key.clone());
        let body = request.input.collect().await.map_err(|_| s3_error!(IncompleteBody))?.to_bytes();
        let form: HashMap<_, _> = url::form_urlencoded::parse(&body).into_owned().collect();
        let has = |name: &str, value: &str| form.get(name).is_some_and(|found| found == value);
        let is_allowed = key.as_deref() == Some(TEAM_A.key) && has("RoleArn", ROLE) && has("ExternalId", EXTERNAL_ID);
        if !has("Action", "AssumeRole") || !is_allowed {
            return Err(s3_error!(AccessDenied, "not authorized to perform: sts:AssumeRole"));
        }
        let credentials = format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
             <SessionToken>a session</SessionToken></Credentials></AssumeRoleResult></AssumeRoleResponse>",
            OF_ROLE.key, OF_ROLE.secret
        );
        Ok(S3Response::new(Body::from(credentials)))
    }
}
