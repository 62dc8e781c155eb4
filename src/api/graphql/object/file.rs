//! Run files. Their URLs carry the right to use them, so they are as secret as what they lead to.

use crate::api::graphql::cursor::PageInfo;
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::run::FilesCounted;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{DateTime, Int64};
use crate::app::file::ListedFile;
use crate::domain::id::RunId;
use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(in crate::api::graphql) struct File {
    pub run: RunId,
    pub listed: ListedFile,
}

impl File {
    fn download_url(&self, request: &Request) -> String {
        request.storage_url(&request.app.download_token(&self.listed.contents))
    }
}

#[Object]
impl File {
    async fn id(&self) -> ID {
        id::file(self.listed.id)
    }

    async fn name(&self) -> &str {
        self.listed.path.as_str()
    }

    async fn display_name(&self) -> &str {
        self.listed.path.as_str()
    }

    /// Where its bytes are, or with `upload` where new ones may be sent; null for who may not send.
    async fn url(&self, ctx: &Context<'_>, upload: Option<bool>) -> async_graphql::Result<Option<String>> {
        let request = Request::of(ctx);
        if upload != Some(true) {
            return Ok(Some(self.download_url(request)));
        }
        let token = request.app.upload_token(&request.caller, self.run, self.listed.id).await.map_err(failed)?;
        Ok(token.map(|token| request.storage_url(&token)))
    }

    async fn direct_url(&self, ctx: &Context<'_>) -> String {
        self.download_url(Request::of(ctx))
    }

    async fn size_bytes(&self) -> Int64 {
        Int64(i64::try_from(self.listed.contents.size_bytes).unwrap_or(i64::MAX))
    }

    async fn mimetype(&self) -> String {
        self.listed.content_type()
    }

    async fn updated_at(&self) -> DateTime {
        DateTime(self.listed.contents.uploaded_at)
    }

    /// In base64, as the client compares it.
    async fn md5(&self) -> String {
        STANDARD.encode(self.listed.contents.md5)
    }
}

#[derive(SimpleObject)]
#[graphql(complex)]
pub(in crate::api::graphql) struct FileConnection {
    pub edges: Vec<FileEdge>,
    pub page_info: PageInfo,
    /// Nothing beside the URL is needed to send a file.
    pub upload_headers: Vec<String>,
    #[graphql(skip)]
    pub(super) counted: FilesCounted,
}

#[ComplexObject]
impl FileConnection {
    /// Of all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        self.counted.count(ctx).await
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct FileEdge {
    pub node: File,
    pub cursor: String,
}

/// Whether a path fits an SQL `LIKE` pattern: `%` is any text, `_` any one character (wandb 0.31.0, `Run.files(pattern)`).
pub(in crate::api::graphql) fn is_like(path: &str, pattern: &str) -> bool {
    let (path, pattern): (Vec<char>, Vec<char>) = (path.chars().collect(), pattern.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    // Where the last `%` was, and how much of the path it has taken so far: on a mismatch it takes one more.
    let mut last_any: Option<(usize, usize)> = None;
    while at < path.len() {
        match pattern.get(in_pattern) {
            Some('%') => {
                last_any = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(&wanted) if wanted == '_' || wanted == path[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => match last_any {
                Some((any, taken)) => {
                    last_any = Some((any, taken + 1));
                    (at, in_pattern) = (taken + 1, any + 1);
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|rest| *rest == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_any_text_and_any_character() {
        for (path, pattern) in
            [("a.json", "%.json"), ("media/a/b.png", "media/%.p_g"), ("", "%"), ("aXbXc", "a%b%c"), ("aab", "%ab")]
        {
            assert!(is_like(path, pattern), "{path} {pattern}");
        }
        for (path, pattern) in [("a.jsonl", "%.json"), ("a", ""), ("a", "__"), ("A", "a"), ("ab", "a")] {
            assert!(!is_like(path, pattern), "{path} {pattern}");
        }
    }
}
