//! Tokens of signed URLs die with what let their bearer in.

use super::Error;
use super::account::{Channel, Visitor};
use super::api_key::{NewKey, Whose};
use super::artifact::testing::token;
use super::file::FileUpload;
use super::organization::JoinOrganization;
use super::project::UpsertProject;
use super::run::{RunPath, Target, UpsertRun};
use super::sign_in::Credentials;
use super::team::CreateTeam;
use super::testing::World;
use super::user::{CreateUser, FirstKey};
use crate::access::{Caller, Visibility};
use crate::domain::setting::GivenValue;
use crate::secrets::Secret;
use bytes::Bytes;
use futures_util::stream;
use std::convert::Infallible;

const PASSWORD: &str = "a-good-password";

/// A team of Ada's with Grace in it, who has a run there with one file.
struct Scene {
    world: World,
    grace: Caller,
    key: String,
    at: RunPath,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let team = CreateTeam { name: "vision".into(), organization: "default".into(), admins: vec!["ada".into()] };
        world.app.create_team(&Caller::OPERATOR, team).await.unwrap();
        let person = CreateUser {
            username: Some("grace".into()),
            email: "grace@example.com".into(),
            name: None,
            password: None,
            api_key: FirstKey::Made,
            system_admin: false,
            organization: JoinOrganization::First,
        };
        let key = world.app.create_user(&Caller::OPERATOR, person).await.unwrap().api_key.unwrap();
        world.app.put_team_member(&Caller::OPERATOR, "vision", "grace", "member").await.unwrap();
        let grace = world.app.caller_of_key(key.expose()).await.unwrap();
        let at = RunPath::parse("vision", "p", "r").unwrap();
        let target = Target::Named { entity: Some("vision".into()), project: Some("p".into()), run: Some("r".into()) };
        world.app.upsert_run(&grace, UpsertRun { target, ..UpsertRun::default() }).await.unwrap();
        let scene = Self { world, grace, key: key.expose().to_owned(), at };
        scene.put(&scene.upload_token(&scene.grace).await).await.unwrap();
        scene
    }

    async fn upload_token(&self, caller: &Caller) -> String {
        let names = vec!["a.txt".to_owned()];
        let (_, uploads) = self.world.app.create_run_files(caller, self.at.clone(), names).await.unwrap();
        let [FileUpload { url, .. }] = uploads.try_into().unwrap();
        token(&url).to_owned()
    }

    async fn download_token(&self, caller: &Caller) -> String {
        let project = self.world.app.find_project(caller, Some("vision"), "p").await.unwrap().unwrap();
        let run = self.world.app.find_run(caller, &project, "r").await.unwrap().unwrap();
        let files = self.world.app.run_files_named(&run, vec!["a.txt".into()]).await.unwrap();
        self.world.app.download_token(caller, &files[0].contents)
    }

    async fn put(&self, token: &str) -> Result<[u8; 16], Error> {
        let body = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"hello"))]);
        self.world.app.receive_file(token, Some(5), None, body).await
    }

    async fn get(&self, token: &str) -> Result<(), Error> {
        self.world.app.open_download(token, crate::app::transfer::Wants::All).await.map(drop)
    }

    async fn opens(&self, tokens: &[String; 2]) -> (bool, bool) {
        (self.put(&tokens[0]).await.is_ok(), self.get(&tokens[1]).await.is_ok())
    }

    /// For sending, for fetching. Fetching is asked for last: sending replaces what it fetches.
    async fn tokens(&self, caller: &Caller) -> [String; 2] {
        let upload = self.upload_token(caller).await;
        self.put(&upload).await.unwrap();
        [upload, self.download_token(caller).await]
    }
}

#[tokio::test]
async fn with_the_key_that_they_were_asked_for() {
    let scene = Scene::new().await;
    let created = scene.world.app.create_api_key(&scene.grace, Whose::Own, NewKey::default()).await.unwrap();
    let second = scene.world.app.caller_of_key(created.key.unwrap().expose()).await.unwrap();
    let (by_first, by_second) = (scene.tokens(&scene.grace).await, scene.tokens(&second).await);

    scene.world.app.delete_api_key(&scene.grace, created.shown.id).await.unwrap();

    let dead = scene.get(&by_second[1]).await.unwrap_err();
    assert!(matches!(&dead, Error::BadUrl(why) if why.contains("lost the right")), "{dead}");
    assert!(matches!(scene.put(&by_second[0]).await, Err(Error::BadUrl(_))));
    assert!(scene.get(&scene.download_token(&scene.grace).await).await.is_ok());
    assert!(scene.put(&by_first[0]).await.is_ok(), "what another key asked for lives on");
}

#[tokio::test]
async fn with_the_expiry_of_the_key() {
    let scene = Scene::new().await;
    let soon = scene.world.clock.now().plus_secs(60);
    let new = NewKey { expires_at: Some(soon), ..NewKey::default() };
    let created = scene.world.app.create_api_key(&scene.grace, Whose::Own, new).await.unwrap();
    let short = scene.world.app.caller_of_key(created.key.unwrap().expose()).await.unwrap();
    let tokens = scene.tokens(&short).await;
    assert!(scene.get(&tokens[1]).await.is_ok());

    scene.world.clock.advance_secs(60);

    assert_eq!(scene.opens(&tokens).await, (false, false));
}

