//! Every route of the REST interface, with its method.

use super::error::RestError;
use super::{
    access, api_key, connector, invitation, license, mail, migration, openapi, organization, organization_people,
    password, profile, project, role, run, sealing_key, second_factor, service_account, session, setting, setup,
    storage, team, team_setting, user,
};
use crate::api::router::Shared;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, any, on};
use http::Method;

/// No request of the REST interface comes near this.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// One method on one path, and what answers it.
type Route = (Method, &'static str, MethodRouter<Shared>);

fn routes() -> Vec<Route> {
    vec![
        post("/api/v1/users", user::create),
        get("/api/v1/users", user::list),
        get("/api/v1/users/{username}", user::show),
        patch("/api/v1/users/{username}", user::update),
        delete("/api/v1/users/{username}", user::delete),
        post("/api/v1/users/{username}/deactivate", user::deactivate),
        post("/api/v1/users/{username}/reactivate", user::reactivate),
        post("/api/v1/users/{username}/reset-link", password::create_link),
        delete("/api/v1/users/{username}/second-factor", second_factor::reset),
        post("/api/v1/setup/{token}", setup::create),
        post("/api/v1/session", session::create),
        get("/api/v1/session", session::get),
        delete("/api/v1/session", session::delete),
        get("/api/v1/sessions", session::list),
        delete("/api/v1/sessions", session::delete_all),
        delete("/api/v1/sessions/{id}", session::delete_one),
        put("/api/v1/password", password::change),
        post("/api/v1/password-reset", password::request_reset),
        post("/api/v1/password-reset/{token}", password::reset),
        get("/api/v1/second-factor", second_factor::get),
        post("/api/v1/second-factor", second_factor::enrol),
        post("/api/v1/second-factor/confirm", second_factor::confirm),
        post("/api/v1/second-factor/recovery-codes", second_factor::renew_codes),
        post("/api/v1/second-factor/disable", second_factor::disable),
        post("/api/v1/teams/{name}/invitations", invitation::create),
        get("/api/v1/teams/{name}/invitations", invitation::list),
        delete("/api/v1/teams/{name}/invitations/{id}", invitation::delete),
        post("/api/v1/teams/{name}/invitations/{id}/link", invitation::create_link),
        post("/api/v1/organizations/{name}/invitations", invitation::create_in_organization),
        get("/api/v1/organizations/{name}/invitations", invitation::list_of_organization),
        delete("/api/v1/organizations/{name}/invitations/{id}", invitation::delete_of_organization),
        post("/api/v1/organizations/{name}/invitations/{id}/link", invitation::create_organization_link),
        get("/api/v1/invitations/{token}", invitation::show),
        post("/api/v1/invitations/{token}/accept", invitation::accept),
        get("/api/v1/mail", mail::list),
        post("/api/v1/mail/test", mail::test),
        post("/api/v1/organizations", organization::create),
        get("/api/v1/organizations", organization::list),
        get("/api/v1/organizations/{name}", organization::show),
        patch("/api/v1/organizations/{name}", organization::update),
        delete("/api/v1/organizations/{name}", organization::delete),
        get("/api/v1/organizations/{name}/members", organization_people::list),
        put("/api/v1/organizations/{name}/members/{username}", organization::put_member),
        delete("/api/v1/organizations/{name}/members/{username}", organization::remove_member),
        get("/api/v1/organizations/{name}/privacy", team_setting::show_privacy),
        patch("/api/v1/organizations/{name}/privacy", team_setting::update_privacy),
        get("/api/v1/organizations/{name}/roles", role::list),
        post("/api/v1/organizations/{name}/roles", role::create),
        patch("/api/v1/organizations/{name}/roles/{role}", role::update),
        delete("/api/v1/organizations/{name}/roles/{role}", role::delete),
        post("/api/v1/teams", team::create),
        get("/api/v1/teams", team::list),
        patch("/api/v1/teams/{name}", team::update),
        delete("/api/v1/teams/{name}", team::delete),
        post("/api/v1/teams/{name}/restore", team::restore),
        get("/api/v1/teams/{name}/profile", profile::show),
        put("/api/v1/teams/{name}/profile", profile::put),
        get("/api/v1/teams/{name}/avatar", profile::show_avatar),
        put("/api/v1/teams/{name}/avatar", profile::put_avatar),
        delete("/api/v1/teams/{name}/avatar", profile::delete_avatar),
        get("/api/v1/teams/{name}/outside-images/{id}", profile::show_outside_image),
        get("/api/v1/teams/{name}/members", team::list_members),
        put("/api/v1/teams/{name}/members/{username}", team::put_member),
        delete("/api/v1/teams/{name}/members/{username}", team::remove_member),
        post("/api/v1/teams/{name}/service-accounts", service_account::create_in_team),
        get("/api/v1/teams/{name}/service-accounts", service_account::list_in_team),
        delete("/api/v1/teams/{name}/service-accounts/{account}", service_account::delete_in_team),
        post("/api/v1/teams/{name}/service-accounts/{account}/api-keys", service_account::create_key_in_team),
        get("/api/v1/teams/{name}/service-accounts/{account}/api-keys", service_account::list_keys_in_team),
        delete("/api/v1/teams/{name}/service-accounts/{account}/api-keys/{id}", service_account::delete_key_in_team),
        post("/api/v1/organizations/{name}/service-accounts", service_account::create_in_organization),
        get("/api/v1/organizations/{name}/service-accounts", service_account::list_in_organization),
        patch("/api/v1/organizations/{name}/service-accounts/{account}", service_account::update_in_organization),
        delete("/api/v1/organizations/{name}/service-accounts/{account}", service_account::delete_in_organization),
        post(
            "/api/v1/organizations/{name}/service-accounts/{account}/api-keys",
            service_account::create_key_in_organization,
        ),
        get(
            "/api/v1/organizations/{name}/service-accounts/{account}/api-keys",
            service_account::list_keys_in_organization,
        ),
        delete(
            "/api/v1/organizations/{name}/service-accounts/{account}/api-keys/{id}",
            service_account::delete_key_in_organization,
        ),
        post("/api/v1/api-keys", api_key::create),
        get("/api/v1/api-keys", api_key::list),
        patch("/api/v1/api-keys/{id}", api_key::rename),
        delete("/api/v1/api-keys/{id}", api_key::delete),
        post("/api/v1/users/{username}/api-keys", api_key::create_for_person),
        get("/api/v1/users/{username}/api-keys", api_key::list_of_person),
        delete("/api/v1/users/{username}/api-keys/{id}", api_key::delete_of_person),
        get("/api/v1/teams/{name}/settings", team_setting::show),
        patch("/api/v1/teams/{name}/settings", team_setting::update),
        get("/api/v1/teams/{name}/storage", storage::show_usage),
        post("/api/v1/teams/{name}/migration", migration::begin),
        get("/api/v1/teams/{name}/migration", migration::show),
        post("/api/v1/teams/{name}/migration/pause", migration::pause),
        post("/api/v1/teams/{name}/migration/resume", migration::resume),
        post("/api/v1/teams/{name}/migration/reverse", migration::reverse),
        post("/api/v1/teams/{name}/migration/release", migration::release),
        get("/api/v1/storage/orphans", storage::show_orphans),
        get("/api/v1/storage/scrub", storage::show_scrub),
        post("/api/v1/projects", project::create),
        get("/api/v1/projects", project::list),
        get("/api/v1/projects/{entity}/{project}", project::show),
        patch("/api/v1/projects/{entity}/{project}", project::update),
        get("/api/v1/projects/{entity}/{project}/members", project::list_members),
        put("/api/v1/projects/{entity}/{project}/members/{username}", project::put_member),
        delete("/api/v1/projects/{entity}/{project}/members/{username}", project::remove_member),
        post("/api/v1/projects/{entity}/{project}/runs/delete", run::delete),
        post("/api/v1/projects/{entity}/{project}/runs/move", run::move_runs),
        post("/api/v1/projects/{entity}/{project}/runs/{run}/restore", run::restore),
        get("/api/v1/projects/{entity}/{project}/trash", run::list_trash),
        post("/api/v1/connectors", connector::create),
        get("/api/v1/connectors", connector::list),
        get("/api/v1/connectors/{name}", connector::show),
        patch("/api/v1/connectors/{name}", connector::update),
        delete("/api/v1/connectors/{name}", connector::delete),
        post("/api/v1/connectors/{name}/rotate", connector::rotate),
        post("/api/v1/connectors/{name}/test", connector::test),
        get("/api/v1/teams/{name}/connector", connector::show_of_team),
        put("/api/v1/teams/{name}/connector", connector::attach),
        delete("/api/v1/teams/{name}/connector", connector::detach),
        post("/api/v1/secrets/rotate", sealing_key::rotate),
        get("/api/v1/settings", setting::list),
        put("/api/v1/settings/{key}", setting::put),
        delete("/api/v1/settings/{key}", setting::reset),
        get("/api/v1/license", license::get),
        put("/api/v1/license", license::put),
        get("/api/v1/access/explain", access::explain),
        get("/api/v1/openapi.json", openapi::describe),
    ]
}

pub fn router() -> Router<Shared> {
    let add = |router: Router<Shared>, route: Route| router.route(route.1, route.2);
    let known = routes().into_iter().fold(Router::new(), add);
    known
        .method_not_allowed_fallback(async || RestError::Method)
        .route("/api/v1/{*rest}", any(async || RestError::Route))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

fn get<H: Handler<T, Shared>, T: 'static>(path: &'static str, handler: H) -> Route {
    (Method::GET, path, on(MethodFilter::GET, handler))
}

fn post<H: Handler<T, Shared>, T: 'static>(path: &'static str, handler: H) -> Route {
    (Method::POST, path, on(MethodFilter::POST, handler))
}

