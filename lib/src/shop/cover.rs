//! What would pay for a class, before it is booked.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::pass_view::PassView;
use crate::error::Result;
use crate::http::query;
use crate::models::occurrence;
use crate::models::pass::{self, PassRefusal};
use crate::values::form::Form;
use crate::values::money::Amount;
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The class to pay for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct CoverQuery {
    /// The id of the class.
    #[param(required, value_type = Uuid)]
    scheduled_class_id: Option<String>,
}

/// What can pay for a class.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Cover)]
pub struct CoverView {
    scheduled_class_id: Uuid,
    /// The price without a pass.
    price: Amount,
    /// ISO 4217 code.
    currency: String,
    /// The id of the course with which members book the class. Null if they can book it by itself.
    course_id: Option<Uuid>,
    /// The id of the pass that pays by default. Null if the price is to be paid, or is 0.
    pass_id: Option<Uuid>,
    /// The passes that are not revoked, in the order in which they would pay. Those that cannot
    /// pay come last. Passes that ended more than thirty days before the class are left out.
    passes: Vec<CoveringPassView>,
}

/// A pass, and whether it can pay for the class.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CoveringPass)]
struct CoveringPassView {
    #[serde(flatten)]
    pass: PassView,
    /// Why the pass cannot pay for the class. Null if it can.
    refusal: Option<PassRefusal>,
}

/// Returns what would pay if the member booked this class.
///
/// # Errors
///
/// [`Error::Invalid`](crate::Error::Invalid) for an id that is not a UUID;
/// [`Error::NotFound`](crate::Error::NotFound).
pub fn find(app: &App, user_id: Uuid, query: CoverQuery) -> BoxFuture<'_, Result<CoverView>> {
    Box::pin(async move {
        let mut form = Form::default();
        let id = query.scheduled_class_id.unwrap_or_default();
        let id = form.check("scheduledClassId", query::id(&id));
        form.finish()?;
        let id = id.unwrap_or_default();
        let studio = &app.config().studio;
        let zone = TimeZone::of_studio(studio)?;
        let day_of = |start| zone.date(start);
        let (class, passes) = app
            .db()
            .read(async move |client| {
                let class = occurrence::find(client, id).await?;
                let day = day_of(class.start_time);
                let passes =
                    pass::list_for_class(client, user_id, class.class_type_id, day).await?;
                Ok((class, passes))
            })
            .await?;
        let today = zone.date(app.clock().now());
        let course = class.course.filter(|course| !course.drop_in);
        let refusal = |refusal: Option<PassRefusal>| match course {
            Some(_) => Some(PassRefusal::CourseOnly),
            None => refusal,
        };
        let first = passes
            .first()
            .filter(|(_, reason)| refusal(*reason).is_none());
        Ok(CoverView {
            scheduled_class_id: id,
            pass_id: first
                .filter(|_| !class.price.is_zero())
                .map(|(pass, _)| pass.id),
            price: class.price.in_currency(&studio.currency),
            currency: studio.currency.clone(),
            passes: passes
                .into_iter()
                .map(|(pass, reason)| CoveringPassView {
                    pass: PassView::new(pass, today),
                    refusal: refusal(reason),
                })
                .collect(),
            course_id: course.as_ref().map(|course| course.id),
        })
    })
}
