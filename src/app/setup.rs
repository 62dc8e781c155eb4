//! The first person of an instance: a one-time link, shown on the terminal of the server, makes them a system admin.
//! It is dead once there is anybody, whichever way they came.

use super::account::Visitor;
use super::attempts::Counted;
use super::user::{CreateUser, CreatedUser};
use super::{App, Error};
use crate::access::Caller;
use crate::db::repo::user;
use crate::secrets::Token;

impl App {
    /// The token of the link, made anew at each start, if nobody is there.
    pub async fn make_setup_token(&self) -> Result<Option<Token>, Error> {
        if self.has_people().await? {
            return Ok(None);
        }
        let token = Token::generate();
        self.account.set_setup_token(&token);
        Ok(Some(token))
    }

    /// Makes the first person, a system admin, for who can read the terminal of the server.
    pub async fn set_up(
        &self,
        caller: &Caller,
        token: &str,
        person: CreateUser,
        from: &Visitor,
    ) -> Result<CreatedUser, Error> {
        self.check_channel(from.channel)?;
        self.account.attempts.take(Counted::address(from.address), self.clock.now())?;
        if !Token::parse(token).is_some_and(|token| self.account.is_setup_token(&token)) {
            return Err(dead());
        }
        let operator = Caller { origin: caller.origin, ..Caller::OPERATOR };
        let person = CreateUser { system_admin: true, ..person };
        // Only one of two who use the link at the same time is the first.
        let nobody_is_there = |tx: &crate::db::tx::WriteTx<'_>| match user::is_anybody_there(tx)? {
            true => Err(dead()),
            false => Ok(()),
        };
        if self.has_people().await? {
            return Err(dead());
        }
        self.create_user_if(&operator, person, nobody_is_there).await
    }
}

fn dead() -> Error {
    let why = "this link makes the first person of a server, and is none or not any more; ask an administrator";
    Error::NotFound(why.into())
}