fn put<H: Handler<T, Shared>, T: 'static>(path: &'static str, handler: H) -> Route {
    (Method::PUT, path, on(MethodFilter::PUT, handler))
}

fn patch<H: Handler<T, Shared>, T: 'static>(path: &'static str, handler: H) -> Route {
    (Method::PATCH, path, on(MethodFilter::PATCH, handler))
}

fn delete<H: Handler<T, Shared>, T: 'static>(path: &'static str, handler: H) -> Route {
    (Method::DELETE, path, on(MethodFilter::DELETE, handler))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use utoipa::OpenApi;

    /// The description as a client reads it.
    fn described() -> serde_json::Value {
        serde_json::to_value(openapi::Description::openapi()).unwrap()
    }

    #[test]
    fn every_route_is_described_and_every_description_is_a_route() {
        let served: BTreeSet<(String, String)> =
            routes().iter().map(|(method, path, _)| (method.as_str().to_lowercase(), (*path).to_owned())).collect();
        let document = described();
        let paths = document["paths"].as_object().unwrap();
        let methods = |path: &String| {
            let methods = paths[path].as_object().unwrap().keys().cloned();
            methods.map(|method| (method, path.clone())).collect::<Vec<_>>()
        };
        let described: BTreeSet<(String, String)> = paths.keys().flat_map(methods).collect();

        assert_eq!(described, served);
        assert_eq!(served.len(), routes().len(), "a route is listed twice");
    }

    #[test]
    fn the_description_has_both_ways_to_show_a_key_and_the_shape_of_errors() {
        let document = described();

        let schemes = &document["components"]["securitySchemes"];
        assert_eq!((&schemes["bearer"]["scheme"], &schemes["basic"]["scheme"]), (&"bearer".into(), &"basic".into()));
        let list = &document["paths"]["/api/v1/users"]["get"];
        let refusal = &list["responses"]["403"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(refusal, "#/components/schemas/ErrorBody");
        assert_eq!(document["components"]["schemas"]["ErrorBody"]["required"], serde_json::json!(["error"]));
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        fn references(value: &serde_json::Value, found: &mut BTreeSet<String>) {
            match value {
                serde_json::Value::Object(members) => members.iter().for_each(|(name, member)| match member.as_str() {
                    Some(text) if name == "$ref" => drop(found.insert(text.to_owned())),
                    _ => references(member, found),
                }),
                serde_json::Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let document = described();
        let mut found = BTreeSet::new();
        references(&document, &mut found);

        assert!(found.len() > 5, "{found:?}");
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
