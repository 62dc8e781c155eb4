//! Custom charts of an entity.

use super::entity::FoundEntity;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{CUSTOM_CHART_BY_NAME, CUSTOM_CHARTS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::custom_chart::CustomChart;
use crate::domain::id::{CustomChartId, EntityId};

/// The chart of that name, for code that goes on to check it.
pub fn named(tx: &impl Read, entity: EntityId, name: &str) -> Result<Option<(CustomChartId, CustomChart)>, DbError> {
    let Some(id) = CUSTOM_CHART_BY_NAME.find(tx, &(entity, name.to_owned()))? else { return Ok(None) };
    Ok(CUSTOM_CHARTS.get(tx, &id)?.map(|chart| (id, chart)))
}

pub fn create(tx: &mut WriteTx<'_>, entity: &Allowed<FoundEntity>, chart: &CustomChart) -> Result<(), PutError> {
    entity.must_be(Action::ProjectCreate);
    let id = tx.new_id::<CustomChartId>()?;
    CUSTOM_CHARTS.put(tx, &id, chart)
}
