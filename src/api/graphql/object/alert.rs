//! Alerts that a run's script raised.

use crate::api::graphql::cursor::PageInfo;
use crate::api::graphql::scalar::DateTime;
use crate::domain::run::{Alert as Record, Severity};
use async_graphql::{Enum, SimpleObject};

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(in crate::api::graphql) enum AlertSeverity {
    Info,
    Warn,
    Error,
}

impl From<Severity> for AlertSeverity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Info,
            Severity::Warn => Self::Warn,
            Severity::Error => Self::Error,
        }
    }
}

impl From<AlertSeverity> for Severity {
    fn from(severity: AlertSeverity) -> Self {
        match severity {
            AlertSeverity::Info => Self::Info,
            AlertSeverity::Warn => Self::Warn,
            AlertSeverity::Error => Self::Error,
        }
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct Alert {
    title: String,
    text: String,
    severity: AlertSeverity,
    created_at: DateTime,
}

impl From<Record> for Alert {
    fn from(record: Record) -> Self {
        let Record { title, text, severity, created_at } = record;
        Self { title, text, severity: severity.into(), created_at: DateTime(created_at) }
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct AlertConnection {
    pub edges: Vec<AlertEdge>,
    pub page_info: PageInfo,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct AlertEdge {
    pub node: Alert,
    pub cursor: String,
}
