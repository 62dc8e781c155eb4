//! What the settings say, as the plain values that `App::open` and the adapters take.

use crate::api;
use crate::api::http::budget::BodyBudget;
use crate::api::http::visit::Proxies;
use crate::app::connector::fixed::FixedConnector;
use crate::app::{Opening, Settings, StorageOpening};
use crate::config::{Config, MailSecurity};
use crate::domain::clock::Clock;
use crate::domain::json::RowLimits;
use crate::mail::{self, Mailer};
use std::time::Duration;

pub fn opening(config: &Config) -> anyhow::Result<Opening> {
    Ok(Opening {
        data_dir: config.data.dir.clone(),
        cache_bytes: config.database.cache_bytes(),
        min_free_bytes: config.database.min_free_mib << 20,
        queued_writes: usize::try_from(config.database.queue_requests)?,
        open_reads: usize::try_from(config.database.read_transactions)?,
        read_secs: config.database.read_transaction_secs,
        master_key: config.secrets.read_master_key()?,
        settings: settings(config)?,
        mailer: mailer(config)?,
        fixed_settings: config.settings.values(),
        trusted_keys: config.license.read_trusted_keys()?,
        storage: storage(config)?,
        clock: Clock::system(),
    })
}

fn storage(config: &Config) -> anyhow::Result<StorageOpening> {
    let connectors = config.storage.read_connectors()?;
    let connectors = connectors.into_iter().map(|(name, given)| FixedConnector { name, given }).collect();
    Ok(StorageOpening { connectors, default: config.storage.read_default()?, rules: config.storage.read_rules()? })
}

/// How long a request waits for room in memory before it is told to come again.
const BUDGET_WAIT: Duration = Duration::from_secs(5);

pub fn api_options(config: &Config) -> api::Options {
    api::Options {
        proxies: Proxies {
            // `check` has refused what is no network.
            trusted: config.server.trusted_networks().unwrap_or_default(),
            public_url: config.server.public_url.clone(),
        },
        graphql_body_bytes: config.limits.graphql_body_bytes(),
        graphql_answer_bytes: config.limits.graphql_answer_bytes(),
        file_stream_body_bytes: config.limits.file_stream_body_bytes(),
        budget: BodyBudget::new(config.limits.in_flight_bytes(), BUDGET_WAIT),
        body_idle: Duration::from_secs(config.server.body_idle_secs),
    }
}

fn settings(config: &Config) -> anyhow::Result<Settings> {
    let (limits, history, runs) = (&config.limits, &config.history, &config.runs);
    let artifacts = &config.artifacts;
    Ok(Settings {
        rows: RowLimits {
            max_value_bytes: limits.value_bytes(),
            max_row_bytes: limits.row_bytes(),
            max_depth: usize::try_from(limits.json_depth)?,
        },
        config_bytes: limits.config_bytes(),
        manifest_bytes: artifacts.manifest_bytes(),
        metadata_bytes: artifacts.metadata_bytes(),
        upload_bytes: limits.upload_bytes(),
        upload_idle: Duration::from_secs(config.server.body_idle_secs),
        seal_rows: history.seal_rows,
        seal_bytes: history.seal_bytes() as u64,
        seal_idle_secs: i64::try_from(history.seal_idle_secs)?,
        history_cache_bytes: history.cache_bytes(),
        heartbeat_secs: i64::try_from(runs.heartbeat_secs)?,
        preempted_secs: i64::try_from(runs.preempted_secs)?,
        trash_days: i64::try_from(runs.trash_days)?,
        draft_secs: i64::try_from(artifacts.draft_hours * 3600)?,
        run_index_bytes: runs.index_bytes(),
        public_url: config.server.public_url.clone(),
    })
}

/// Who sends mails, if the settings name a server for it.
pub fn mailer(config: &Config) -> anyhow::Result<Option<Mailer>> {
    let mail = &config.mail;
    let (Some(host), Some(from)) = (mail.host.clone(), mail.from.clone()) else { return Ok(None) };
    let options = mail::Options {
        host,
        port: mail.port,
        security: match mail.security {
            MailSecurity::None => mail::Security::None,
            MailSecurity::StartTls => mail::Security::StartTls,
            MailSecurity::Tls => mail::Security::Tls,
        },
        login: mail.read_login()?,
        from,
        authority: mail.read_authority()?,
        timeout: Duration::from_secs(mail.timeout_secs),
    };
    Ok(Some(Mailer::new(&options).map_err(|why| anyhow::anyhow!("`[mail]`: {why}"))?))
}
