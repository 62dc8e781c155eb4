//! Outside images from a host that a test makes up.

use super::*;
use crate::access::Caller;
use crate::app::team::CreateTeam;
use crate::app::team::profile::NewProfile;
use crate::app::testing::{World, faults};
use crate::domain::setting::GivenValue;
use crate::domain::team_profile::Audience;
use crate::fetch::tests::{PNG, World as Outside, image, world};
use futures_util::TryStreamExt;
use std::sync::Arc;

const DAY: i64 = 86_400;

/// Ada's team, whose introduction shows a badge of `outside`, and an app that may ask there.
async fn with_badge(world: &World, outside: &mut Outside) -> (App, String) {
    let url = outside.url("/badge.png");
    let mut app = world.app.clone();
    app.fetcher = Arc::new(std::mem::take(&mut outside.fetcher));
    let team = CreateTeam { name: "vision".into(), organization: "default".into(), admins: vec!["ada".into()] };
    app.create_team(&Caller::OPERATOR, team).await.unwrap();
    introduce(&app, world, &format!("![build]({url})")).await;
    (app, url)
}

async fn introduce(app: &App, world: &World, text: &str) {
    let (introduction, audience) = (text.to_owned(), Audience::Team);
    let new = NewProfile { introduction, audience, links: Vec::new(), projects: Vec::new() };
    app.put_team_profile(&world.ada, "vision", new).await.unwrap();
}

async fn name_host(app: &App, hosts: &[&str]) {
    let hosts = GivenValue::Texts(hosts.iter().map(|host| (*host).to_owned()).collect());
    app.put_setting(&Caller::OPERATOR, "outside_images", &hosts).await.unwrap();
}

async fn html(app: &App, world: &World) -> String {
    app.team_profile(&world.ada, "vision").await.unwrap().introduction_html
}

/// The bytes behind the image that the introduction shows.
async fn shown(app: &App, world: &World) -> Option<Vec<u8>> {
    let html = html(app, world).await;
    let id = html.split("/outside-images/").nth(1)?.split('"').next()?.parse().unwrap();
    let opened = app.open_outside_image(&world.ada, "vision", OutsideImageId(id)).await.unwrap();
    let blocks: Vec<Bytes> = opened.part(None).bytes.try_collect().await.unwrap();
    Some(blocks.concat())
}

#[tokio::test]
async fn an_image_is_a_link_until_its_host_is_named_and_then_comes_from_here() {
    let own = World::new().await;
    let mut outside = world(image(PNG), false).await;
    let (app, url) = with_badge(&own, &mut outside).await;
    let asked = &outside.asked;

    assert_eq!(app.fetch_outside_images().await.unwrap(), 0);
    assert!(html(&app, &own).await.contains(&format!("<a href=\"{url}\"")));
    assert_eq!(asked.lock().unwrap().len(), 0, "nobody asked a host that is not named");
    name_host(&app, &["badge.test"]).await;
    own.clock.advance_secs(RETRY_SECS);
    assert_eq!(app.fetch_outside_images().await.unwrap(), 1);

    let page = html(&app, &own).await;
    assert!(page.contains("<img src=\"/api/v1/teams/vision/outside-images/") && !page.contains("badge.test"), "{page}");
    assert_eq!(shown(&app, &own).await.as_deref(), Some(PNG));
    assert_eq!(app.fetch_outside_images().await.unwrap(), 0, "it is fetched once a day");
    assert_eq!(asked.lock().unwrap().len(), 1);
    // Who takes the host's name away takes its images away.
    name_host(&app, &[]).await;
    assert_eq!(shown(&app, &own).await, None);
    assert_eq!(faults(&app).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_old_copy_stays_when_fetching_fails_and_goes_with_the_introduction() {
    let own = World::new().await;
    let mut outside = world(image(PNG), false).await;
    let (mut app, _) = with_badge(&own, &mut outside).await;
    name_host(&app, &["badge.test"]).await;
    own.clock.advance_secs(RETRY_SECS);
    assert_eq!(app.fetch_outside_images().await.unwrap(), 1);

    // Now the name leads to nowhere that may be gone to.
    app.fetcher = Arc::default();
    own.clock.advance_secs(DAY);
    assert_eq!(app.fetch_outside_images().await.unwrap(), 0);

    assert_eq!(shown(&app, &own).await.as_deref(), Some(PNG));
    assert_eq!(app.check_images(&Caller::OPERATOR).await.unwrap().objects, 1);
    introduce(&app, &own, "nothing to see").await;
    assert_eq!(app.check_images(&Caller::OPERATOR).await.unwrap().objects, 0);
    own.clock.advance_secs(DAY);
    assert_eq!(app.collect_garbage().await.unwrap(), 1);
    assert_eq!(faults(&app).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_calls_itself_an_image_and_is_none_is_not_kept() {
    let own = World::new().await;
    let mut outside = world(image(b"<svg onload=alert(1)>"), false).await;
    let (app, _) = with_badge(&own, &mut outside).await;
    name_host(&app, &["badge.test"]).await;
    own.clock.advance_secs(RETRY_SECS);

    assert_eq!(app.fetch_outside_images().await.unwrap(), 0);

    assert_eq!(shown(&app, &own).await, None);
    assert_eq!(app.check_images(&Caller::OPERATOR).await.unwrap().objects, 0);
}
