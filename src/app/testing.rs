//! An app in a directory of its own, for the tests of use cases: one person with a project and a run.

use super::user::CreateUser;
use super::{App, Error, Opening, Settings, StorageOpening};
use crate::access::{Action, Caller, Feature, KeyScope, Licence, Visibility};
use crate::db::repo::project::ProjectPath;
use crate::db::repo::run::{FoundRun, RunPath};
use crate::db::repo::{entity, project, run, stream};
use crate::db::schema::{AUDIT_PENDING, CATALOGUE};
use crate::db::{DbError, verify};
use crate::domain::audit::AuditRecord;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::licence::{Day, LicenceTerms, SeatLimits};
use crate::domain::name::EntityName;
use crate::domain::project::ProjectName;
use crate::domain::run::{Run, RunName, RunState};
use crate::domain::setting::SettingValues;
use crate::domain::stream::RunStreams;
use crate::secrets::AuthorityKey;
use tempfile::TempDir;

pub struct World {
    pub directory: TempDir,
    pub clock: Clock,
    pub settings: Settings,
    pub app: App,
    /// Ada, who owns the runs.
    pub ada: Caller,
    /// Her API key.
    pub key: String,
}

/// Who issues the licences of the tests.
pub fn authority() -> AuthorityKey {
    AuthorityKey::from_seed([42; 32])
}

/// A licence with all features that is valid for a year from [`START`].
pub fn all_features() -> LicenceTerms {
    LicenceTerms {
        holder: "Tests".into(),
        deployment: None,
        not_before: None,
        expires: Day::parse("2028-01-14").unwrap(),
        features: Feature::ALL.into(),
        limits: SeatLimits::default(),
    }
}

/// When the tests' clock begins.
pub const START: Timestamp = Timestamp(1_800_000_000_000_000);

fn opening(directory: &TempDir, clock: &Clock, settings: &Settings) -> Opening {
    Opening {
        data_dir: directory.path().to_owned(),
        cache_bytes: 4 << 20,
        min_free_bytes: 0,
        queued_writes: 4096,
        open_reads: 8,
        read_secs: 10,
        master_key: None,
        settings: settings.clone(),
        mailer: None,
        fixed_settings: SettingValues::new(),
        trusted_keys: vec![authority().public()],
        storage: StorageOpening::default(),
        clock: clock.clone(),
    }
}

impl World {
    pub async fn new() -> World {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> World {
        let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::fixed_at(START));
        let app = App::open(opening(&directory, &clock, &settings)).await.unwrap();
        let person = CreateUser {
            username: Some("ada".into()),
            email: "ada@example.com".into(),
            name: None,
            password: None,
            api_key: crate::app::user::FirstKey::Made,
            system_admin: false,
            organization: super::organization::JoinOrganization::First,
        };
        let key = app.create_user(&Caller::OPERATOR, person).await.unwrap().api_key.unwrap();
        let ada = app.caller_of_key(key.expose()).await.unwrap();
        let world = World { directory, clock, settings, app, ada, key: key.expose().to_owned() };
        world.create_project().await;
        world
    }

    /// Installs a licence.
    pub async fn license_with(&self, terms: &LicenceTerms) {
        let text = authority().issue(terms).unwrap();
        self.app.install_licence(&Caller::OPERATOR, &text).await.unwrap();
    }

    /// Closes the app and opens its directory again.
    pub async fn reopened(self) -> World {
        self.reopened_with(|_| {}).await
    }

    /// The same, opened in another way.
    pub async fn reopened_with(self, change: impl FnOnce(&mut Opening)) -> World {
        let World { app, directory, clock, settings, ada, key } = self;
        drop(app);
        let mut opening = opening(&directory, &clock, &settings);
        change(&mut opening);
        let app = App::open(opening).await.unwrap();
        World { directory, clock, settings, app, ada, key }
    }

    pub fn project(&self) -> ProjectPath {
        ProjectPath { entity: EntityName::parse("ada").unwrap(), project: ProjectName::parse("p").unwrap() }
    }

    pub fn at(&self, name: &str) -> RunPath {
        RunPath { project: self.project(), run: RunName::parse(name).unwrap() }
    }

    /// Allows these features from now on, without a licence that would be recorded.
    pub fn license(&self, features: &[Feature]) {
        self.app.licence.allow(self.app.db.sequence(), Licence::of(features.iter().copied()));
    }

    async fn create_project(&self) {
        let (ada, licence, at) = (self.ada, self.app.licence(), self.project());
        let made = self.app.db.write(move |tx| {
            let found = entity::find(tx, &ada, &at.entity)?.unwrap();
            let allowed = ada.may(Action::ProjectCreate, found, &licence)?;
            project::create(tx, &ada, &allowed, at.project.clone(), None, Visibility::Team)?;
            Ok::<_, Error>(())
        });
        made.await.unwrap();
    }

    /// Gives the project this visibility.
    pub async fn show(&self, visibility: Visibility) {
        let (ada, licence, at) = (self.ada, self.app.licence(), self.project());
        let shown = self.app.db.write(move |tx| {
            let found = ada.may(Action::ProjectUpdate, project::find(tx, &ada, &at)?.unwrap(), &licence)?;
            let changed = crate::domain::project::Project { visibility, ..found.project.clone() };
            Ok::<_, Error>(project::update(tx, &found, &changed)?)
        });
        shown.await.unwrap();
    }

