//! The keys that runs are filtered and ordered by, in every spelling that clients send.

use crate::domain::filter::{BadQuery, FilterKey};

/// A key with more parts than this is nobody's.
const PARTS_MAX: usize = 32;

/// What of a run a condition or an order is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    State,
    Name,
    DisplayName,
    Group,
    JobType,
    Sweep,
    Tags,
    /// Of the run's owner.
    Username,
    Entity,
    Project,
    CreatedAt,
    HeartbeatAt,
    /// Seconds from creation to the last heartbeat.
    Duration,
    Host,
    Notes,
    Description,
    /// The rest of the key, with or without the `value` that wraps every key of a config.
    Config(String),
    Summary(String),
    /// What history knows of a logged key.
    HistoryKey(String),
}

impl FilterKey for Field {
    fn parse(key: &str) -> Result<Self, BadQuery> {
        if let Some(field) = Self::named(key) {
            return Ok(field);
        }
        type Group = (&'static str, fn(String) -> Field);
        let groups: [Group; 4] = [
            ("config.", Self::Config),
            ("summary_metrics.", Self::Summary),
            ("summaryMetrics.", Self::Summary),
            ("keys_info.keys.", Self::HistoryKey),
        ];
        for (prefix, make) in groups {
            let Some(path) = key.strip_prefix(prefix) else { continue };
            if path.is_empty() || path.split('.').count() > PARTS_MAX {
                break;
            }
            return Ok(make(path.to_owned()));
        }
        Err(BadQuery::new(format!("`{key}` is no key of runs; there are `state`, `config.…`, `summary_metrics.…`, …")))
    }

    fn is_date(&self) -> bool {
        matches!(self, Self::CreatedAt | Self::HeartbeatAt)
    }
}

impl Field {
    fn named(key: &str) -> Option<Self> {
        Some(match key {
            "state" => Self::State,
            "name" => Self::Name,
            "display_name" | "displayName" => Self::DisplayName,
            "group" => Self::Group,
            "job_type" | "jobType" => Self::JobType,
            "sweep" => Self::Sweep,
            "tags" => Self::Tags,
            "username" => Self::Username,
            "entity" => Self::Entity,
            "project" => Self::Project,
            "created_at" | "createdAt" => Self::CreatedAt,
            "heartbeat_at" | "heartbeatAt" | "updated_at" | "updatedAt" => Self::HeartbeatAt,
            "duration" => Self::Duration,
            "host" => Self::Host,
            "notes" => Self::Notes,
            "description" => Self::Description,
            _ => return None,
        })
    }
}
