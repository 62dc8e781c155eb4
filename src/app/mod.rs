//! What the product does: one file per noun, one function per use case. The only writer.

/// What signing in needs besides the database.
pub mod account;
/// Alerts of runs.
mod alert;
/// API keys of people and service accounts.
pub mod api_key;
/// Artifacts.
pub mod artifact;
/// How often strangers may try something.
mod attempts;
/// The audit log.
pub mod audit;
/// Rewinding and forking runs.
mod branch;
/// Checking and writing out everything.
pub mod check;
mod check_artifacts;
mod check_images;
mod check_sealed;
/// Removing what nothing leads to any more.
mod collect;
/// Where bytes are kept.
pub mod connector;
pub mod custom_chart;
/// Custom roles of organizations.
pub mod custom_role;
/// Bytes that clients send to buckets and fetch there.
pub mod direct;
/// Entities and organizations, as the client asks for them.
pub mod entity;
mod error;
mod existing;
/// Why somebody may or may not do something.
pub mod explain;
/// Run files: names, contents, and the URLs that lead to them.
pub mod file;
/// Reading what was logged.
pub mod history;
pub mod invitation;
mod last_admin;
/// When people, keys and sessions were last used.
mod last_use;
mod latest;
/// What may be newly used.
pub mod licence;
/// Runs that fall silent.
mod liveness;
/// Sending mails.
pub mod mail;
/// Teams whose bytes go from one store to another.
pub mod migration;
/// Organizations.
pub mod organization;
/// What lies in stores and nothing leads to.
pub mod orphan;
/// Pages of lists.
pub mod page;
/// Changing passwords, and links for who lost theirs.
pub mod password;
/// People, as the client asks for them.
pub mod person;
/// Projects.
pub mod project;
/// Roles in one project.
pub mod project_member;
/// Runs.
pub mod run;
/// Listing and counting runs.
pub mod run_list;
/// Reading stored bytes again.
pub mod scrub;
/// Sealing the newest lines of runs.
pub mod seal;
#[cfg(test)]
mod seal_tests;
/// The key that seals secrets.
pub mod sealing_key;
#[cfg(test)]
mod sealing_key_tests;
/// What a licence counts.
mod seat;
/// Authenticator apps and recovery codes.
pub mod second_factor;
/// Accounts that are no people.
pub mod service_account;
#[cfg(test)]
mod service_account_tests;
/// Sessions that are there.
pub mod session;
/// System settings.
pub mod setting;
/// The first person of an instance.
mod setup;
/// Beginning sessions.
pub mod sign_in;
#[cfg(test)]
mod sign_in_tests;
/// Which store bytes are in.
mod store;
#[cfg(test)]
pub(crate) mod stored_testing;
#[cfg(test)]
mod stored_tests;
/// Taking in what clients stream into runs.
pub mod stream;
/// Sweeps.
pub mod sweep;
/// Teams.
pub mod team;
/// Which roles are given, and who may give them.
mod team_role;
/// The privacy of teams, and what organizations enforce.
pub mod team_setting;
#[cfg(test)]
pub(crate) mod testing;
/// Bytes behind signed tokens.
pub mod transfer;
#[cfg(test)]
mod transfer_tests;
/// Emptying the trash.
mod trash;
/// How many bytes entities have stored.
pub mod usage;
/// People.
pub mod user;

pub use error::{Error, Trouble};

use crate::db::engine::EngineError;
use crate::db::engine::redb::{RedbEngine, RedbOptions};
use crate::db::{Db, Limits};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::connector::ConnectorName;
use crate::domain::json::RowLimits;
use crate::domain::lease::WorkerId;
use crate::domain::licence::LicenceKey;
use crate::domain::outbound::OutboundRules;
use crate::domain::setting::SettingValues;
use crate::fetch::Fetcher;
use crate::mail::Mailer;
use crate::secrets::{KeyHasher, MasterKey, MasterKeyError, Secret, random_bytes};
use crate::storage::sign::Signer;
use crate::storage::{StoreError, Stores};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What `App::open` needs to know; plain values from the settings.
pub struct Opening {
    pub data_dir: PathBuf,
    pub cache_bytes: usize,
    /// Below this much free space the database refuses writes and goes on reading.
    pub min_free_bytes: u64,
    pub queued_writes: usize,
    pub open_reads: usize,
    pub read_secs: u64,
    /// Without it the key file of the data directory is used, and made at the first start.
    pub master_key: Option<Secret>,
    pub settings: Settings,
    /// Without one no mails are sent; everything works all the same.
    pub mailer: Option<Mailer>,
    /// System settings that nobody is to change while the server runs.
    pub fixed_settings: SettingValues,
    /// Whose licences count.
    pub trusted_keys: Vec<LicenceKey>,
    pub storage: StorageOpening,
    pub clock: Clock,
}

