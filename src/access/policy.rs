//! The permission table: a row per action, a column per role, and the licensed feature it needs.

use crate::domain::licence::Feature;
use std::fmt;

/// What the table says about one role and one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    Yes,
    /// Only on what the caller owns.
    Own,
    No,
    /// The role does not exist in this scope.
    None,
}

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    ViewOnly,
    Member,
    RegistryAdmin,
    TeamAdmin,
    OrgAdmin,
    SystemAdmin,
}

impl Column {
    pub const ALL: [Column; 6] =
        [Self::ViewOnly, Self::Member, Self::RegistryAdmin, Self::TeamAdmin, Self::OrgAdmin, Self::SystemAdmin];

    /// As the head of the table calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ViewOnly => "view_only",
            Self::Member => "member",
            Self::RegistryAdmin => "registry_admin",
            Self::TeamAdmin => "team_admin",
            Self::OrgAdmin => "org_admin",
            Self::SystemAdmin => "system_admin",
        }
    }
}

/// The part of the product an action belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Area {
    Team,
    Project,
    Experiments,
    Reports,
    Artifacts,
    ModelRegistry,
    Keys,
    Organization,
    Storage,
    System,
}

impl Area {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Project => "project",
            Self::Experiments => "experiments",
            Self::Reports => "reports",
            Self::Artifacts => "artifacts",
            Self::ModelRegistry => "model_registry",
            Self::Keys => "keys",
            Self::Organization => "organization",
            Self::Storage => "storage",
            Self::System => "system",
        }
    }

    /// Whether its objects live in a project, where project role and visibility count.
    pub const fn is_inside_project(self) -> bool {
        matches!(self, Self::Project | Self::Experiments | Self::Reports | Self::Artifacts)
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub name: &'static str,
    pub area: Area,
    /// In the order of [`Column::ALL`].
    pub cells: [Cell; 6],
    pub needs: Option<Feature>,
}

impl Rule {
    pub const fn cell(&self, column: Column) -> Cell {
        self.cells[column as usize]
    }
}

macro_rules! cell {
    (yes) => {
        Cell::Yes
    };
    (own) => {
        Cell::Own
    };
    (no) => {
        Cell::No
    };
    (none) => {
        Cell::None
    };
}

macro_rules! needed {
    () => {
        None
    };
    ($feature:ident) => {
        Some(Feature::$feature)
    };
}

macro_rules! policy {
    ($($action:ident $name:literal $area:ident [$($cell:ident)*] $(needs $feature:ident)?;)*) => {
        /// Something a caller may ask to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action { $($action),* }

        impl Action {
            /// Every action, in the order of the table.
            pub const ALL: &'static [Action] = &[$(Action::$action),*];

            /// The row of this action.
            pub const fn rule(self) -> &'static Rule {
                match self {
                    $(Action::$action => &Rule {
                        name: $name,
                        area: Area::$area,
                        cells: [$(cell!($cell)),*],
                        needs: needed!($($feature)?),
                    },)*
                }
            }

            /// The action with this name, if there is one.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Action::$action),)*
                    _ => None,
                }
            }
        }
    };
}

