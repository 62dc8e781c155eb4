//! What the server says about itself.

use crate::api::graphql::scalar::StrictJson;
use crate::domain::json::Value;
use async_graphql::{Object, SimpleObject};

/// The features that are built, by the client's names for them; what is not in the list is off (wandb 0.31.0,
/// `wandb_internal.proto`, ServerFeature).
const FEATURES: [&str; 15] = [
    "LARGE_FILENAMES",
    "MARK_RUN_FILES_UPLOADED",
    "STRUCTURED_CONSOLE_LOGS",
    "FILESTREAM_GZIP",
    "ARTIFACT_TAGS",
    "CLIENT_IDS",
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
    "SWEEPS_LOCAL_SCHEDULER",
];

pub(in crate::api::graphql) struct ServerInfo;

#[Object]
impl ServerInfo {
    async fn features(&self) -> Vec<ServerFeature> {
        FEATURES.into_iter().map(|name| ServerFeature { name, is_enabled: true }).collect()
    }

    /// An object even for clients that do not look at it: 0.17.9 ends a run over anything else. The highest version there
    /// can be, so that no client is told that it is too new.
    async fn cli_version_info(&self) -> StrictJson {
        let text = |text: &str| Value::Text(text.to_owned());
        StrictJson::of(&Value::Object(vec![
            ("min_cli_version".into(), text("0.17.0")),
            ("max_cli_version".into(), text("999.0.0")),
        ]))
    }

    async fn latest_local_version_info(&self) -> LocalVersionInfo {
        let version = env!("CARGO_PKG_VERSION");
        LocalVersionInfo {
            out_of_date: false,
            latest_version_string: version,
            version_on_this_instance_string: version,
        }
    }

    async fn exposes_explicit_run_queue_ack_path(&self) -> bool {
        false
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ServerFeature {
    name: &'static str,
    is_enabled: bool,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct LocalVersionInfo {
    out_of_date: bool,
    latest_version_string: &'static str,
    version_on_this_instance_string: &'static str,
}

/// What 0.17.9 wants with every new run; it fails without the object.
#[derive(SimpleObject, Default)]
pub(in crate::api::graphql) struct ServerSettings {
    server_messages: Vec<ServerMessage>,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ServerMessage {
    utf_text: Option<String>,
    plain_text: Option<String>,
    html_text: Option<String>,
    message_type: Option<String>,
    message_level: Option<String>,
}
