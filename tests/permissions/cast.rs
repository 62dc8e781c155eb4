//! Who asks: somebody of every role in and around a team, and everybody whom nothing is allowed.

use crate::server::{Server, wait_for};
use crate::table::cell;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use weighhouse::access::{Action, Area};
use weighhouse::domain::clock::Clock;

/// Status and body.
pub type Told = (u16, String);

/// What somebody is to the team and to what lies in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Holds the column and made the things that are asked for.
    Owns(&'static str),
    /// Holds the column; the things are somebody else's.
    Holds(&'static str),
    /// A service account of the team: a member who knows no organization, and has no place that it could leave.
    Account,
    /// Is in the organization, and not in the team.
    Colleague,
    /// Comes with a key, and holds nothing here.
    Outside,
    /// Comes with no key, or with one that opens nothing any more.
    Unknown,
}

impl Standing {
    pub fn may(self, action: &str) -> bool {
        match self {
            Self::Owns(column) => ["yes", "own"].contains(&cell(action, column)),
            Self::Holds(column) => cell(action, column) == "yes",
            Self::Account => action != "team:leave" && cell(action, "member") == "yes",
            Self::Colleague | Self::Outside | Self::Unknown => false,
        }
    }

    /// Whether they may learn that what the action is asked for exists.
    pub fn sees(self, action: &str) -> bool {
        let is_in_organization = ![Self::Outside, Self::Unknown].contains(&self);
        let is_in_team = is_in_organization && self != Self::Colleague;
        match Action::named(action).unwrap().area() {
            area if area.is_inside_project() => self.may("project:read"),
            Area::Keys | Area::System => self != Self::Unknown,
            Area::Team => is_in_team,
            // The key of a service account opens nothing while its team is in the trash.
            _ if action == "team:restore" => is_in_team && self != Self::Account,
            // Rows of other areas that name a team.
            _ if ["team:delete", "access:explain", "storage:usage"].contains(&action) => is_in_team,
            // Who asks about the store of a team they do not see learns nothing of either.
            _ if ["connector:attach", "connector:test", "connector:migrate"].contains(&action) => is_in_team,
            _ if ["connector:define", "storage:gc"].contains(&action) => self != Self::Unknown,
            _ => is_in_organization && self != Self::Account,
        }
    }
}

/// Somebody who asks.
#[derive(Clone)]
pub struct Asker<'s> {
    pub server: &'s Server<'s>,
    pub who: &'static str,
    pub standing: Standing,
    pub key: Option<String>,
}

/// Everybody in and around the team `vision` of the organization `default`.
pub struct Cast<'s> {
    pub server: &'s Server<'s>,
    keys: BTreeMap<&'static str, String>,
    /// The key of the team's service account, which is nobody's own.
    account: String,
}

/// The members of the team with their roles; `team-admin-2` lets the other one leave.
pub const ROLES: [(&str, &str); 5] = [
    ("view-only", "view_only"),
    ("owner", "member"),
    ("member", "member"),
    ("team-admin", "admin"),
    ("team-admin-2", "admin"),
];

impl<'s> Cast<'s> {
    pub fn new(server: &'s Server<'s>) -> Self {
        let admin = json!({ "username": "system-admin", "email": "system-admin@example.com", "system_admin": true });
        let admin = server.arrange("POST", "/api/v1/users", &admin)["api_key"].as_str().unwrap().to_owned();
        let mut keys = BTreeMap::from([("system-admin", admin)]);
        keys.extend(
            ["outsider", "invited", "revoked", "deactivated", "expired"].map(|name| (name, server.outsider(name))),
        );
        keys.extend(ROLES.map(|(name, _)| (name, server.person(name))));
        keys.extend(["org-admin", "colleague", "guest"].map(|name| (name, server.person(name))));
        let team = |name: &str, admins: &[&str]| {
            let team = json!({ "name": name, "organization": "default", "admins": admins });
            server.arrange("POST", "/api/v1/teams", &team);
        };
        team("vision", &["team-admin"]);
        // Who is view-only in all their teams has no key, so one of them is another one.
        team("speech", &["colleague", "view-only"]);
        for (name, role) in ROLES {
            server.arrange("PUT", &format!("/api/v1/teams/vision/members/{name}"), &json!({ "role": role }));
        }
        server.arrange("PUT", "/api/v1/organizations/default/members/org-admin", &json!({ "role": "admin" }));
        let accounts = "/api/v1/teams/vision/service-accounts";
        server.arrange("POST", accounts, &json!({ "name": "account" }));
        let account = server.arrange("POST", &format!("{accounts}/account/api-keys"), &json!({}));
        let account = account["api_key"].as_str().unwrap().to_owned();
        let mut cast = Self { server, keys, account };
        cast.invite("invited@example.com");
        cast.revoke("revoked");
        server.arrange("POST", "/api/v1/users/deactivated/deactivate", &Value::Null);
        cast.expire("expired");
        cast
    }

