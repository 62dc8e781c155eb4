//! How requests arrive at routes about one's own account: from anybody, or from somebody who is signed in.
//!
//! A session's cookie is sent by the browser whichever page asks for it, so whatever can change something has to come
//! from a page of this server ([`Sender::Own`]). `SameSite=Lax` keeps most others away already; but it counts a
//! neighbour in the domain as the same site, and not every browser obeys it. No token of our own is needed for that:
//! every browser of today says where a request comes from, and who says nothing is a script, which has API keys.

use super::http::Peer;
use super::http::visit::{Sender, Visit, only_reads};
use super::rest::error::RestError;
use super::router::{Door, Shared, arriving};
use super::session_cookie;
use crate::access::Caller;
use crate::app::Error;
use crate::app::account::Visitor;
use crate::domain::id::SessionId;
use crate::secrets::Token;
use axum::extract::FromRequestParts;
use http::header::{HOST, USER_AGENT};
use http::request::Parts;

/// Somebody who need not have signed in.
pub(super) struct Anybody {
    pub caller: Caller,
    pub visitor: Visitor,
    /// The session that the browser has.
    pub previous: Option<Token>,
}

/// Somebody who is signed in; an API key is not enough here.
pub(super) struct SignedIn {
    pub caller: Caller,
    pub session: SessionId,
    pub visitor: Visitor,
}

/// Where people reach this server, for links that are handed over: no slash at the end.
pub(super) struct BaseUrl(pub String);

pub(super) fn visit_of(parts: &Parts, shared: &Shared) -> Visit {
    Visit::of(parts.extensions.get::<Peer>(), &parts.headers, &shared.options.proxies)
}

fn visitor_of(parts: &Parts, shared: &Shared) -> Visitor {
    let Visit { address, channel } = visit_of(parts, shared);
    let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    Visitor { address, agent: agent.to_owned(), channel }
}

fn sender_of(parts: &Parts, shared: &Shared) -> Sender {
    Sender::of(&parts.headers, visit_of(parts, shared).is_https(), &shared.options.proxies)
}

/// Who asks with a session; `None`: no cookie of ours came along.
pub(super) async fn session_of(parts: &Parts, shared: &Shared) -> Result<Option<(Caller, SessionId)>, Error> {
    let visit = visit_of(parts, shared);
    if shared.door == Door::Admin || !session_cookie::is_in(&parts.headers, visit.channel) {
        return Ok(None);
    }
    if !only_reads(&parts.method) && sender_of(parts, shared) != Sender::Own {
        return Err(Error::CrossSite);
    }
    let token = session_cookie::token_in(&parts.headers, visit.channel).ok_or(Error::NoSession)?;
    let (caller, id) = shared.app.caller_of_session(&token, visit.address)?;
    Ok(Some((arriving(caller, parts, shared), id)))
}

impl FromRequestParts<Shared> for Anybody {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, RestError> {
        // Another site's page must not sign somebody in as somebody else, nor use up a link.
        if !only_reads(&parts.method) && sender_of(parts, shared) == Sender::Other {
            return Err(Error::CrossSite.into());
        }
        let visitor = visitor_of(parts, shared);
        let previous = session_cookie::token_in(&parts.headers, visitor.channel);
        let caller = arriving(Caller::ANONYMOUS, parts, shared);
        Ok(Self { caller, visitor, previous })
    }
}

impl FromRequestParts<Shared> for SignedIn {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, RestError> {
        let (caller, session) = session_of(parts, shared).await?.ok_or(Error::NoSession)?;
        Ok(Self { caller, session, visitor: visitor_of(parts, shared) })
    }
}

impl FromRequestParts<Shared> for BaseUrl {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, RestError> {
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        Ok(Self(shared.base_url(host, visit_of(parts, shared).is_https())))
    }
}