#[tokio::test]
async fn with_the_place_in_the_team() {
    let scene = Scene::new().await;
    let tokens = scene.tokens(&scene.grace).await;
    scene.world.app.remove_team_member(&Caller::OPERATOR, "vision", "grace").await.unwrap();

    assert_eq!(scene.opens(&tokens).await, (false, false));
    let hidden = scene.get(&tokens[1]).await.unwrap_err();
    scene.world.app.delete_run(&world_admin(&scene), scene.at.clone()).await.unwrap();
    let missing = scene.get(&tokens[1]).await.unwrap_err();
    assert_eq!(hidden.to_string(), missing.to_string());
}

fn world_admin(scene: &Scene) -> Caller {
    scene.world.ada
}

#[tokio::test]
async fn with_the_right_to_write_while_reading_goes_on() {
    let scene = Scene::new().await;
    scene.world.license(&[crate::access::Feature::ViewOnly]);
    // Grace is a member elsewhere, so that her key goes on working.
    let team = CreateTeam { name: "speech".into(), organization: "default".into(), admins: vec!["grace".into()] };
    scene.world.app.create_team(&Caller::OPERATOR, team).await.unwrap();
    let tokens = scene.tokens(&scene.grace).await;
    scene.world.app.put_team_member(&Caller::OPERATOR, "vision", "grace", "view_only").await.unwrap();

    assert_eq!(scene.opens(&tokens).await, (false, true));
    let refused = scene.put(&tokens[0]).await.unwrap_err();
    assert!(refused.to_string().contains("run:log is refused"), "{refused}");
}

#[tokio::test]
async fn a_visitor_reads_files_of_a_public_project_as_long_as_it_is_one() {
    let scene = Scene::new().await;
    let visibility = |visibility| UpsertProject {
        entity: Some("vision".into()),
        name: "p".into(),
        description: None,
        visibility: Some(visibility),
    };
    let on = GivenValue::Switch(true);
    scene.world.app.put_setting(&Caller::OPERATOR, "anonymous_reading", &on).await.unwrap();
    scene.world.app.upsert_project(&scene.world.ada, visibility(Visibility::Public)).await.unwrap();
    let visitor = Caller { instance: scene.world.app.instance_rules(), ..Caller::ANONYMOUS };
    let token = scene.download_token(&visitor).await;
    assert!(scene.get(&token).await.is_ok());

    scene.world.app.upsert_project(&scene.world.ada, visibility(Visibility::Team)).await.unwrap();

    assert!(matches!(scene.get(&token).await, Err(Error::NotFound(_))));
    assert!(scene.world.app.caller_of_key(&scene.key).await.is_ok());
}

#[tokio::test]
async fn with_the_session_that_they_were_asked_for() {
    let scene = Scene::new().await;
    let app = &scene.world.app;
    let link = app.create_reset_link(&Caller::OPERATOR, "grace").await.unwrap().token;
    let visitor = || Visitor { address: None, agent: String::new(), channel: Channel::Local };
    app.reset_password(&Caller::ANONYMOUS, link.expose(), Secret::new(PASSWORD), &visitor()).await.unwrap();
    let sign_in = async || {
        let (login, password) = ("grace".to_owned(), Secret::new(PASSWORD));
        let credentials = Credentials { login, password, code: None, previous: None };
        let token = app.sign_in(&Caller::ANONYMOUS, credentials, visitor()).await.unwrap();
        let (caller, session) = app.caller_of_session(&token, None).unwrap();
        (caller, session, scene.tokens(&caller).await)
    };
    let by_key = scene.tokens(&scene.grace).await;

    let (caller, session, tokens) = sign_in().await;
    assert!(scene.opens(&tokens).await.0);
    let (_, _, others) = sign_in().await;
    app.end_session(&caller, session).await.unwrap();
    assert_eq!(scene.opens(&tokens).await, (false, false), "signed out");
    assert!(scene.get(&others[1]).await.is_ok(), "another session goes on");

    let (caller, _, tokens) = sign_in().await;
    app.end_all_sessions(&caller).await.unwrap();
    assert_eq!(scene.opens(&others).await, (false, false), "signed out everywhere");
    assert_eq!(scene.opens(&tokens).await, (false, false));

    let (_, _, tokens) = sign_in().await;
    app.put_setting(&Caller::OPERATOR, "session_idle_hours", &GivenValue::Number(1)).await.unwrap();
    scene.world.clock.advance_secs(3600);
    let ended = scene.put(&tokens[0]).await.unwrap_err();
    assert!(matches!(&ended, Error::BadUrl(why) if why.contains("lost the right")), "{ended}");

    let (_, _, tokens) = sign_in().await;
    app.deactivate_user(&Caller::OPERATOR, "grace").await.unwrap();
    app.reactivate_user(&Caller::OPERATOR, "grace").await.unwrap();
    assert_eq!(scene.opens(&tokens).await, (false, false), "deactivated, whatever came after");
    assert!(scene.put(&by_key[0]).await.is_ok(), "what a key asked for lives on");
}
