//! The page of a class for link previews.

use serde::Deserialize;
use utoipa::IntoParams;

use super::respond::not_found_as_page;
use crate::classes::{catalog, public_schedule};
use crate::error::{Error, Result};
use crate::http::{CacheableResponse, Representation, query as params};
use crate::values::form::Form;
use crate::values::locale::Locale;
use crate::{App, BoxFuture};

/// The query of a preview. A link to a class may have further parameters, which messengers
/// add.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PreviewQuery {
    /// The id of the class type.
    #[param(required, value_type = uuid::Uuid)]
    id: Option<String>,
    /// The id of the class, if the link leads to one date.
    #[param(value_type = Option<uuid::Uuid>)]
    class: Option<String>,
}

/// Returns the page of a class, or of its class type if the link does not lead to a class that
/// exists.
///
/// # Errors
///
/// [`Error::Invalid`] for a class type's id that is not a UUID.
pub fn preview(
    app: &App,
    query: PreviewQuery,
    locale: Locale,
) -> BoxFuture<'_, Result<CacheableResponse>> {
    Box::pin(async move {
        let mut form = Form::default();
        let id = form.check("id", params::id(query.id.as_deref().unwrap_or_default()));
        form.finish()?;
        let representation = Representation::Html(locale);
        let class = query.class.as_deref().and_then(|id| params::id(id).ok());
        if let Some(class) = class {
            match public_schedule::find_by_id(app, class, representation).await {
                Err(Error::NotFound) => {}
                found => return found,
            }
        }
        let found = catalog::class_type_details(app, id.unwrap_or_default(), representation).await;
        not_found_as_page(app, representation, found)
    })
}
