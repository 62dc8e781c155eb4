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
/// What else the role is given for.
pub const WEB_TOKEN: &str = "a token of the cluster";
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
        let is_form = kind == Some("application/x-www-form-urlencoded");
        let is_query = uri.query().is_some_and(|query| query.contains("Action="));
        method == Method::POST && uri.path() == "/" && (is_form || is_query)
    }

    /// A token is shown instead of a signature, so that is looked at later.
    async fn check_access(&self, _: &mut S3Request<Body>) -> S3Result<()> {
        Ok(())
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let key = request.credentials.as_ref().map(|credentials| credentials.access_key.clone());
        let query = request.uri.query().unwrap_or_default().to_owned();
        let body = request.input.collect().await.map_err(|_| s3_error!(IncompleteBody))?.to_bytes();
        let said = [&body, query.as_bytes()].map(|said| url::form_urlencoded::parse(said).into_owned());
        let said: HashMap<_, _> = said.into_iter().flatten().collect();
        let has = |name: &str, value: &str| said.get(name).is_some_and(|found| found == value);
        let by_key =
            has("Action", "AssumeRole") && key.as_deref() == Some(TEAM_A.key) && has("ExternalId", EXTERNAL_ID);
        let by_token = has("Action", "AssumeRoleWithWebIdentity") && has("WebIdentityToken", WEB_TOKEN);
        if !has("RoleArn", ROLE) || !(by_key || by_token) {
            return Err(s3_error!(AccessDenied, "not authorized to perform: sts:AssumeRole"));
        }
        let credentials = format!(
            "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
             <SessionToken>a session</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>",
            OF_ROLE.key, OF_ROLE.secret
        );
        let action = if by_key { "AssumeRole" } else { "AssumeRoleWithWebIdentity" };
        let answer = format!("<{action}Response><{action}Result>{credentials}</{action}Result></{action}Response>");
        Ok(S3Response::new(Body::from(answer)))
    }
}
