//! The audit log as use cases write it: what is there after each of them, and what is not.

use crate::access::{Caller, Feature};
use crate::app::Error;
use crate::app::api_key::{NewKey, Whose};
use crate::app::artifact::testing::{Logged, contents};
use crate::app::organization::JoinOrganization;
use crate::app::project::UpsertProject;
use crate::app::run::{Target, UpsertRun};
use crate::app::sweep::{NewAgent, SweepTarget, UpsertSweep};
use crate::app::team::CreateTeam;
use crate::app::testing::{START, World};
use crate::app::user::list::Wanted;
use crate::app::user::{CreateUser, FirstKey};
use crate::db::schema::{AUDIT_HEAD, AUDIT_LOG, AUDIT_PENDING, USERS};
use crate::db::tx::WriteTx;
use crate::domain::audit::{Actor, AuditAction, AuditRecord};
use crate::domain::audit_chain::Head;
use crate::domain::lease::WorkerId;
use crate::domain::run::RunState;
use std::collections::BTreeMap;

const OPERATOR: Caller = Caller::OPERATOR;

/// A record in a line: who, what, to whom or what, and the details.
fn told(record: &AuditRecord) -> String {
    let actor = match &record.actor {
        Actor::User { email, .. } => email.split('@').next().unwrap().to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    let subject = &record.subject;
    let parts = [
        subject.entity.as_ref().map(|entity| format!("in {}", entity.name)),
        subject.project.as_ref().map(|(_, name)| format!("project {name}")),
        subject.artifact.as_ref().map(|artifact| format!("artifact {}", artifact.qualified_name)),
        subject.user.as_ref().map(|user| format!("user {}", user.email)),
    ];
    let details = record.details.iter().map(|(field, value)| format!("{field}={value}"));
    let parts: Vec<String> = parts.into_iter().flatten().chain(details).collect();
    format!("{actor} {} {}", record.action, parts.join(" ")).trim_end().to_owned()
}

impl World {
    /// Everything that was recorded since the last time.
    async fn recorded(&self) -> Vec<AuditRecord> {
        self.app.write_noted_reads().await.unwrap();
        let before = self.linked().await.len();
        self.app.link_audit_records().await.unwrap();
        self.linked().await.split_off(before)
    }

    async fn linked(&self) -> Vec<AuditRecord> {
        let links =
            self.app.db.read(|tx| AUDIT_LOG.list(tx, &(), None, usize::MAX).map_err(Error::from)).await.unwrap();
        links.iter().map(|(_, link)| serde_json::from_str(&link.written.text).unwrap()).collect()
    }

    async fn told(&self) -> Vec<String> {
        self.recorded().await.iter().map(told).collect()
    }

    async fn person(&self, name: &str) -> Caller {
        let person = CreateUser {
            username: Some(name.into()),
            email: format!("{name}@example.com"),
            name: None,
            password: None,
            api_key: FirstKey::Made,
            system_admin: false,
            organization: JoinOrganization::First,
        };
        let key = self.app.create_user(&OPERATOR, person).await.unwrap().api_key.unwrap();
        self.app.caller_of_key(key.expose()).await.unwrap()
    }

    async fn team(&self, admins: &[&str]) {
        let admins = admins.iter().map(|name| (*name).to_owned()).collect();
        let team = CreateTeam { name: "vision".into(), organization: "default".into(), admins };
        self.app.create_team(&OPERATOR, team).await.unwrap();
    }

    async fn tamper(&self, change: impl Fn(&mut WriteTx<'_>) -> Result<(), Error> + Send + 'static) {
        self.app.db.write(change).await.unwrap();
    }

    async fn broken(&self, noted: Option<Head>) -> Option<String> {
        self.app.check_audit_log(&OPERATOR, noted).await.unwrap().broken
    }
}

/// Has Ada log a version `c:v0`, and returns its digest.
pub(crate) async fn log_a_version(world: &World) -> String {
    Logged::files(&[("a.txt", "a")]).log(world, "c").await.artifact.digest.clone()
}

#[tokio::test]
async fn people_organizations_teams_and_keys_leave_a_record_of_each_change() {
    let world = World::new().await;
    let first: Vec<String> = world.told().await;
    assert_eq!(
        first,
        [
            "system organization:create in default",
            "operator organization:update_member in default user ada@example.com role=member role_before=none",
            "operator user:create user ada@example.com system_admin=false",
            "operator user:create_api_key user ada@example.com api_key=1 scope=admin",
        ]
    );
    let app = &world.app;
    let grace = world.person("grace").await;
    world.recorded().await;

    app.create_organization(&OPERATOR, "lab").await.unwrap();
    app.put_organization_member(&OPERATOR, "lab", "grace", "admin").await.unwrap();
    app.put_organization_member(&OPERATOR, "lab", "grace", "admin").await.unwrap();
    app.put_organization_member(&OPERATOR, "lab", "ada", "member").await.unwrap();
    app.remove_organization_member(&OPERATOR, "lab", "ada").await.unwrap();
    assert_eq!(
        world.told().await,
        [
            "operator organization:create in lab",
            "operator organization:update_member in lab user grace@example.com role=admin role_before=none",
            "operator organization:update_member in lab user ada@example.com role=member role_before=none",
            "operator organization:update_member in lab user ada@example.com role=none role_before=member",
        ],
        "asking for what is so already is no change"
    );

    let robots = CreateTeam { name: "robots".into(), organization: "lab".into(), admins: vec!["grace".into()] };
    app.create_team(&OPERATOR, robots).await.unwrap();
    app.put_team_member(&grace, "robots", "ada", "member").await.unwrap();
    app.put_team_member(&grace, "robots", "ada", "admin").await.unwrap();
    app.remove_team_member(&grace, "robots", "ada").await.unwrap();
    app.invite(&grace, "robots", "edsger@example.com", "member").await.unwrap();
    app.invite(&grace, "robots", "barbara@example.com", "member").await.unwrap();
    let waiting = app.list_invitations(&grace, "robots").await.unwrap();
    let barbara = waiting.iter().find(|(_, invitation)| invitation.email.starts_with("barbara")).unwrap().0;
    app.delete_invitation(&grace, "robots", barbara).await.unwrap();
    assert_eq!(
        world.told().await,
        [
            "operator team:create in robots",
            "operator team:update_member in robots user grace@example.com role=admin role_before=none",
            "grace organization:update_member in lab user ada@example.com role=member role_before=none",
            "grace team:update_member in robots user ada@example.com role=member role_before=none",
            "grace team:update_member in robots user ada@example.com role=admin role_before=member",
            "grace team:remove_member in robots user ada@example.com role=none role_before=admin",
            "grace team:invite_user in robots user edsger@example.com invitation=1 role=member",
            "grace team:invite_user in robots user barbara@example.com invitation=2 role=member",
            "grace team:uninvite in robots user barbara@example.com invitation=2",
        ]
    );

    world.person("edsger").await;
    let key = app.create_api_key(&grace, Whose::Own, NewKey::default()).await.unwrap().shown.id;
    app.delete_api_key(&grace, key).await.unwrap();
    app.delete_user(&OPERATOR, "edsger").await.unwrap();
    let told = world.told().await;
    for expected in [
        "operator team:update_member in robots user edsger@example.com by=invitation role=member role_before=none",
        "grace user:create_api_key user grace@example.com api_key=4 scope=admin",
        "grace user:delete_api_key user grace@example.com api_key=4 scope=admin",
        "operator user:permanently_delete user edsger@example.com",
    ] {
        assert!(told.iter().any(|line| line == expected), "{expected} is not in {told:#?}");
    }
}

#[tokio::test]
async fn what_was_refused_or_undone_leaves_no_record() {
    let world = World::new().await;
    let grace = world.person("grace").await;
    world.team(&["ada"]).await;
    world.create_run("r", false).await;
    world.recorded().await;
    let app = &world.app;

    assert!(app.put_team_member(&grace, "vision", "grace", "admin").await.is_err());
    assert!(app.remove_team_member(&OPERATOR, "vision", "ada").await.is_err(), "the last admin stays");
    assert!(app.delete_user(&OPERATOR, "ada").await.is_err());
    assert!(app.create_organization(&OPERATOR, "default").await.is_err());
    assert!(app.delete_run(&grace, world.at("r")).await.is_err());
    assert!(app.delete_runs(&world.ada, vec![world.at("r"), world.at("nothing")]).await.is_err());
    assert!(app.delete_organization(&OPERATOR, "default").await.is_err());

    assert_eq!(world.told().await, Vec::<String>::new());
    assert_eq!(world.broken(None).await, None);
}

#[tokio::test]
async fn runs_projects_and_agents_leave_records_and_what_is_streamed_does_not() {
    let world = World::new().await;
    let (app, ada) = (&world.app, &world.ada);
    for run in ["a", "b", "c", "d"] {
        world.create_run(run, false).await;
        app.set_run_state(ada, world.at(run), RunState::Finished).await.unwrap();
    }
    let other = UpsertProject { entity: None, name: "other".into(), description: None, visibility: None };
    let (other, _) = app.upsert_project(ada, other).await.unwrap();
    world.recorded().await;

    world.send("a", &crate::app::testing::history(0, &[r#"{"_step":0,"a":1}"#])).await;
    let session = Target::Named { entity: Some("ada".into()), project: Some("p".into()), run: Some("a".into()) };
    app.upsert_run(ada, UpsertRun { target: session, config: Some("{}".into()), ..UpsertRun::default() })
        .await
        .unwrap();
    assert_eq!(world.told().await, Vec::<String>::new());

    let edit = UpsertRun { target: Target::Existing(world.at("a")), notes: Some("n".into()), ..UpsertRun::default() };
    app.upsert_run(ada, UpsertRun { tags: Some(vec!["t".into()]), ..edit }).await.unwrap();
    app.stop_run(ada, world.at("a")).await.unwrap();
    app.delete_run(ada, world.at("a")).await.unwrap();
    app.delete_runs(ada, vec![world.at("b"), world.at("c")]).await.unwrap();
    app.restore_runs(ada, vec![world.at("a"), world.at("b"), world.at("c")]).await.unwrap();
    let to = crate::app::project::ProjectPath::parse("ada", "other").unwrap();
    app.move_runs(ada, vec![world.at("d")], to.clone()).await.unwrap();
    let describe =
        UpsertProject { entity: None, name: "other".into(), description: Some("d".into()), visibility: None };
    app.upsert_project(ada, describe.clone()).await.unwrap();
    app.upsert_project(ada, describe).await.unwrap();
    app.rename_project(ada, to, "third").await.unwrap();
    app.delete_project(ada, other.id).await.unwrap();
    assert_eq!(
        world.told().await,
        [
            "ada run:update in ada project p fields=notes, tags runs=a",
            "ada run:stop in ada project p runs=a",
            "ada run:delete in ada project p runs=a",
            "ada run:delete_many in ada project p count=2 runs=b, c",
            "ada run:undelete_many in ada project p count=3 runs=a, b, c",
            "ada run:move_many in ada project p count=1 runs=d to_project=ada/other",
            "ada project:update in ada project other fields=description",
            "ada project:update in ada project other fields=name name=third",
            "ada project:delete in ada project third count=1 runs=d",
        ]
    );

    let config = "method: grid\nprogram: t.py\nparameters: {a: {values: [1]}}";
    let target = SweepTarget::New { entity: Some("ada".into()), project: Some("p".into()) };
    let sweep = UpsertSweep { target, config: Some(config.into()), ..UpsertSweep::default() };
    let sweep = app.upsert_sweep(ada, sweep).await.unwrap().sweep.sweep.name.clone();
    let new = NewAgent { entity: None, project: Some("p".into()), sweep: sweep.clone(), host: "h".into() };
    app.create_agent(ada, new).await.unwrap();
    let agent = format!("ada sweep:create_agent in ada project p host=h sweep={sweep}");
    assert_eq!(world.told().await, [agent]);
}

#[tokio::test]
async fn a_version_leaves_a_record_when_it_is_committed_and_when_it_is_deleted() {
    let world = World::new().await;
    let (app, ada) = (&world.app, &world.ada);
    world.create_run("r", false).await;
    world.recorded().await;

    let draft = Logged::files(&[("a.txt", "a")]).send(&world, "c").await;
    assert_eq!(world.told().await, Vec::<String>::new(), "a draft is nothing yet");
    let version = app.commit_artifact(ada, draft).await.unwrap();
    app.commit_artifact(ada, draft).await.unwrap();
    let created = world.recorded().await;
    assert_eq!(
        created.iter().map(told).collect::<Vec<_>>(),
        ["ada artifact:create in ada project p artifact ada/p/c:v0"]
    );
    let subject = created[0].subject.artifact.as_ref().unwrap();
    assert_eq!((subject.id, &subject.digest), (version.id, &version.artifact.digest));

    contents(&world, &version).await;
    contents(&world, &version).await;
    app.use_artifact(ada, version.id, world.at("r"), None).await.unwrap();
    assert_eq!(world.told().await, ["ada artifact:read in ada project p artifact ada/p/c:v0"], "once an hour");
    world.clock.advance_secs(3600);
    contents(&world, &version).await;
    assert_eq!(world.told().await.len(), 1, "another hour");

    app.delete_artifact(ada, version.id, true).await.unwrap();
    assert_eq!(world.told().await, ["ada artifact:delete in ada project p artifact ada/p/c:v0"]);
}

#[tokio::test]
async fn reading_a_project_or_a_person_is_noted_once_an_hour_and_never_by_a_write_of_its_own() {
    let world = World::new().await;
    let grace = world.person("grace").await;
    world.recorded().await;
    let before = world.app.db.sequence();

    for _ in 0..3 {
        assert!(world.app.find_project(&world.ada, Some("ada"), "p").await.unwrap().is_some());
        assert!(world.app.find_project(&grace, Some("ada"), "p").await.unwrap().is_none());
        assert!(world.app.search_person(&grace, "ada").await.unwrap().is_some());
        assert!(world.app.search_person(&grace, "grace").await.unwrap().is_some());
        world.app.list_users(&OPERATOR, Wanted::default(), None).await.unwrap();
    }

    assert_eq!(world.app.db.sequence(), before);
    let expected =
        ["ada project:read in ada project p", "grace user:read user ada@example.com", "operator user:read users=all"];
    assert_eq!(world.told().await, expected);
}

#[tokio::test]
async fn a_record_belongs_to_the_organization_of_its_team_or_to_those_of_its_person() {
    let world = World::new().await;
    world.team(&["ada"]).await;
    world.create_run("r", false).await;
    world.app.stop_run(&world.ada, world.at("r")).await.unwrap();
    world.app.create_organization(&OPERATOR, "lab").await.unwrap();
    world.app.put_organization_member(&OPERATOR, "lab", "ada", "member").await.unwrap();
    world.app.create_api_key(&world.ada, Whose::Own, NewKey::default()).await.unwrap();

    let mut belongs = BTreeMap::new();
    for record in world.recorded().await {
        belongs.insert(told(&record), record.organizations.iter().map(|id| id.0).collect::<Vec<_>>());
    }

    assert_eq!(belongs["operator team:create in vision"], [1]);
    assert_eq!(belongs["operator user:create user ada@example.com system_admin=false"], [1]);
    assert_eq!(belongs["ada user:create_api_key user ada@example.com api_key=2 scope=admin"], [1, 2]);
    assert_eq!(belongs["operator organization:create in lab"], [2]);
    assert!(belongs["ada run:stop in ada project p runs=r"].is_empty(), "what is one person's is no organization's");
}

#[tokio::test]
async fn a_link_that_was_changed_taken_out_swapped_or_cut_off_is_named() {
    let world = World::new().await;
    world.recorded().await;
    let head = world.app.check_audit_log(&OPERATOR, None).await.unwrap().head;
    assert_eq!((head.count, world.broken(Some(head.clone())).await), (4, None));
    let all = world.app.db.read(|tx| AUDIT_LOG.list(tx, &(), None, 10).map_err(Error::from)).await.unwrap();
    let restore = {
        let (all, head) = (all.clone(), head.clone());
        move |tx: &mut WriteTx<'_>| {
            for (number, link) in &all {
                AUDIT_LOG.put(tx, number, link)?;
            }
            Ok::<_, Error>(AUDIT_HEAD.put(tx, &(), &head)?)
        }
    };

    let second = all[1].1.clone();
    world
        .tamper(move |tx| {
            let mut changed = second.clone();
            changed.written.text = changed.written.text.replace("ada@example.com", "eve@example.com");
            Ok(AUDIT_LOG.put(tx, &2, &changed)?)
        })
        .await;
    assert!(world.broken(None).await.unwrap().starts_with("record 2 is not as it was: it was changed"));
    world.tamper(restore.clone()).await;

    world.tamper(|tx| Ok(AUDIT_LOG.delete(tx, &3).map(drop)?)).await;
    assert_eq!(world.broken(None).await.unwrap(), "record 3 is missing");
    world.tamper(restore.clone()).await;

    let (second, third) = (all[1].1.clone(), all[2].1.clone());
    world
        .tamper(move |tx| {
            AUDIT_LOG.put(tx, &2, &third)?;
            Ok(AUDIT_LOG.put(tx, &3, &second)?)
        })
        .await;
    assert!(world.broken(None).await.unwrap().starts_with("record 2 is not as it was: it does not follow"));
    world.tamper(restore.clone()).await;

    world.tamper(|tx| Ok(AUDIT_LOG.delete(tx, &4).map(drop)?)).await;
    assert_eq!(world.broken(None).await.unwrap(), "record 4 is missing", "the head still counts it");
    // Whoever also makes the head fit is found out by who has noted it.
    let links = all.clone();
    world
        .tamper(move |tx| {
            let mut shorter = Head::default();
            for (_, link) in &links[..3] {
                shorter.follow(link).unwrap();
            }
            Ok(AUDIT_HEAD.put(tx, &(), &shorter)?)
        })
        .await;
    assert_eq!(world.broken(None).await, None);
    assert!(world.broken(Some(head.clone())).await.unwrap().contains("the log had 4 records"));
    world.tamper(restore).await;

    let forged = Head { hash: "0".repeat(64), ..head };
    assert!(world.broken(Some(forged)).await.unwrap().contains("when the head was noted"));
    assert_eq!(world.broken(None).await, None);
}

#[tokio::test]
async fn a_record_that_is_changed_while_it_waits_is_named_before_and_after_it_is_linked() {
    let world = World::new().await;
    let waiting = world.app.check_audit_log(&OPERATOR, None).await.unwrap();
    assert_eq!((waiting.head.count, waiting.pending, waiting.broken), (0, 4, None));

    world
        .tamper(|tx| {
            let (id, mut written) = AUDIT_PENDING.list(tx, &(), None, 2)?.pop().unwrap();
            written.text = written.text.replace("ada@example.com", "eve@example.com");
            Ok(AUDIT_PENDING.put(tx, &id, &written)?)
        })
        .await;

    assert!(world.broken(None).await.unwrap().contains("waits to be linked"));
    world.app.link_audit_records().await.unwrap();
    assert!(world.broken(None).await.unwrap().starts_with("record 2 is not as it was: it was changed"));
}

#[tokio::test]
async fn linking_that_is_cut_off_loses_and_doubles_nothing() {
    let world = World::new().await;
    let cut_off = world.app.db.write(|tx| {
        crate::db::repo::audit::link_pending(tx, 2)?;
        Err::<(), Error>(Error::Unauthenticated)
    });
    assert!(cut_off.await.is_err());
    assert_eq!(world.linked().await.len(), 0);

    world.app.db.write(|tx| Ok::<_, Error>(crate::db::repo::audit::link_pending(tx, 3).map(drop)?)).await.unwrap();
    let world = world.reopened().await;
    world.clock.advance_secs(60);
    assert_eq!(world.app.link_audit_records().await.unwrap(), 1);
    assert_eq!(world.app.link_audit_records().await.unwrap(), 0);

    assert_eq!(world.linked().await.len(), 4);
    assert_eq!(world.broken(None).await, None);
}

#[tokio::test]
async fn one_process_links_at_a_time_and_the_next_takes_over_when_it_is_silent() {
    let world = World::new().await;
    let other = WorkerId(world.app.worker.0.wrapping_add(1));
    let hold =
        move |tx: &mut WriteTx<'_>| Ok::<_, Error>(crate::db::repo::lease::hold(tx, super::chain::WORK, other, 10)?);
    assert!(world.app.db.write(hold).await.unwrap());

    assert_eq!(world.app.link_audit_records().await.unwrap(), 0);
    world.clock.advance_secs(10);
    assert_eq!(world.app.link_audit_records().await.unwrap(), 4);
    assert!(!world.app.db.write(hold).await.unwrap(), "now this one has the lease");
    world.app.finish_audit_log().await.unwrap();
    assert!(world.app.db.write(hold).await.unwrap(), "given back at the end");
}

#[tokio::test]
async fn reading_the_log_is_recorded_and_so_is_a_refusal() {
    let world = World::new().await;
    let now = START.plus_secs(1);
    world.recorded().await;

    let unlicensed = world.app.read_audit_log(&OPERATOR, START..now, None).await.unwrap_err();
    assert!(unlicensed.to_string().starts_with("audit_log needs a licence"), "{unlicensed}");
    world.license(&[Feature::AuditLog]);
    assert!(world.app.read_audit_log(&world.ada, START..now, None).await.is_err());
    let mut reading = world.app.read_audit_log(&OPERATOR, START..now, None).await.unwrap();
    let read = world.app.next_audit_records(&mut reading, 100).await.unwrap();
    assert!(world.app.next_audit_records(&mut reading, 100).await.unwrap().is_empty());

    assert_eq!(read.len(), 4, "what was done until now");
    let recorded: Vec<(String, u16)> =
        world.recorded().await.iter().map(|record| (told(record), record.status)).collect();
    let range = "from=2027-01-15T08:00:00.000000Z to=2027-01-15T08:00:01.000000Z";
    assert_eq!(
        recorded,
        [
            (format!("operator audit:read {range}"), 200),
            ("operator audit:read".to_owned(), 403),
            ("ada audit:read".to_owned(), 403),
        ]
    );
    assert!(world.linked().await.iter().all(|record| AuditAction::ALL.contains(&record.action)));
}

#[tokio::test]
async fn a_log_that_is_longer_than_one_reading_is_read_whole_by_whomever_it_is_for() {
    const RECORDS: usize = 2_345;
    let world = World::new().await;
    world.app.put_organization_member(&OPERATOR, "default", "ada", "admin").await.unwrap();
    let first = world.linked().await.len();
    let written = world.app.db.write(|tx| {
        let (id, ada) = USERS.list(tx, &(), None, 1)?.pop().unwrap();
        (0..RECORDS).try_for_each(|number| {
            super::record(
                tx,
                &OPERATOR,
                super::Event::new(AuditAction::UserUpdate).user(id, &ada).detail("count", number),
            )
        })
    });
    written.await.unwrap();
    world.license(&[Feature::AuditLog]);

    for caller in [OPERATOR, world.ada] {
        let mut reading = world.app.read_audit_log(&caller, START..START.plus_secs(1), None).await.unwrap();
        let mut counts = Vec::new();
        loop {
            let records = world.app.next_audit_records(&mut reading, usize::MAX).await.unwrap();
            if records.is_empty() {
                break;
            }
            let of_update = records.iter().filter(|(_, record)| record.action == AuditAction::UserUpdate);
            counts.extend(of_update.map(|(_, record)| record.details["count"].parse::<usize>().unwrap()));
        }
        assert!(counts.into_iter().eq(0..RECORDS), "each once, in order");
    }
    assert!(world.linked().await.len() >= first + RECORDS);
    assert_eq!(world.broken(None).await, None);
}