    pub async fn create_run(&self, name: &str, is_shared: bool) {
        let (ada, licence, at) = (self.ada, self.app.licence(), self.at(name));
        let made = self.app.db.write(move |tx| {
            let found = project::find(tx, &ada, &at.project)?.unwrap();
            let allowed = ada.may(Action::RunLog, found, &licence)?;
            let new = Run { is_shared, ..blank(at.run.clone(), allowed.id, &ada, tx.now()) };
            run::create(tx, &allowed, &new)?;
            Ok::<_, Error>(())
        });
        made.await.unwrap();
    }

    pub async fn find(&self, name: &str) -> crate::access::Allowed<FoundRun> {
        let (ada, licence, at) = (self.ada, self.app.licence(), self.at(name));
        let found = self.app.db.read(move |tx| {
            let found = run::find(tx, &ada, &at)?.unwrap();
            Ok::<_, Error>(ada.may(Action::RunRead, found, &licence)?)
        });
        found.await.unwrap()
    }

    /// Ada's own entity.
    pub async fn find_owner(&self) -> crate::domain::id::EntityId {
        let (ada, at) = (self.ada, self.project());
        let found = self.app.db.read(move |tx| {
            let found =
                ada.may(Action::ProjectCreate, entity::find(tx, &ada, &at.entity)?.unwrap(), &Licence::of([]))?;
            Ok::<_, Error>(found.id)
        });
        found.await.unwrap()
    }

    pub async fn streams(&self, name: &str) -> RunStreams {
        let run = self.find(name).await;
        self.app.db.read(move |tx| run::streams(tx, &run)).await.unwrap()
    }

    /// Changes a run as a use case would that may log to it.
    pub async fn change<R: Send + 'static>(
        &self,
        name: &str,
        change: impl Fn(&mut crate::db::tx::WriteTx<'_>, &crate::access::Allowed<FoundRun>) -> Result<R, Error>
        + Send
        + 'static,
    ) -> R {
        let (ada, licence, at) = (self.ada, self.app.licence(), self.at(name));
        let changed = self.app.db.write(move |tx| {
            let found = run::find(tx, &ada, &at)?.unwrap();
            let allowed = ada.may(Action::RunLog, found, &licence)?;
            change(tx, &allowed)
        });
        changed.await.unwrap()
    }

    /// Sends a file_stream body.
    pub async fn send(&self, name: &str, body: &str) -> super::stream::StreamReply {
        self.send_from(name, body, super::stream::Writer::default()).await
    }

    pub async fn send_from(&self, name: &str, body: &str, from: super::stream::Writer) -> super::stream::StreamReply {
        self.app.accept_stream(&self.ada, self.at(name), body.as_bytes().to_vec(), from).await.unwrap()
    }

    /// What the audit log was told, oldest first.
    pub async fn audited(&self) -> Vec<AuditRecord> {
        let told = self.app.db.read(|tx| AUDIT_PENDING.list(tx, &(), None, 10_000).map_err(Error::from)).await;
        told.unwrap().into_iter().map(|(_, told)| serde_json::from_str(&told.text).unwrap()).collect()
    }

    pub fn stranger(&self) -> Caller {
        Caller::user(crate::domain::id::UserId(999_999), false, KeyScope::Full)
    }
}

fn blank(name: RunName, project: crate::domain::id::ProjectId, owner: &Caller, now: Timestamp) -> Run {
    Run {
        project,
        display_name: name.to_string(),
        name,
        group: None,
        job_type: None,
        notes: None,
        description: None,
        tags: Vec::new(),
        commit: None,
        repo: None,
        program: None,
        host: None,
        sweep: None,
        owner: owner.user_id(),
        created_at: now,
        state: RunState::Pending,
        exit_code: None,
        stop_requested: false,
        generation: 0,
        is_shared: false,
        deleted_at: None,
    }
}

/// A body with rows of history.
pub fn history(offset: u64, rows: &[&str]) -> String {
    body("wandb-history.jsonl", offset, rows)
}

pub fn body(file: &str, offset: u64, lines: &[&str]) -> String {
    serde_json::json!({ "files": { file: { "offset": offset, "content": lines } } }).to_string()
}

/// The lines of a stream that are not sealed yet, with their numbers.
pub async fn tail(world: &World, name: &str, stream: crate::domain::stream::Stream) -> Vec<(u64, String)> {
    let run = world.find(name).await;
    let of = (run.id, stream, run.run.generation);
    let (chunks, _) = world.app.db.read(move |tx| stream::chunks(tx, of, 0, usize::MAX)).await.unwrap();
    let mut lines = std::collections::BTreeMap::new();
    for (_, chunk) in chunks {
        lines.extend((chunk.first_line..).zip(chunk.text().unwrap().lines().map(str::to_owned)));
    }
    lines.into_iter().collect()
}

/// What is wrong with the records: nothing, after every step of anything.
pub async fn faults(app: &App) -> Vec<String> {
    let faults = app.db.read(|tx| {
        let mut faults = Vec::new();
        verify::verify(tx, &CATALOGUE, &mut faults)?;
        Ok::<_, DbError>(faults)
    });
    faults.await.unwrap()
}