policy! {
    //                                                                      view  member reg  team  org   system
    TeamRead                 "team:read"                    Team           [yes   yes   yes   yes   yes   yes ];
    TeamSettingsRead         "team:settings_read"           Team           [yes   yes   yes   yes   yes   yes ];
    TeamMemberAdd            "team:member_add"              Team           [no    no    no    yes   yes   yes ];
    TeamMemberRemove         "team:member_remove"           Team           [no    no    no    yes   yes   yes ];
    TeamRoleChange           "team:role_change"             Team           [no    no    no    yes   yes   yes ];
    TeamSettingsUpdate       "team:settings_update"         Team           [no    no    no    yes   yes   yes ];
    TeamProfileUpdate        "team:profile_update"          Team           [no    no    no    yes   no    no  ];
    TeamLeave                "team:leave"                   Team           [yes   yes   yes   yes   none  none];
    ServiceAccountCreate     "service_account:create"       Team           [no    no    no    yes   no    no  ] needs ServiceAccounts;
    ServiceAccountKey        "service_account:key"          Team           [no    no    no    yes   no    no  ];
    ServiceAccountDelete     "service_account:delete"       Team           [no    no    no    yes   yes   yes ];
    WebhookManage            "webhook:manage"               Team           [no    no    no    yes   no    no  ];
    SecretManage             "secret:manage"                Team           [no    no    no    yes   no    no  ];
    RoleAssignCustom         "role:assign_custom"           Team           [no    no    no    yes   yes   yes ] needs CustomRoles;
    RoleAssignViewOnly       "role:assign_view_only"        Team           [no    no    no    yes   yes   yes ] needs ViewOnly;

    ProjectRead              "project:read"                 Project        [yes   yes   yes   yes   no    no  ];
    ProjectCreate            "project:create"               Project        [no    yes   yes   yes   no    no  ];
    ProjectUpdate            "project:update"               Project        [no    yes   yes   yes   no    no  ];
    ProjectMembers           "project:members"              Project        [no    own   own   yes   no    no  ];
    ProjectDelete            "project:delete"               Project        [no    no    no    yes   no    no  ];
    ProjectVisibility        "project:visibility"           Project        [no    own   own   yes   yes   no  ];

    RunRead                  "run:read"                     Experiments    [yes   yes   yes   yes   no    no  ];
    WorkspaceUpdate          "workspace:update"             Experiments    [no    yes   yes   yes   no    no  ];
    RunLog                   "run:log"                      Experiments    [no    yes   yes   yes   no    no  ];
    RunUpdate                "run:update"                   Experiments    [no    yes   yes   yes   no    no  ];
    RunDelete                "run:delete"                   Experiments    [no    own   own   yes   no    no  ];
    RunUndelete              "run:undelete"                 Experiments    [no    own   own   yes   no    no  ];
    RunStop                  "run:stop"                     Experiments    [no    own   own   yes   no    no  ];
    RunMove                  "run:move"                     Experiments    [no    own   own   yes   no    no  ];
    SweepCreate              "sweep:create"                 Experiments    [no    yes   yes   yes   no    no  ];
    SweepAgent               "sweep:agent"                  Experiments    [no    yes   yes   yes   no    no  ];
    SweepUpdate              "sweep:update"                 Experiments    [no    own   own   yes   no    no  ];
    SweepDelete              "sweep:delete"                 Experiments    [no    own   own   yes   no    no  ];

    ReportRead               "report:read"                  Reports        [yes   yes   yes   yes   no    no  ];
    ReportFollow             "report:follow"                Reports        [yes   yes   yes   yes   no    no  ];
    ReportComment            "report:comment"               Reports        [yes   yes   yes   yes   no    no  ];
    ReportCreate             "report:create"                Reports        [no    yes   yes   yes   no    no  ];
    ReportUpdate             "report:update"                Reports        [no    own   own   yes   no    no  ];
    ReportDelete             "report:delete"                Reports        [no    own   own   yes   no    no  ];
    ReportShare              "report:share"                 Reports        [no    own   own   yes   no    no  ];

    ArtifactRead             "artifact:read"                Artifacts      [yes   yes   yes   yes   no    no  ];
    ArtifactCreate           "artifact:create"              Artifacts      [no    yes   yes   yes   no    no  ];
    ArtifactDelete           "artifact:delete"              Artifacts      [no    yes   yes   yes   no    no  ];
    ArtifactMetadataUpdate   "artifact:metadata_update"     Artifacts      [no    yes   yes   yes   no    no  ];
    ArtifactAliasUpdate      "artifact:alias_update"        Artifacts      [no    yes   yes   yes   no    no  ];
    ArtifactAliasDelete      "artifact:alias_delete"        Artifacts      [no    yes   yes   yes   no    no  ];
    ArtifactDownload         "artifact:download"            Artifacts      [no    yes   yes   yes   no    no  ];
    CollectionDelete         "collection:delete"            Artifacts      [no    yes   yes   yes   no    no  ];

    ModelRead                "model:read"                   ModelRegistry  [yes   yes   yes   yes   no    no  ];
    ModelDownload            "model:download"               ModelRegistry  [yes   yes   yes   yes   no    no  ];
    ModelAdd                 "model:add"                    ModelRegistry  [no    yes   yes   yes   no    no  ];
    ModelUnlink              "model:unlink"                 ModelRegistry  [no    yes   yes   yes   no    no  ];
    ModelAliasAdd            "model:alias_add"              ModelRegistry  [no    yes   yes   yes   no    no  ];
    RegistryAdminChange      "registry_admin:change"        ModelRegistry  [no    no    yes   yes   no    no  ];
    ProtectedAliasChange     "protected_alias:change"       ModelRegistry  [no    no    yes   no    no    no  ];

    ApiKeyOwn                "api_key:own"                  Keys           [no    yes   yes   yes   yes   yes ];
    ApiKeyListOthers         "api_key:list_others"          Keys           [no    no    no    no    yes   yes ];
    ApiKeyRevokeOthers       "api_key:revoke_others"        Keys           [no    no    no    no    yes   yes ];
    ApiKeyImport             "api_key:import"               Keys           [no    no    no    no    no    yes ];

    TeamCreate               "team:create"                  Organization   [no    no    no    no    yes   yes ];
    TeamDelete               "team:delete"                  Organization   [no    no    no    no    no    yes ];
    TeamRestore              "team:restore"                 Organization   [no    no    no    no    no    yes ];
    CustomRoleDefine         "custom_role:define"           Organization   [no    no    no    no    yes   yes ] needs CustomRoles;
    CustomRoleDelete         "custom_role:delete"           Organization   [no    no    no    no    yes   yes ];
    OrgUpdate                "org:update"                   Organization   [no    no    no    no    yes   yes ];
    OrgMembers               "org:members"                  Organization   [no    no    no    no    yes   yes ];
    OrgPrivacy               "org:privacy"                  Organization   [no    no    no    no    yes   yes ];
    OrgServiceAccountCreate  "org_service_account:create"   Organization   [no    no    no    no    yes   yes ] needs ServiceAccounts;
    OrgServiceAccountDelete  "org_service_account:delete"   Organization   [no    no    no    no    yes   yes ];
    AuditRead                "audit:read"                   Organization   [no    no    no    no    yes   yes ] needs AuditLog;
    AccessExplain            "access:explain"               Organization   [no    no    no    yes   yes   yes ];

    ConnectorDefine          "connector:define"             Storage        [no    no    no    no    no    yes ];
    ConnectorAttach          "connector:attach"             Storage        [no    no    no    no    yes   yes ] needs StorageConnector;
    ConnectorTest            "connector:test"               Storage        [no    no    no    yes   yes   yes ];
    ConnectorMigrate         "connector:migrate"            Storage        [no    no    no    no    yes   yes ];
    StorageUsage             "storage:usage"                Storage        [no    no    no    yes   yes   yes ];
    StorageGc                "storage:gc"                   Storage        [no    no    no    no    no    yes ];

    UserManage               "user:manage"                  System         [no    no    no    no    no    yes ];
    SystemSettings           "system:settings"              System         [no    no    no    no    no    yes ];
    SystemLicense            "system:license"               System         [no    no    no    no    no    yes ];
    SystemBackup             "system:backup"                System         [no    no    no    no    no    yes ];
    OrgCreate                "org:create"                   System         [no    no    no    no    no    yes ];
    OrgDelete                "org:delete"                   System         [no    no    no    no    no    yes ];
}

impl Action {
    /// The name people see, such as `run:log`.
    pub const fn name(self) -> &'static str {
        self.rule().name
    }

    pub const fn area(self) -> Area {
        self.rule().area
    }

    /// A `:read` action: what seeing an object consists of.
    pub fn is_read(self) -> bool {
        self.name().ends_with(":read")
    }

    /// A `:download` action.
    pub fn is_download(self) -> bool {
        self.name().ends_with(":download")
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
