//! Sending and deleting run files.

use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::request::Request;
use crate::app::run::run_path;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct CreateRunFilesInput {
    entity_name: String,
    project_name: String,
    run_name: String,
    files: Vec<String>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CreateRunFilesPayload {
    #[graphql(name = "runID")]
    run_id: ID,
    /// What a client sends beside the bytes of each; never null, because `Run.upload_file` walks it.
    upload_headers: Vec<String>,
    /// The same number and order as were asked for.
    files: Vec<CreatedFile>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CreatedFile {
    name: String,
    upload_url: String,
}

#[derive(InputObject)]
pub(super) struct DeleteFilesInput {
    files: Vec<ID>,
    project_id: Option<i64>,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct MarkRunFilesUploadedInput {
    entity_name: String,
    project_name: String,
    run_name: String,
    files: Vec<String>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct DeleteFilesPayload {
    success: bool,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct MarkRunFilesUploadedPayload {
    success: bool,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct FileMutation;

#[Object]
impl FileMutation {
    async fn create_run_files(
        &self,
        ctx: &Context<'_>,
        input: CreateRunFilesInput,
    ) -> async_graphql::Result<CreateRunFilesPayload> {
        let request = Request::of(ctx);
        let path = run_path(&input.entity_name, &input.project_name, &input.run_name).map_err(failed)?;
        let created = request.app.create_run_files(&request.caller, path, input.files).await;
        let (found, uploads) = created.map_err(failed)?;
        let file = |upload: crate::app::file::FileUpload| CreatedFile {
            upload_url: request.url(&upload.url),
            name: upload.name,
        };
        Ok(CreateRunFilesPayload {
            run_id: id::run(&found),
            // The files of a run go to one bucket, and no MD5 tells them apart.
            upload_headers: uploads.first().map_or_else(Vec::new, |upload| Request::headers(&upload.url)),
            files: uploads.into_iter().map(file).collect(),
            client_mutation_id: input.client_mutation_id,
        })
    }

    async fn delete_files(
        &self,
        ctx: &Context<'_>,
        input: DeleteFilesInput,
    ) -> async_graphql::Result<DeleteFilesPayload> {
        let request = Request::of(ctx);
        // The project is in each file already; older clients leave it out.
        let _said_twice = input.project_id;
        let ids = input.files.iter().map(|id| id::file_id(id)).collect::<async_graphql::Result<Vec<_>>>()?;
        request.app.delete_run_files(&request.caller, ids).await.map_err(failed)?;
        Ok(DeleteFilesPayload { success: true, client_mutation_id: input.client_mutation_id })
    }

    /// A file is listed as soon as its bytes have arrived, so this only says whether they have.
    async fn mark_run_files_uploaded(
        &self,
        ctx: &Context<'_>,
        input: MarkRunFilesUploadedInput,
    ) -> async_graphql::Result<MarkRunFilesUploadedPayload> {
        let request = Request::of(ctx);
        let path = run_path(&input.entity_name, &input.project_name, &input.run_name).map_err(failed)?;
        let names = input.files.len();
        let there = request.app.count_files_there(&request.caller, path, input.files).await.map_err(failed)?;
        Ok(MarkRunFilesUploadedPayload { success: there == names, client_mutation_id: input.client_mutation_id })
    }
}
