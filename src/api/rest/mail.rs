//! `/api/v1/mail`: the mails that wait or were given up, and trying the settings out.

use super::error::RestError;
use super::extract::{After, Body, Parameters, number};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::domain::id::MailId;
use crate::domain::mail::Mail;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestMail {
    /// The address to send it to.
    to: String,
}

#[derive(Serialize, ToSchema)]
pub struct TestedMail {
    /// What the mail server said when it took the mail.
    server: String,
}

/// A mail, without what it says: that may be a one-time link.
#[derive(Serialize, ToSchema)]
pub struct MailView {
    to: String,
    subject: String,
    created_at: String,
    tries: u32,
    /// When it is tried next; absent when it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try_at: Option<String>,
    /// Why the last try failed, in the words of the mail server.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct MailPage {
    mails: Vec<MailView>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Mail> for MailView {
    fn from(mail: Mail) -> Self {
        Self {
            to: mail.to,
            subject: mail.subject,
            created_at: mail.created_at.to_rfc3339(),
            tries: mail.tries,
            next_try_at: mail.next_try_at.map(|at| at.to_rfc3339()),
            trouble: mail.trouble,
        }
    }
}

/// The mails that were not sent yet, and those that were given up within the last days.
#[utoipa::path(get, path = "/api/v1/mail", tag = "mail", params(After),
    responses((status = 200, description = "A page of mails", body = MailPage), Refusals))]
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(page): Parameters<After>,
) -> Result<Json<MailPage>, RestError> {
    let after = number(page.after.as_deref())?.map(MailId);
    let found = shared.app.list_mails(&caller, after).await?;
    let mails = found.items.into_iter().map(|(_, mail)| mail.into()).collect();
    Ok(Json(MailPage { mails, next: found.next.map(|id| id.to_string()) }))
}

/// Send a mail at once. If the mail server does not take it, the answer is 502 with its own words.
#[utoipa::path(post, path = "/api/v1/mail/test", tag = "mail", request_body = TestMail,
    responses((status = 200, description = "The mail server has taken it", body = TestedMail), Refusals))]
pub async fn test(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Body(test): Body<TestMail>,
) -> Result<Json<TestedMail>, RestError> {
    let server = shared.app.test_mail(&caller, &test.to).await?;
    Ok(Json(TestedMail { server }))
}
