//! The contact form and its inbox.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::admin::staff_action::StaffAction;
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::http::{List, Member, query};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{CONTACT_ADDRESS, CONTACT_EMAIL, Subject};
use crate::models::contact::{self, ContactSubmission, NewContactSubmission};
use crate::models::security_event::SecurityEventKind;
use crate::models::user::{self, Email};
use crate::notify::mail;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::email;
use crate::values::form::{Form, paragraphs, required_line};
use crate::values::schema::{EmailAddress, PhoneNumber};
use crate::{App, BoxFuture};

/// The request to send a message through the contact form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateContactSubmission {
    #[schema(min_length = 1, max_length = 200, examples("Ana Morales"))]
    name: String,
    #[schema(value_type = EmailAddress)]
    email: String,
    #[schema(value_type = Option<PhoneNumber>)]
    phone: Option<String>,
    #[schema(min_length = 1, max_length = 300, examples("Lessons for two"))]
    subject: String,
    /// At most 5000 characters.
    #[schema(
        min_length = 1,
        max_length = 5_000,
        examples("Do you teach couples before a wedding?")
    )]
    message: String,
    /// A hidden field that only bots fill in. If it is not empty, the message is discarded, with
    /// the same response.
    website: Option<String>,
}

impl CreateContactSubmission {
    fn parse(&self) -> Result<NewContactSubmission> {
        let mut form = Form::default();
        let name = form.check("name", required_line(&self.name, 200));
        let email = form.check("email", Email::parse(&self.email));
        let phone = form.check_filled("phone", self.phone.as_deref(), user::phone);
        let subject = form.check("subject", required_line(&self.subject, 300));
        let message = form.check("message", paragraphs(&self.message, 5_000));
        if message.as_ref().is_some_and(String::is_empty) {
            form.add_problem("message", "must not be empty");
        }
        form.finish()?;
        Ok(NewContactSubmission {
            name: name.unwrap_or_default(),
            email: email.unwrap_or_default(),
            phone,
            subject: subject.unwrap_or_default(),
            message: message.unwrap_or_default(),
        })
    }

    fn is_from_bot(&self) -> bool {
        self.website.as_ref().is_some_and(|text| !text.is_empty())
    }
}

/// The response to a submitted contact form.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactSubmissionReceipt {
    success: bool,
    /// The id of the message.
    id: Uuid,
}

/// Stores a message, and sends it to the studio by e-mail if `CONTACT_TO` is configured. A
/// message from a bot is discarded, with the same response.
///
/// # Errors
///
/// Fails with [`Error::Invalid`] or [`Error::TooManyRequests`].
pub fn submit<'a>(
    app: &'a App,
    caller: &'a Caller,
    form: &'a CreateContactSubmission,
) -> BoxFuture<'a, Result<ContactSubmissionReceipt>> {
    Box::pin(async move {
        let new = form.parse()?;
        let mut subjects = Subject::address(CONTACT_ADDRESS, caller.address);
        subjects.push(Subject::email(CONTACT_EMAIL, new.email.as_str()));
        rate_limit::count_attempt(app, &subjects).await?;
        if form.is_from_bot() {
            tracing::info!("dropped a contact form from a bot");
            return Ok(ContactSubmissionReceipt {
                success: true,
                id: random::id(),
            });
        }
        let studio_email = app.config().mail.contact_to.as_deref();
        let client = app.db().client().await?;
        let id = contact::insert(&client, &new, caller, studio_email).await?;
        mail::send_due_in_background(app);
        Ok(ContactSubmissionReceipt { success: true, id })
    })
}

/// The query parameters of the inbox.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ContactQuery {
    /// `true` lists processed messages, `false` unprocessed ones. The default is all.
    #[param(value_type = Option<bool>)]
    processed: Option<String>,
}

/// A message from the contact form, as the API returns it to staff.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContactSubmission)]
pub struct ContactSubmissionView {
    id: Uuid,
    name: String,
    email: String,
    phone: Option<String>,
    subject: String,
    message: String,
    processed: bool,
    processed_at: Option<DateTime<Utc>>,
    processed_by: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl From<ContactSubmission> for ContactSubmissionView {
    fn from(submission: ContactSubmission) -> Self {
        Self {
            id: submission.id,
            name: submission.name,
            email: email::readable(&submission.email),
            phone: submission.phone,
            subject: submission.subject,
            message: submission.message,
            processed: submission.is_processed,
            processed_at: submission.processed_at,
            processed_by: submission.processed_by,
            created_at: submission.created_at,
        }
    }
}

/// Lists messages, newest first.
///
/// # Errors
///
/// Fails with [`Error::Invalid`] when a parameter is invalid.
pub fn list(
    app: &App,
    query_params: ContactQuery,
    page: Page,
) -> BoxFuture<'_, Result<List<ContactSubmissionView>>> {
    Box::pin(async move {
        let mut form = Form::default();
        let processed = form.check_filled(
            "processed",
            query_params.processed.as_deref(),
            query::boolean,
        );
        form.finish()?;
        let rows = app
            .db()
            .read(async move |client| contact::list(client, processed, &page).await)
            .await?;
        Ok(List::new(
            rows,
            page,
            ContactSubmission::position,
            ContactSubmissionView::from,
        ))
    })
}

/// The request to mark a message as processed or unprocessed.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateContactSubmission {
    id: Uuid,
    /// Whether the message is processed.
    processed: bool,
}

/// Marks a message as processed or unprocessed.
///
/// # Errors
///
/// Fails with [`Error::NotFound`] when no message has this id.
pub fn update<'a>(
    app: &'a App,
    caller: &'a Caller,
    staff: &'a Member,
    change: &'a UpdateContactSubmission,
) -> BoxFuture<'a, Result<ContactSubmissionView>> {
    Box::pin(async move {
        let action = StaffAction::by_staff(staff, caller)?;
        let UpdateContactSubmission { id, processed } = *change;
        let updated = app.transaction().authorize(&action).run(async |tx| {
            let marked = contact::mark(tx, id, processed, action.actor_id()).await?;
            let (submission, changed) = marked.ok_or(Error::NotFound)?;
            if changed {
                let detail = json!({ "submissionId": id, "processed": processed });
                action
                    .record(tx, SecurityEventKind::ContactProcessed, None, detail)
                    .await?;
            }
            Ok(submission)
        });
        updated.await.map(ContactSubmissionView::from)
    })
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::http::json::parse;
    use crate::testing::arbitrary::{fits_column, form, parsed_or_client_error};

    proptest! {
        #[test]
        fn a_form_is_rejected_or_fits_its_columns(filled in form(&json!({
            "name": "Ana", "email": "ana@example.com", "phone": "555 0100",
            "subject": "Salsa", "message": "Hola,\nwhen?", "website": "",
        }))) {
            let form = parsed_or_client_error(parse::<CreateContactSubmission>(filled.to_string().as_bytes()));
            if let Some(new) = form.and_then(|form| parsed_or_client_error(form.parse())) {
                assert!(fits_column(&new.name, 200) && fits_column(new.email.as_str(), 255));
                assert!(fits_column(&new.subject, 300) && fits_column(&new.message, 5_000));
                assert!(!new.subject.contains(char::is_control), "{:?}", new.subject);
            }
        }
    }
}