/// What the settings say about where bytes are kept.
#[derive(Debug, Clone, Default)]
pub struct StorageOpening {
    pub connectors: Vec<connector::fixed::FixedConnector>,
    /// The connector whose store is that of the instance; without one it is a directory.
    pub default: Option<ConnectorName>,
    /// Where stores may be.
    pub rules: OutboundRules,
}

/// What use cases need to know of the settings, as plain values.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Limits of one history row and its values.
    pub rows: RowLimits,
    pub config_bytes: usize,
    /// The largest manifest of an artifact.
    pub manifest_bytes: usize,
    /// The largest metadata of an artifact.
    pub metadata_bytes: usize,
    /// The largest file to take; `None` is any.
    pub upload_bytes: Option<u64>,
    /// How long an upload may stand still.
    pub upload_idle: Duration,
    pub seal_rows: u64,
    pub seal_bytes: u64,
    pub seal_idle_secs: i64,
    /// Memory for decoded history.
    pub history_cache_bytes: usize,
    /// A running run that is silent for longer has crashed.
    pub heartbeat_secs: i64,
    /// The same for one that was told to make way.
    pub preempted_secs: i64,
    pub trash_days: i64,
    /// A draft of an artifact that is older is abandoned.
    pub draft_secs: i64,
    /// Memory for what lists of runs are filtered and ordered by.
    pub run_index_bytes: usize,
    /// Where people reach the server: links in mails begin with it, and without it none are sent.
    pub public_url: Option<String>,
}

impl Default for Settings {
    /// What `config/default.toml` says.
    fn default() -> Self {
        Self {
            rows: RowLimits::default(),
            config_bytes: 10 << 20,
            manifest_bytes: 128 << 20,
            metadata_bytes: 1 << 20,
            upload_bytes: None,
            upload_idle: Duration::from_secs(30),
            seal_rows: 50_000,
            seal_bytes: 4 << 20,
            seal_idle_secs: 900,
            history_cache_bytes: 32 << 20,
            heartbeat_secs: 300,
            preempted_secs: 1800,
            trash_days: 30,
            draft_secs: 72 * 3600,
            run_index_bytes: 128 << 20,
            public_url: None,
        }
    }
}

/// Why the data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open the database in {}: {reason}", .directory.display())]
    Database { directory: PathBuf, reason: EngineError },
    #[error("cannot start the database's writer: {0}")]
    Writer(std::io::Error),
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error("cannot read the system settings: {0}")]
    Settings(Error),
    #[error("cannot read the licence: {0}")]
    Licence(Error),
    #[error("cannot open what is sealed: {0}")]
    Sealed(Error),
    #[error("cannot take the connectors of the settings file: {0}")]
    Connectors(Error),
    #[error("cannot make the first organization: {0}")]
    FirstOrganization(Error),
    #[error("cannot open the object store in {}: {reason}", .directory.display())]
    Store { directory: PathBuf, reason: StoreError },
}

/// Everything behind the adapters. Cheap to clone.
#[derive(Clone)]
pub struct App {
    db: Db,
    keys: Arc<KeyHasher>,
    account: Arc<account::Account>,
    licence: Arc<licence::CurrentLicence>,
    stores: Stores,
    /// Where stores may be.
    rules: Arc<OutboundRules>,
    /// Which connectors are being tested.
    connector_tests: connector::probe::Testing,
    /// No connector keeps anything there.
    data_dir: PathBuf,
    signer: Arc<Signer>,
    settings: Arc<Settings>,
    clock: Clock,
    /// What administrators have set.
    system_settings: Arc<setting::CurrentSettings>,
    /// What commits of artifacts have in common.
    commits: Arc<artifact::CommitGate>,
    /// What lists of runs are answered from.
    run_indexes: Arc<run_list::RunIndexes>,
    /// What clients say they have sent to buckets.
    arrivals: Arc<direct::Arrivals>,
    /// What may have to be sealed.
    tails: Arc<seal::Tails>,
    /// What was decoded of history.
    history: Arc<history::Cache>,
    /// Who and what was used lately.
    last_uses: Arc<last_use::LastUses>,
    /// Brings images from other hosts.
    fetcher: Arc<Fetcher>,
    /// What was read and is not yet written into the audit log.
    reads: Arc<audit::Reads>,
    /// Somebody has asked for work on migrations.
    migrations_due: Arc<tokio::sync::Notify>,
    usages: Arc<usage::Usages>,
    /// This process, for work that one at a time does.
    worker: WorkerId,
    /// Runs that were silent while the server was down have not crashed for it.
    started_at: Timestamp,
}

