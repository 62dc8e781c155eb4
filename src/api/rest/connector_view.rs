//! How connectors and their self-tests are shown.

use crate::app::connector::ShownConnector;
use crate::app::page::Page;
use crate::domain::connector::probe::{Outcome, ProbeResult, StepResult};
use crate::domain::connector::{DataPath, Identity, Place};
use crate::domain::id::ConnectorId;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct ConnectorView {
    name: String,
    /// The provider and what it needs to know, as it was given.
    #[schema(value_type = Value)]
    place: Place,
    prefix: String,
    /// As whom the server goes there.
    #[schema(value_type = Value)]
    identity: Identity,
    /// It has credentials, which nobody is shown.
    has_credentials: bool,
    /// As it was given: `direct`, `proxy` or `auto`.
    #[schema(value_type = String)]
    data_path: DataPath,
    /// Whether clients come to the store themselves: what `auto` has been decided to.
    is_direct: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_endpoint: Option<String>,
    /// Certificates are trusted beside the system's.
    has_ca: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    /// Rises with every change, of credentials too.
    version: u32,
    created_at: String,
    /// The settings file says it: it cannot be changed here.
    fixed: bool,
    /// It is the store of this server, for all teams that have none of their own.
    is_default: bool,
    /// Whose bytes are in it, as far as you may know them.
    teams: Vec<String>,
    /// The last self-test; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<TestView>,
}

#[derive(Serialize, ToSchema)]
pub struct TestView {
    at: String,
    /// The store can be used.
    passed: bool,
    /// It was made before the connector was changed last.
    outdated: bool,
    steps: Vec<StepView>,
}

#[derive(Serialize, ToSchema)]
pub struct StepView {
    /// Such as `put` or `signed_get`.
    step: &'static str,
    /// `passed`, `failed` or `skipped`.
    outcome: &'static str,
    /// A store where it fails cannot be used; what is not needed goes through the server instead.
    needed: bool,
    /// Milliseconds that it took.
    millis: u64,
    /// What was seen: the provider's own words after a failure, the reason why nothing was tried, or what is worth
    /// knowing.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
    /// The permission or setting that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
    /// A document or command for the provider that puts it right.
    #[serde(skip_serializing_if = "Option::is_none")]
    paste: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ConnectorPage {
    connectors: Vec<ConnectorView>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct TeamConnector {
    /// null: the store of this server.
    connector: Option<ConnectorView>,
}

impl From<ShownConnector> for ConnectorView {
    fn from(shown: ShownConnector) -> Self {
        let is_direct = shown.is_direct();
        let ShownConnector { connector, is_default, teams, last } = shown;
        let spec = connector.spec;
        Self {
            name: connector.name.to_string(),
            place: spec.place,
            prefix: spec.prefix,
            identity: spec.identity,
            has_credentials: connector.sealed.is_some(),
            data_path: spec.data_path,
            is_direct,
            client_endpoint: spec.network.client_endpoint,
            has_ca: spec.network.ca.is_some(),
            proxy: spec.network.proxy,
            version: connector.version,
            created_at: connector.created_at.to_rfc3339(),
            fixed: connector.is_fixed,
            is_default,
            teams,
            test: last.map(|last| TestView::of(last, connector.version)),
        }
    }
}

impl TestView {
    fn of(last: ProbeResult, version: u32) -> Self {
        Self {
            at: last.at.to_rfc3339(),
            passed: last.is_good(),
            outdated: last.version != version,
            steps: last.steps.into_iter().map(StepView::from).collect(),
        }
    }
}

impl From<StepResult> for StepView {
    fn from(result: StepResult) -> Self {
        let (outcome, words, missing, paste) = match result.outcome {
            Outcome::Passed { note } => ("passed", note, None, None),
            Outcome::Failed(failure) => ("failed", Some(failure.words), failure.missing, failure.paste),
            Outcome::Skipped { reason } => ("skipped", Some(reason), None, None),
        };
        let (step, needed, millis) = (result.step.name(), result.is_needed, result.millis);
        Self { step, outcome, needed, millis, words, missing, paste }
    }
}

impl From<Page<ShownConnector, ConnectorId>> for ConnectorPage {
    fn from(page: Page<ShownConnector, ConnectorId>) -> Self {
        let next = page.next.map(|next| next.to_string());
        Self { connectors: page.items.into_iter().map(ConnectorView::from).collect(), next }
    }
}

impl From<Option<ShownConnector>> for TeamConnector {
    fn from(connector: Option<ShownConnector>) -> Self {
        Self { connector: connector.map(ConnectorView::from) }
    }
}
