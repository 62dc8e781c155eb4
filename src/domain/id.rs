//! Typed ids. A noun's id is a `u64`, given out once and never used again.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {
        /// What an id numbers; each kind counts by itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum IdKind { $($name = $kind),* }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub u64);

            impl Id for $name {
                const KIND: IdKind = IdKind::$name;
                fn from_u64(value: u64) -> Self { Self(value) }
                fn to_u64(self) -> u64 { self.0 }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
            }
        )*
    };
}

/// What all typed ids have in common.
pub trait Id: Copy + Send + 'static {
    const KIND: IdKind;
    fn from_u64(value: u64) -> Self;
    fn to_u64(self) -> u64;
}

// The numbers are stored: never reuse one.
ids! {
    UserId = 1;
    /// A user's personal entity or a team: what owns projects.
    EntityId = 2;
    OrganizationId = 3;
    ApiKeyId = 4;
    ProjectId = 5;
    RunId = 6;
    /// A run file by name; its contents may be uploaded many times.
    FileId = 7;
    /// One upload's bytes in the object store.
    ObjectId = 8;
    /// One sealed stretch of history.
    SegmentId = 9;
    AlertId = 10;
    JobId = 11;
    ArtifactTypeId = 12;
    /// A sequence or a portfolio.
    CollectionId = 13;
    ArtifactId = 14;
    ManifestId = 15;
    /// Leave to send one blob.
    BlobUploadId = 16;
    InvitationId = 30;
    CustomChartId = 31;
    CustomRoleId = 61;
    /// One record of the audit log.
    AuditId = 40;
    SessionId = 53;
    ResetLinkId = 54;
    MailId = 55;
    SweepId = 20;
    /// A process that runs what a sweep suggests.
    AgentId = 21;
    /// An image of another host in an introduction.
    OutsideImageId = 64;
    ConnectorId = 80;
}
