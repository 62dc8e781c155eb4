//! `/api/v1/openapi.json`: the description of this interface, made from the code that serves it.

use super::error::ErrorBody;
use super::{
    access, api_key, connector, invitation, license, mail, migration, organization, organization_people, password,
    profile, project, role, run, sealing_key, second_factor, service_account, session, setting, setup, storage, team,
    team_setting, user,
};
use axum::Json;
use std::collections::BTreeMap;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "Weighhouse", description = "The REST interface for administrators and scripts."),
    paths(
        user::create,
        user::list,
        user::show,
        user::update,
        user::deactivate,
        user::reactivate,
        user::delete,
        password::create_link,
        second_factor::reset,
        setup::create,
        session::create,
        session::get,
        session::delete,
        session::list,
        session::delete_all,
        session::delete_one,
        password::change,
        password::request_reset,
        password::reset,
        second_factor::get,
        second_factor::enrol,
        second_factor::confirm,
        second_factor::renew_codes,
        second_factor::disable,
        invitation::create,
        invitation::list,
        invitation::delete,
        invitation::create_link,
        invitation::create_in_organization,
        invitation::list_of_organization,
        invitation::delete_of_organization,
        invitation::create_organization_link,
        invitation::show,
        invitation::accept,
        mail::list,
        mail::test,
        organization::create,
        organization::list,
        organization::show,
        organization::update,
        organization::delete,
        organization_people::list,
        organization::put_member,
        organization::remove_member,
        team_setting::show_privacy,
        team_setting::update_privacy,
        role::list,
        role::create,
        role::update,
        role::delete,
        team::create,
        team::list,
        team::update,
        team::delete,
        team::restore,
        profile::show,
        profile::put,
        profile::show_avatar,
        profile::put_avatar,
        profile::delete_avatar,
        profile::show_outside_image,
        team::list_members,
        team::put_member,
        team::remove_member,
        service_account::create_in_team,
        service_account::list_in_team,
        service_account::delete_in_team,
        service_account::create_key_in_team,
        service_account::list_keys_in_team,
        service_account::delete_key_in_team,
        service_account::create_in_organization,
        service_account::list_in_organization,
        service_account::update_in_organization,
        service_account::delete_in_organization,
        service_account::create_key_in_organization,
        service_account::list_keys_in_organization,
        service_account::delete_key_in_organization,
        api_key::create,
        api_key::list,
        api_key::rename,
        api_key::delete,
        api_key::create_for_person,
        api_key::list_of_person,
        api_key::delete_of_person,
        team_setting::show,
        team_setting::update,
        storage::show_usage,
        migration::begin,
        migration::show,
        migration::pause,
        migration::resume,
        migration::reverse,
        migration::release,
        storage::show_orphans,
        storage::show_scrub,
        project::create,
        project::list,
        project::show,
        project::update,
        project::list_members,
        project::put_member,
        project::remove_member,
        run::delete,
        run::move_runs,
        run::restore,
        run::list_trash,
        connector::create,
        connector::list,
        connector::show,
        connector::update,
        connector::delete,
        connector::rotate,
        connector::test,
        connector::show_of_team,
        connector::attach,
        connector::detach,
        sealing_key::rotate,
        setting::list,
        setting::put,
        setting::reset,
        license::get,
        license::put,
        access::explain,
        describe,
    ),
    components(schemas(ErrorBody)),
    security(("bearer" = []), ("basic" = []), ("session" = [])),
    modifiers(&KeySchemes),
)]
pub struct Description;

/// The description itself. It needs no key.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "description", security(()),
    responses((status = 200, description = "An OpenAPI document")))]
pub async fn describe() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}

/// The two ways to show an API key, and the cookie of a session.
struct KeySchemes;

impl Modify for KeySchemes {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        let scheme = |scheme, text: &str| {
            let mut http = Http::new(scheme);
            http.description = Some(text.to_owned());
            SecurityScheme::Http(http)
        };
        let bearer = scheme(HttpAuthScheme::Bearer, "An API key.");
        let basic = scheme(HttpAuthScheme::Basic, "The user `api`, with an API key as password.");
        components.add_security_scheme("bearer", bearer);
        components.add_security_scheme("basic", basic);
        let text = "A session. Whatever changes something has to come from a page of this server.";
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description("__Host-weighhouse", text)));
        components.add_security_scheme("session", cookie);
    }
}

/// The refusals that every route may answer with.
pub struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let refusals = [
            ("400", "The path or what stands after the `?` cannot be read"),
            ("401", "No valid API key, or no session"),
            ("403", "You may not, or it needs a licence: the message says which"),
            ("404", "What the path names does not exist, or you may not see it"),
            ("409", "It would break something: the message says what to do first"),
            ("422", "The body is not what the route takes; `field` says where"),
            ("429", "Too many attempts: try again after the time of `Retry-After`"),
            ("500", "A defect of the server"),
            ("503", "The server is busy: try again after the time of `Retry-After`"),
            ("507", "The server's disk is full"),
        ];
        let response = |text: &str| {
            let content = Content::new(Some(Ref::from_schema_name("ErrorBody")));
            ResponseBuilder::new().description(text).content("application/json", content).build()
        };
        refusals.into_iter().map(|(status, text)| (status.to_owned(), response(text).into())).collect()
    }
}
