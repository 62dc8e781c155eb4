//! Custom charts: keeping how a table is to be drawn.

use super::existing::{existing, missing, name_of_existing};
use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::{custom_chart, entity};
use crate::domain::custom_chart::{CustomChart, check_name};
use crate::domain::json::Value;

const SPECIFICATION_BYTES_MAX: usize = 1 << 20;

/// A chart to be.
#[derive(Debug, Clone)]
pub struct CreateCustomChart {
    pub entity: String,
    pub name: String,
    pub display_name: String,
    pub language: String,
    /// JSON text.
    pub specification: String,
    pub is_public: bool,
}

impl App {
    /// Keeps a new chart for whoever may make projects in the entity, and returns its name in charts: `entity/name`.
    pub async fn create_custom_chart(&self, caller: &Caller, input: CreateCustomChart) -> Result<String, Error> {
        check_name(&input.name).map_err(|why| Error::invalid("name", &why))?;
        let bytes = input.specification.len() + input.display_name.len() + input.language.len();
        if bytes > SPECIFICATION_BYTES_MAX {
            return Err(Error::TooLarge(format!("a custom chart has at most {SPECIFICATION_BYTES_MAX} bytes")));
        }
        Value::parse(input.specification.as_bytes(), self.settings.rows.max_depth)
            .map_err(|why| Error::invalid("spec", &format!("`spec` is no JSON: {why}")))?;
        let name = name_of_existing("entity", &input.entity)?;
        let (caller, licence) = (*caller, self.licence());
        let created = self.db.write(move |tx| {
            let gone = || missing("entity", &name);
            let found = entity::find(tx, &caller, &name)?;
            let owner = existing(&caller, Action::ProjectCreate, found, &licence, gone)?;
            if custom_chart::named(tx, owner.id, &input.name)?.is_some() {
                let why = format!("`{name}` has a chart named `{}` already; choose another name", input.name);
                return Err(Error::Conflict(why));
            }
            let chart = CustomChart {
                entity: owner.id,
                name: input.name.clone(),
                display_name: input.display_name.clone(),
                language: input.language.clone(),
                specification: input.specification.clone(),
                is_public: input.is_public,
                owner: caller.user_id(),
                created_at: tx.now(),
            };
            custom_chart::create(tx, &owner, &chart)?;
            Ok(format!("{}/{}", owner.entity.name, chart.name))
        });
        created.await
    }
}
