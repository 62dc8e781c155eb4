//! What a resolver knows of the request it works for.

use super::error::answer_too_large;
use crate::access::Caller;
use crate::app::App;
use crate::domain::user::Attribution;
use async_graphql::Context;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) struct Request {
    pub app: App,
    pub caller: Caller,
    /// In front of every URL handed out, without a slash at its end.
    pub base_url: String,
    /// The client is one of several processes that write one run (wandb 0.31.0, `X-WANDB-USE-ASYNC-FILESTREAM`).
    pub is_shared: bool,
    /// For whom a service account says that it works.
    pub attribution: Attribution,
    pub answer: AnswerBudget,
}

/// How many bytes of texts one answer may still take. What a page holds is not known before it is read, so it is counted
/// while it is.
pub(super) struct AnswerBudget(AtomicUsize);

impl AnswerBudget {
    pub fn new(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    pub fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub fn spend(&self, bytes: usize) -> async_graphql::Result<()> {
        let spent = self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        match spent {
            Ok(_) => Ok(()),
            Err(_) => {
                self.0.store(0, Ordering::Relaxed);
                Err(answer_too_large())
            }
        }
    }
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
