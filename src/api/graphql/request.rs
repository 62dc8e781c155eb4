//! What a resolver knows of the request it works for.

use crate::access::Caller;
use crate::app::App;
use async_graphql::Context;

pub(super) struct Request {
    pub app: App,
    pub caller: Caller,
    /// In front of every URL handed out, without a slash at its end.
    pub base_url: String,
    /// The client is one of several processes that write one run (wandb 0.31.0, `X-WANDB-USE-ASYNC-FILESTREAM`).
    pub is_shared: bool,
}

impl Request {
    pub fn of<'c>(ctx: &'c Context<'_>) -> &'c Request {
        ctx.data_unchecked()
    }

    /// Where the bytes are that the token leads to.
    pub fn storage_url(&self, token: &str) -> String {
        format!("{}/storage/{token}", self.base_url)
    }
}