impl App {
    /// Opens a data directory whose lock the caller holds; makes what is missing.
    pub async fn open(mut opening: Opening) -> Result<Self, OpenError> {
        let (mailer, storage) = (opening.mailer.take(), std::mem::take(&mut opening.storage));
        let directory = opening.data_dir.clone();
        let master = match &opening.master_key {
            Some(text) => MasterKey::from_text(text.expose())?,
            None => MasterKey::load_or_create(&directory)?,
        };
        let data_dir = std::path::absolute(&directory).unwrap_or_else(|_| directory.clone());
        let objects = directory.join("objects");
        let failed = |reason| OpenError::Store { directory: objects.clone(), reason };
        let stores = Stores::local(&objects).map_err(failed)?;
        let removed = stores.remove_unfinished().await.map_err(failed)?;
        if removed > 0 {
            tracing::info!(removed, "removed the parts of uploads that were cut off");
        }
        let (clock, settings) = (opening.clock.clone(), Arc::new(opening.settings.clone()));
        let system_settings = Arc::new(setting::CurrentSettings::new(opening.fixed_settings.clone()));
        let licence = Arc::new(licence::CurrentLicence::new(opening.trusted_keys.clone()));
        let started_at = clock.now();
        let db_clock = clock.clone();
        let db = tokio::task::spawn_blocking(move || open_db(&opening, db_clock));
        let db = db.await.map_err(|_| OpenError::Database { directory, reason: damaged() })??;
        let (run_indexes, watcher) = run_list::RunIndexes::new(settings.run_index_bytes);
        db.watch_runs(watcher);
        let app = Self {
            db,
            keys: Arc::new(KeyHasher::new(&master)),
            account: Arc::new(account::Account::new(&master, mailer)),
            licence,
            stores,
            rules: Arc::new(storage.rules),
            connector_tests: connector::probe::Testing::default(),
            data_dir,
            signer: Arc::new(Signer::new(&master, None)),
            system_settings,
            commits: Arc::new(artifact::CommitGate::new(settings.manifest_bytes)),
            run_indexes: Arc::new(run_indexes),
            arrivals: Arc::default(),
            tails: Arc::default(),
            history: Arc::new(history::Cache::new(settings.history_cache_bytes)),
            last_uses: Arc::default(),
            fetcher: Arc::default(),
            settings,
            clock,
            reads: Arc::default(),
            migrations_due: Arc::default(),
            usages: Arc::default(),
            worker: WorkerId(u64::from_ne_bytes(random_bytes())),
            started_at,
        };
        app.read_settings().await.map_err(OpenError::Settings)?;
        app.open_licence().await.map_err(OpenError::Licence)?;
        app.open_sealing_keys().await.map_err(OpenError::Sealed)?;
        app.make_first_organization().await.map_err(OpenError::FirstOrganization)?;
        let taken = app.take_fixed_connectors(storage.connectors, storage.default).await;
        taken.map_err(OpenError::Connectors)?;
        app.remove_unfinished().await.map_err(OpenError::Connectors)?;
        Ok(app)
    }

    /// The time, for adapters whose requests count back from it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether the database answers, for `/ready`. Reads one key: quick.
    pub fn check_database(&self) -> Result<(), String> {
        self.db.check().map_err(|error| error.to_string())
    }
}

fn open_db(opening: &Opening, clock: Clock) -> Result<Db, OpenError> {
    let options = RedbOptions { cache_bytes: opening.cache_bytes, min_free_bytes: opening.min_free_bytes };
    let limits = Limits {
        queued_writes: opening.queued_writes,
        open_reads: opening.open_reads,
        read_age: Duration::from_secs(opening.read_secs),
    };
    let engine = RedbEngine::open(opening.data_dir.join("metadata.redb"), &options)
        .map_err(|reason| OpenError::Database { directory: opening.data_dir.clone(), reason })?;
    Db::new(Arc::new(engine), clock, &limits).map_err(OpenError::Writer)
}

/// redb may panic on a damaged file instead of saying so.
fn damaged() -> EngineError {
    EngineError::Failed("the file is damaged; restore the newest backup".into())
}
