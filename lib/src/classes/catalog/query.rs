//! The queries of the catalog.

use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::classes::fields::style;
use crate::error::Result;
use crate::http::query;
use crate::models::class_type::{ClassTypeFilter, Level};
use crate::values::form::{Form, Problem};

/// The query of the list of class types.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CatalogQuery {
    /// Only class types of this level.
    #[param(inline, value_type = Option<Level>)]
    level: Option<String>,
    /// Only class types of this style, such as `salsa`.
    #[param(max_length = 50, example = "salsa")]
    style: Option<String>,
    /// Only class types that this instructor teaches, in a weekly class or in an
    /// upcoming occurrence.
    #[param(value_type = Option<Uuid>)]
    instructor: Option<String>,
}

impl CatalogQuery {
    pub(super) fn parse(&self) -> Result<ClassTypeFilter> {
        let mut form = Form::default();
        let filter = ClassTypeFilter {
            level: form.check_filled("level", self.level.as_deref(), level),
            style: form.check_filled("style", self.style.as_deref(), style),
            instructor: form.check_filled("instructor", self.instructor.as_deref(), query::id),
        };
        form.finish()?;
        Ok(filter)
    }
}

/// Parses the level of a class.
pub(in crate::classes) fn level(text: &str) -> Result<Level, Problem> {
    Level::from_name(text)
        .ok_or_else(|| "must be beginner, intermediate, advanced or all-levels".to_owned())
}

/// The query that identifies an item, such as a class type or a closure.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IdQuery {
    /// The id of the item.
    #[param(required, value_type = Uuid)]
    id: Option<String>,
}

impl IdQuery {
    pub(in crate::classes) fn parse(&self) -> Result<Uuid> {
        let mut form = Form::default();
        let id = form.check("id", query::id(self.id.as_deref().unwrap_or_default()));
        form.finish()?;
        Ok(id.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::path::ParameterIn;

    use super::*;
    use crate::classes::fields::STYLE_MAX;

    #[test]
    fn the_api_description_states_the_bounds_that_are_checked() {
        let params = CatalogQuery::into_params(|| Some(ParameterIn::Query));
        let params = serde_json::to_value(params).unwrap();
        let mut params = params.as_array().unwrap().iter();
        let style = params.find(|param| param["name"] == "style").unwrap();
        assert_eq!(style["schema"]["maxLength"], STYLE_MAX);
    }
}
