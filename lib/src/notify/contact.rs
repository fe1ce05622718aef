//! From a visitor's form to the studio, and to somebody who deals with it.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::admin::staff_action::Act;
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::http::{List, Member, query};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{CONTACT_ADDRESS, CONTACT_EMAIL, Subject};
use crate::models::contact::{self, NewSubmission, Shown, Submission};
use crate::models::security_event::Kind;
use crate::models::user::{self, Email};
use crate::notify::mail;
use crate::store::page::Page;
use crate::values::caller::Caller;
use crate::values::form::{Form, paragraphs, required_line};
use crate::values::schema::{EmailAddress, PhoneNumber};
use crate::{App, BoxFuture};

/// What a visitor fills in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateContactSubmission)]
pub struct Message {
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
    /// No person sees this field; leave it out or empty.
    website: Option<String>,
}

impl Message {
    fn read(&self) -> Result<NewSubmission> {
        let mut check = Form::default();
        let name = check.check("name", required_line(&self.name, 200));
        let email = check.check("email", Email::parse(&self.email));
        let phone = check.check_filled("phone", self.phone.as_deref(), user::phone);
        let subject = check.check("subject", required_line(&self.subject, 300));
        let message = check.check("message", paragraphs(&self.message, 5_000));
        if message.as_ref().is_some_and(String::is_empty) {
            check.refuse("message", "must not be empty");
        }
        check.finish()?;
        Ok(NewSubmission {
            name: name.unwrap_or_default(),
            email: email.unwrap_or_default(),
            phone,
            subject: subject.unwrap_or_default(),
            message: message.unwrap_or_default(),
        })
    }

    fn is_by_a_machine(&self) -> bool {
        self.website.as_ref().is_some_and(|text| !text.is_empty())
    }
}

/// The answer to whoever has written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContactSubmissionReceipt)]
pub struct Received {
    success: bool,
    /// To refer to it.
    id: Uuid,
}

/// Stores a message and tells the studio. One with the field that no person
/// sees is answered alike, and dropped.
///
/// # Errors
///
/// [`Error::Invalid`] with all that is wrong; [`Error::TooManyRequests`];
/// [`Error::Unavailable`].
pub fn submit<'a>(
    app: &'a App,
    client: &'a Caller,
    message: &'a Message,
) -> BoxFuture<'a, Result<Received>> {
    Box::pin(async move {
        let new = message.read()?;
        let subjects = [
            Subject::address(CONTACT_ADDRESS, client.address),
            Subject::email(CONTACT_EMAIL, new.email.as_str()),
        ];
        rate_limit::take(app, &subjects).await?;
        if message.is_by_a_machine() {
            tracing::info!("a message by a machine was dropped");
            return Ok(Received {
                success: true,
                id: random::id(),
            });
        }
        let studio = app.config().mail.contact_to.as_deref();
        let postgres = app.db().client().await?;
        let id = contact::insert(&postgres, &new, client, studio).await?;
        mail::send_due_soon(app);
        Ok(Received { success: true, id })
    })
}

/// Which messages are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Inbox {
    /// `true`: those that have been dealt with; `false`: those that have not.
    #[param(value_type = Option<bool>)]
    processed: Option<String>,
}

/// A page of messages, newest first.
///
/// # Errors
///
/// [`Error::Invalid`]; [`Error::Unavailable`].
pub fn list(app: &App, inbox: Inbox, page: Page) -> BoxFuture<'_, Result<List<Shown>>> {
    Box::pin(async move {
        let mut check = Form::default();
        let processed = check.check_filled("processed", inbox.processed.as_deref(), query::boolean);
        check.finish()?;
        let rows = app
            .db()
            .read(async move |client| contact::list(client, processed, &page).await)
            .await?;
        Ok(List::new(rows, page, Submission::place, Shown::from))
    })
}

/// What staff say of a message.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdateContactSubmission)]
pub struct Processing {
    id: Uuid,
    /// Whether it has been dealt with.
    processed: bool,
}

/// Notes that a message has been dealt with, or has not after all.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Unavailable`].
pub fn process<'a>(
    app: &'a App,
    client: &'a Caller,
    staff: &'a Member,
    processing: &'a Processing,
) -> BoxFuture<'a, Result<Submission>> {
    Box::pin(async move {
        let act = Act::new(staff, client)?;
        let Processing { id, processed } = *processing;
        let noted = act.transaction(app.db(), async |postgres| {
            let noted = contact::process(postgres, id, processed, act.by()).await?;
            let (submission, changed) = noted.ok_or(Error::NotFound)?;
            if changed {
                let detail = json!({ "submissionId": id, "processed": processed });
                act.note(postgres, Kind::ContactProcessed, None, detail)
                    .await?;
            }
            Ok(submission)
        });
        noted.await
    })
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::http::json::parse;
    use crate::testing::arbitrary::{fair, fits_column, form};

    proptest! {
        #[test]
        fn whatever_a_visitor_writes_postgres_takes_it_or_it_is_refused(filled in form(&json!({
            "name": "Ana", "email": "ana@example.com", "phone": "555 0100",
            "subject": "Salsa", "message": "Hola,\nwhen?", "website": "",
        }))) {
            let message = fair(parse::<Message>(filled.to_string().as_bytes()));
            if let Some(new) = message.and_then(|message| fair(message.read())) {
                assert!(fits_column(&new.name, 200) && fits_column(new.email.as_str(), 255));
                assert!(fits_column(&new.subject, 300) && fits_column(&new.message, 5_000));
                assert!(!new.subject.contains(char::is_control), "{:?}", new.subject);
            }
        }
    }
}
