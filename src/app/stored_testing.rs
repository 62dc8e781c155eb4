//! A team with something of everything in a store, and directories that are connectors, for tests of what is stored.

use super::artifact::testing::{Logged, put, token};
use super::run::{RunPath, Target, UpsertRun, run_path};
use super::stream::Writer;
use super::team::CreateTeam;
use super::testing::{World, history};
use crate::access::{Caller, Feature};
use crate::db::schema::CONNECTORS;
use crate::domain::connector::{Connector, ConnectorName, ConnectorSpec, DataPath, Identity, Network, Place};
use crate::domain::id::ConnectorId;
use crate::domain::migration::{Migration, Phase};
use crate::storage::ObjectKey;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub struct Scene {
    pub world: World,
}

impl Scene {
    /// The team `vision` with a run `r`, a version of an artifact, and Ada's own artifact beside it.
    pub async fn new() -> Self {
        let scene = Self { world: World::new().await };
        let (app, ada) = (&scene.world.app, &scene.world.ada);
        scene.world.license(&[Feature::StorageConnector]);
        let team = CreateTeam { name: "vision".into(), organization: "default".into(), admins: vec!["ada".into()] };
        app.create_team(&Caller::OPERATOR, team).await.unwrap();
        let target = Target::Named { entity: Some("vision".into()), project: Some("p".into()), run: Some("r".into()) };
        app.upsert_run(ada, UpsertRun { target, ..UpsertRun::default() }).await.unwrap();
        Logged::files(&[("own", "Ada's own")]).log(&scene.world, "own").await;
        scene.log(0).await;
        scene
    }

    pub fn run() -> RunPath {
        run_path("vision", "p", "r").unwrap()
    }

    /// Files that the team is to log.
    pub fn files(files: &[(&str, &str)]) -> Logged {
        let mut logged = Logged::files(files);
        logged.create.entity = "vision".into();
        logged
    }

    /// The team logs a row, a file, some media and a version.
    pub async fn log(&self, number: u64) {
        let (app, ada) = (&self.world.app, &self.world.ada);
        let body = history(number, &[&format!(r#"{{"_step":{number},"loss":0.5}}"#)]).into_bytes();
        app.accept_stream(ada, Self::run(), body, Writer::default()).await.unwrap();
        let run = self.run_id().await;
        app.seal(run, crate::domain::stream::Stream::History).await.unwrap();
        self.send(&format!("file {number}"), b"a file").await;
        self.send(&format!("media/images/{number}.png"), format!("image {number}").as_bytes()).await;
        let files = Self::files(&[("same", "of every version"), ("other", &format!("of version {number}"))]);
        files.log(&self.world, "ds").await;
    }

    pub async fn run_id(&self) -> crate::domain::id::RunId {
        let (app, ada) = (&self.world.app, &self.world.ada);
        let project = app.find_project(ada, Some("vision"), "p").await.unwrap().unwrap();
        app.find_run(ada, &project, "r").await.unwrap().unwrap().id
    }

    pub async fn upload_token(&self, name: &str) -> String {
        let (app, ada) = (&self.world.app, &self.world.ada);
        let uploads = app.create_run_files(ada, Self::run(), vec![name.to_owned()]).await.unwrap().1;
        token(&uploads[0].url).to_owned()
    }

    pub async fn send(&self, name: &str, content: &[u8]) {
        put(&self.world, &self.upload_token(name).await, content).await.unwrap();
    }

    pub fn objects(&self) -> PathBuf {
        self.world.directory.path().join("objects")
    }

    /// Makes a connector of a directory beside the data.
    pub async fn connector(&self, name: &str) -> PathBuf {
        let directory = self.world.directory.path().join(name);
        self.connector_at(name, &directory).await;
        directory
    }

    pub async fn connector_at(&self, name: &str, directory: &Path) {
        let place = Place::Local { directory: directory.to_str().unwrap().to_owned() };
        let spec = ConnectorSpec {
            place,
            prefix: String::new(),
            identity: Identity::Process,
            data_path: DataPath::default(),
            network: Network::default(),
        };
        let name = ConnectorName::parse(name).unwrap();
        let made = self.world.app.db.write(move |tx| {
            let (id, created_at) = (tx.new_id::<ConnectorId>()?, tx.now());
            let connector = Connector {
                name: name.clone(),
                spec: spec.clone(),
                version: 1,
                sealed: None,
                is_fixed: false,
                is_claimed: false,
                created_at,
            };
            Ok::<_, super::Error>(CONNECTORS.put(tx, &id, &connector)?)
        });
        made.await.unwrap();
    }

    pub async fn migration(&self) -> Migration {
        let seen = self.world.app.see_migration(&Caller::OPERATOR, "vision").await.unwrap();
        seen.unwrap().migration
    }

    /// Works until nothing can be done.
    pub async fn settle(&self) -> Migration {
        while self.world.app.work_on_migrations().await.unwrap() {}
        self.migration().await
    }

    /// Works until the phase is reached.
    pub async fn until(&self, wanted: impl Fn(Phase) -> bool) {
        while !wanted(self.migration().await.phase) {
            assert!(self.world.app.work_on_migrations().await.unwrap(), "{:?}", self.migration().await);
        }
    }

    /// What is wrong with anything.
    pub async fn faults(&self) -> Vec<String> {
        let (app, operator) = (&self.world.app, &Caller::OPERATOR);
        let mut faults = super::artifact::testing::faults(&self.world).await;
        faults.extend(app.check_files(operator, None).await.unwrap().faults);
        faults.extend(app.check_sealed(operator, None).await.unwrap().faults);
        faults
    }

    pub async fn assert_sound(&self) {
        assert_eq!(self.faults().await, Vec::<String>::new());
    }
}

/// The keys of the objects in a directory.
pub fn keys(directory: &Path) -> BTreeSet<String> {
    let (mut keys, mut directories) = (BTreeSet::new(), vec![directory.to_owned()]);
    while let Some(next) = directories.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let key = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
            keys.extend(ObjectKey::parse(&key).is_some().then_some(key));
        }
    }
    keys
}

/// The key of the object that holds this.
pub fn with_content(directory: &Path, content: &str) -> String {
    let has = |key: &String| std::fs::read(directory.join(key)).unwrap() == content.as_bytes();
    keys(directory).into_iter().find(has).unwrap()
}