    pub fn key(&self, who: &str) -> Option<String> {
        self.keys.get(who).cloned()
    }

    pub fn keys(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.keys
            .iter()
            .filter(|(who, _)| !["revoked", "expired", "deactivated"].contains(*who))
            .map(|(who, key)| (*who, key.as_str()))
    }

    pub fn asker(&self, who: &'static str, standing: Standing) -> Asker<'s> {
        Asker { server: self.server, who, standing, key: self.key(who) }
    }

    /// Everybody, by what they are to the team.
    pub fn around_team(&self) -> Vec<Asker<'s>> {
        let people = [
            ("owner", Standing::Owns("member")),
            ("view-only", Standing::Holds("view_only")),
            ("member", Standing::Holds("member")),
            ("team-admin", Standing::Holds("team_admin")),
            ("org-admin", Standing::Holds("org_admin")),
            ("system-admin", Standing::Holds("system_admin")),
            ("colleague", Standing::Colleague),
            ("outsider", Standing::Outside),
            ("invited", Standing::Outside),
            ("nobody", Standing::Unknown),
            ("revoked", Standing::Unknown),
            ("expired", Standing::Unknown),
            ("deactivated", Standing::Unknown),
        ];
        let (server, key) = (self.server, Some(self.account.clone()));
        let account = Asker { server, who: "account", standing: Standing::Account, key };
        people.map(|(who, standing)| self.asker(who, standing)).into_iter().chain([account]).collect()
    }

    /// The same for the personal entity of `owner`.
    pub fn around_person(&self) -> Vec<Asker<'s>> {
        [
            ("owner", Standing::Owns("team_admin")),
            ("member", Standing::Outside),
            ("team-admin", Standing::Outside),
            ("org-admin", Standing::Outside),
            ("system-admin", Standing::Holds("system_admin")),
            ("outsider", Standing::Outside),
            ("nobody", Standing::Unknown),
        ]
        .map(|(who, standing)| self.asker(who, standing))
        .into()
    }

    /// An invitation that waits: the person is in no organization.
    fn invite(&self, email: &str) {
        let text = "mutation($i: CreateInviteInput!) { createInvite(input: $i) { invite { id } } }";
        let input = json!({ "entityName": "vision", "email": email, "admin": false });
        let told = self.server.graphql(self.keys.get("team-admin").map(String::as_str), text, &json!({ "i": input }));
        assert_eq!(told.0, 200, "{}", told.1);
    }

    /// Gives the person a key that ends at once, and waits until it opens nothing.
    fn expire(&mut self, who: &'static str) {
        let soon = Clock::system().now().plus_secs(2).to_rfc3339();
        let (status, made) =
            self.server.ask(&self.keys[who], "POST", "/api/v1/api-keys", &json!({ "expires_at": soon }));
        assert_eq!(status, 201, "{made}");
        let key = made["api_key"].as_str().unwrap().to_owned();
        let opens = |key: &str| self.server.graphql(Some(key), "{ viewer { id } }", &Value::Null).0 != 401;
        wait_for(|| (!opens(&key)).then_some(()));
        self.keys.insert(who, key);
    }

    fn revoke(&self, who: &str) {
        let key = self.keys.get(who).map(String::as_str);
        let (_, told) = self.server.graphql(key, "{ viewer { apiKeys { edges { node { id } } } } }", &Value::Null);
        let told: Value = serde_json::from_str(&told).unwrap();
        let id = &told["data"]["viewer"]["apiKeys"]["edges"][0]["node"]["id"];
        let text = "mutation($id: String!) { deleteApiKey(input: {id: $id}) { success } }";
        let told = self.server.graphql(key, text, &json!({ "id": id }));
        assert!(told.1.contains("\"success\":true"), "{}", told.1);
    }
}

/// What became of one request of one person.
pub struct Outcome {
    pub told: Told,
    /// Whether it was done, as its owner finds afterwards.
    pub is_done: bool,
    /// What the same request is told about something that is not there, where that is different.
    pub told_of_missing: Option<String>,
    /// For a person who reads that the test failed.
    pub detail: String,
}

/// Arranges what is asked for, asks, and looks; the number is another one each time.
type Play<'s> = Box<dyn Fn(&Asker<'s>, usize) -> Outcome + 's>;

/// A request that an action guards.
pub struct Row<'s> {
    pub action: &'static str,
    /// Which of the requests of this action.
    pub name: &'static str,
    pub play: Play<'s>,
}
