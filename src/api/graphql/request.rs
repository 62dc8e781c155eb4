//! What a resolver knows of the request it works for.

use super::error::answer_too_large;
use crate::access::Caller;
use crate::app::App;
use crate::app::direct::TransferUrl;
use crate::domain::origin::ClientVersion;
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

    /// Where a client sends bytes, or fetches them.
    pub fn url(&self, to: &TransferUrl) -> String {
        match to {
            TransferUrl::Token(token) => self.storage_url(token),
            TransferUrl::Signed(signed) => signed.url.clone(),
        }
    }

    /// What is sent along as it is: `Name:value`, without a space, because some clients keep it.
    pub fn headers(to: &TransferUrl) -> Vec<String> {
        match to {
            TransferUrl::Token(_) => Vec::new(),
            TransferUrl::Signed(signed) => {
                signed.headers.iter().map(|(name, value)| format!("{name}:{value}")).collect()
            }
        }
    }

    /// Whether what this client downloads by `url` it downloads without its API key. Older ones send it along, which a
    /// bucket must not see (wandb 0.17.9 to 0.22.3, `util.download_file_from_url`).
    pub fn downloads_without_key(&self) -> bool {
        self.caller.origin.client.is_some_and(|version| version >= ClientVersion(0, 31, 0))
    }
}
