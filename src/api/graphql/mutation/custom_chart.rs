//! Custom charts, as `wandb.Api().create_custom_chart` makes them.

use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::JsonString;
use crate::app::custom_chart::CreateCustomChart;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct CreateCustomChartInput {
    entity: String,
    name: String,
    display_name: String,
    #[graphql(name = "type")]
    language: String,
    /// `PRIVATE` or `PUBLIC`.
    access: String,
    spec: JsonString,
}

#[derive(SimpleObject)]
pub(super) struct CreateCustomChartPayload {
    chart: CustomChart,
}

#[derive(SimpleObject)]
pub(super) struct CustomChart {
    /// `entity/name`, as charts name it.
    id: ID,
}

#[derive(Default)]
pub(super) struct CustomChartMutation;

#[Object]
impl CustomChartMutation {
    async fn create_custom_chart(
        &self,
        ctx: &Context<'_>,
        input: CreateCustomChartInput,
    ) -> async_graphql::Result<CreateCustomChartPayload> {
        let request = Request::of(ctx);
        let is_public = match input.access.as_str() {
            "PRIVATE" => false,
            "PUBLIC" => true,
            other => return Err(invalid(format!("`access` is PRIVATE or PUBLIC, and not `{other}`"))),
        };
        let create = CreateCustomChart {
            entity: input.entity,
            name: input.name,
            display_name: input.display_name,
            language: input.language,
            specification: input.spec.0,
            is_public,
        };
        let id = request.app.create_custom_chart(&request.caller, create).await.map_err(failed)?;
        Ok(CreateCustomChartPayload { chart: CustomChart { id: ID(id) } })
    }
}
