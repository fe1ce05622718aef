//! Registration of members.

use std::slice;

use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::crypto::password::Password;
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::http::{Accepted, SetCookie, SignInContext, registration_cookie};
use crate::identity::closing;
use crate::identity::rate_limit;
use crate::identity::rate_limit::{REGISTER_ADDRESS, REGISTER_TOTAL, Subject, VERIFY_EMAIL};
use crate::identity::sign_in::{AuthenticatedMember, PendingSession, SessionMode, SignInResponse};
use crate::models::one_time_token::Purpose;
use crate::models::security_event::{self, SecurityEventKind};
use crate::models::user::AuthenticationProof;
use crate::models::user::{self, Email, ExperienceLevel, NewUser, Profile};
use crate::notify::mail;
use crate::notify::mail::Notice;
use crate::session::{Credential, Notification};
use crate::values::form::{self, Form, Problem};
use crate::values::locale::Locale;
use crate::values::schema::{EmailAddress, NewPassword, PhoneNumber};
use crate::{App, BoxFuture, session};

/// The registration form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RegisterMember)]
pub struct Registration {
    #[schema(value_type = EmailAddress)]
    email: String,
    /// 8 to 128 characters. Common passwords, sequences of characters, the e-mail address,
    /// and the names of the member and the studio are rejected.
    #[schema(value_type = NewPassword)]
    password: String,
    confirm_password: Option<String>,
    #[schema(max_length = 100, examples("Ana"))]
    first_name: Option<String>,
    #[schema(max_length = 100, examples("Morales"))]
    last_name: Option<String>,
    /// The full name, in place of the first and last name. The first word becomes the first
    /// name.
    #[schema(max_length = 200, examples("Ana Morales"))]
    name: Option<String>,
    #[schema(value_type = Option<PhoneNumber>)]
    phone: Option<String>,
    date_of_birth: Option<NaiveDate>,
    #[schema(max_length = 200)]
    emergency_contact_name: Option<String>,
    #[schema(value_type = Option<PhoneNumber>)]
    emergency_contact_phone: Option<String>,
    experience_level: Option<ExperienceLevel>,
    /// Medical conditions that an instructor should know about. They are encrypted in the
    /// database. Staff can request them for a class that the member has booked, until the
    /// end of the day of the class. Each such request is recorded in the security log.
    #[schema(max_length = 2_000)]
    medical_conditions: Option<String>,
    #[serde(default)]
    marketing_consent: bool,
    /// The language of the site and of e-mails. The default is the language that
    /// `Accept-Language` prefers.
    locale: Option<Locale>,
    /// How the client holds the session.
    #[serde(default)]
    mode: SessionMode,
    /// Keeps the session in the browser for at most thirty days, or seven days without use.
    /// Otherwise, it lasts at most seven days, or 24 hours without use, and the browser forgets
    /// the cookie when it is closed.
    #[serde(default)]
    remember: bool,
}

/// The response to a registration.
#[derive(Debug)]
pub enum RegistrationResponse {
    /// The member is signed in.
    SignedIn(Box<SignInResponse>),
    /// An e-mail was sent to the address, unless the mailbox has received too many. The
    /// response is the same whether or not the address already had an account. The cookie
    /// identifies the browser when the member confirms the address.
    Pending(SetCookie),
}

impl IntoResponse for RegistrationResponse {
    fn into_response(self) -> Response {
        match self {
            Self::SignedIn(response) => (StatusCode::CREATED, *response).into_response(),
            Self::Pending(cookie) => (cookie, Accepted).into_response(),
        }
    }
}

/// Creates an account and its first session in one transaction. The account replaces an
/// earlier registration whose address was never confirmed. If addresses must be confirmed
/// first, no session is created, and only the e-mail reveals whether the address already had
/// an account.
///
/// # Errors
///
/// [`Error::Invalid`] with the problems of all fields; 409 `email_taken`;
/// [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn register_account<'a>(
    app: &'a App,
    context: &'a SignInContext,
    registration: &'a Registration,
) -> BoxFuture<'a, Result<RegistrationResponse>> {
    Box::pin(async move {
        let studio_name = &app.config().studio.name;
        let today = app.clock().now().date_naive();
        let (mut new_user, password) = validate(registration, studio_name, today)?;
        new_user.locale = registration.locale.or(context.caller.locale);
        let address = context.caller.address;
        let total_subjects = Subject::address(REGISTER_TOTAL, address);
        rate_limit::count_attempt(app, &total_subjects).await?;
        let subjects = Subject::address(REGISTER_ADDRESS, address);
        let attempt = rate_limit::begin(app, subjects).await?;
        let credential = match registration.mode {
            SessionMode::Cookie => Credential::cookie(registration.remember),
            SessionMode::Token => Credential::tokens(),
        };
        let registered = async {
            let hash = app.hasher().hash(password).await?;
            if app.config().require_email_verification {
                let id = register_unconfirmed(app, context, &new_user, &hash).await?;
                let cookie = registration_cookie(app, id);
                return Ok(RegistrationResponse::Pending(cookie));
            }
            // Each registration sends a link that replaces the previous one, so it counts
            // toward the limit of the mailbox.
            let mailbox = Subject::email(VERIFY_EMAIL, new_user.email.as_str());
            rate_limit::count_attempt(app, slice::from_ref(&mailbox)).await?;
            let inserted = insert(app, context, &new_user, &hash, Some(credential)).await;
            if inserted.is_err() {
                rate_limit::forgive(app, vec![mailbox]);
            }
            let (_, sign_in_response) = inserted?;
            let sign_in_response = sign_in_response
                .ok_or_else(|| Error::internal("registration created no session"))?;
            app.counters().add("sessions_created", 1);
            Ok(RegistrationResponse::SignedIn(Box::new(sign_in_response)))
        };
        let registered = registered.await;
        attempt.settle(&registered);
        mail::send_due_in_background(app);
        registered
    })
}

/// Creates an account that cannot sign in before its address is confirmed. Returns the
/// account's id. If the address already has an account, notifies its owner instead. If the
/// mailbox has received too many messages, does nothing. In both cases, returns a random id, so
/// that the response looks the same.
async fn register_unconfirmed(
    app: &App,
    context: &SignInContext,
    new_user: &NewUser,
    hash: &str,
) -> Result<Uuid> {
    // Anyone can exhaust the limit of somebody else's mailbox. The newest link in the
    // mailbox stays valid, so its owner is not locked out.
    let mailbox = Subject::email(VERIFY_EMAIL, new_user.email.as_str());
    match rate_limit::count_attempt(app, &[mailbox]).await {
        Err(Error::TooManyRequests { .. }) => return Ok(random::id()),
        counted => counted?,
    }
    match insert(app, context, new_user, hash, None).await {
        Err(Error::EmailTaken) => {
            notify_owner(app, context, &new_user.email).await?;
            Ok(random::id())
        }
        outcome => Ok(outcome?.0),
    }
}

/// Creates the account and queues the e-mail to confirm its address. Creates the first
/// session if there is a credential. Returns the account's id.
async fn insert(
    app: &App,
    context: &SignInContext,
    new_user: &NewUser,
    hash: &str,
    credential: Option<Credential>,
) -> Result<(Uuid, Option<SignInResponse>)> {
    let keys = &app.config().encryption_keys;
    let session = PendingSession::for_new_account(context, credential.as_ref());
    let caller = &context.caller;
    let notice = Notice::from_caller(caller, app.clock().now());
    let transaction = app.transaction().run(async |tx| {
        closing::replace_registration(tx, new_user.email.as_str()).await?;
        let user = user::insert(tx, keys, new_user, Some(hash)).await?;
        let (purpose, id) = (Purpose::VerifyEmail, user.id);
        mail::send_link(tx, keys, purpose, id, &user.email, notice.clone()).await?;
        let Some(credential) = credential.clone() else {
            security_event::insert(tx, SecurityEventKind::SignedUp, Some(id), caller).await?;
            return Ok((id, None));
        };
        let member = AuthenticatedMember {
            proof: AuthenticationProof::for_new_member(id, "password"),
            second_factor: None,
            device: None,
            trust_device: false,
            user,
            credential,
        };
        let new_session = session.new_session(&member, Notification::SignedUp);
        session::create_session(tx, &new_session).await?;
        tx.invalidate_sessions(new_session.replaces);
        Ok((id, Some(member)))
    });
    let (id, member) = transaction.await?;
    Ok((id, member.map(|member| session.respond(app, member))))
}

/// Notifies the owner of an account by e-mail that someone tried to register with the
/// owner's address.
async fn notify_owner(app: &App, context: &SignInContext, email: &Email) -> Result<()> {
    let notice = Notice::from_caller(&context.caller, app.clock().now());
    let postgres = app.db().client().await?;
    match user::find_credentials_by_email(&postgres, email.as_str(), &[]).await? {
        Some(owner) => mail::notify_account_exists(&postgres, &owner, notice).await,
        None => Ok(()),
    }
}

/// Validates a registration. The error contains the problems of all fields.
fn validate(
    registration: &Registration,
    studio_name: &str,
    today: NaiveDate,
) -> Result<(NewUser, Password)> {
    let mut form = Form::default();
    let email = form.check("email", Email::parse(&registration.email));
    let (first_name, last_name) = match &registration.name {
        Some(name) => {
            // The first and last name are not used if there is a full name, but they must
            // be valid.
            form.check_filled(
                "firstName",
                registration.first_name.as_deref(),
                user::first_name,
            );
            form.check_filled(
                "lastName",
                registration.last_name.as_deref(),
                user::last_name,
            );
            form.check("name", split_name(name)).unzip()
        }
        None => {
            let first = registration.first_name.as_deref().unwrap_or_default();
            let last = registration.last_name.as_deref().unwrap_or_default();
            (
                form.check("firstName", user::first_name(first)),
                form.check("lastName", user::last_name(last)),
            )
        }
    };
    let text = |name: &Option<String>| name.clone().unwrap_or_default();
    let (first, last) = (text(&first_name), text(&last_name));
    let personal_data = [registration.email.as_str(), &first, &last];
    let password = form.check(
        "password",
        Password::parse_new(&registration.password, studio_name, &personal_data),
    );
    if registration
        .confirm_password
        .as_ref()
        .is_some_and(|confirmation| *confirmation != registration.password)
    {
        form.add_problem("confirmPassword", "is not the same as the password");
    }
    let new_user = NewUser {
        phone: form.check_filled("phone", registration.phone.as_deref(), user::phone),
        experience_level: registration
            .experience_level
            .unwrap_or(ExperienceLevel::Beginner),
        locale: None,
        profile: profile(registration, today, &mut form),
        email: email.unwrap_or_default(),
        email_verified: false,
        first_name: first_name.unwrap_or_default(),
        last_name: last_name.unwrap_or_default(),
    };
    form.finish()?;
    let password =
        password.ok_or_else(|| Error::internal("password was neither accepted nor rejected"))?;
    Ok((new_user, password))
}

/// Splits a full name after its first word into the first and last name.
fn split_name(name: &str) -> Result<(String, String), Problem> {
    let name = form::required_line(name, 2 * user::MAX_NAME)?;
    let (first, last) = name.split_once(char::is_whitespace).unwrap_or((&name, ""));
    Ok((user::first_name(first)?, user::last_name(last)?))
}

fn profile(registration: &Registration, today: NaiveDate, form: &mut Form) -> Profile {
    Profile {
        date_of_birth: form.check_given("dateOfBirth", registration.date_of_birth, |date| {
            user::date_of_birth(date, today)
        }),
        emergency_contact_name: form.check_filled(
            "emergencyContactName",
            registration.emergency_contact_name.as_deref(),
            user::contact_name,
        ),
        emergency_contact_phone: form.check_filled(
            "emergencyContactPhone",
            registration.emergency_contact_phone.as_deref(),
            user::phone,
        ),
        medical_conditions: form.check_filled(
            "medicalConditions",
            registration.medical_conditions.as_deref(),
            user::medical_conditions,
        ),
        medical_conditions_unreadable: false,
        marketing_consent: registration.marketing_consent,
    }
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_schema_has_the_limits_of_the_parsers() {
        let schema = serde_json::to_value(Registration::schema()).unwrap();
        for (field, max) in [
            ("firstName", user::MAX_NAME),
            ("lastName", user::MAX_NAME),
            ("name", 2 * user::MAX_NAME),
            ("emergencyContactName", user::MAX_CONTACT_NAME),
            ("medicalConditions", user::MAX_MEDICAL_CONDITIONS),
        ] {
            assert_eq!(schema["properties"][field]["maxLength"], max, "{field}");
        }
    }
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
        fn a_valid_registration_fits_its_columns_and_no_error_shows_the_password(body in form(&json!({
            "email": "ana@example.com", "password": "correct horse", "firstName": "Ana", "lastName": "Reyes",
            "phone": "555 0100", "dateOfBirth": "1990-02-28", "emergencyContactName": "Luz",
            "medicalConditions": "asma", "experienceLevel": "advanced", "remember": true,
        }))) {
            let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
            let Some(registration) = parsed_or_client_error(parse::<Registration>(body.to_string().as_bytes())) else {
                return Ok(());
            };
            let error = validate(&registration, "Sabor con Flow", today).err().map(|error| format!("{error} {:?}", error.details()));
            assert!(
                registration.password.len() < 12
                    || !error.unwrap_or_default().contains(&registration.password)
            );
            if let Some((new_user, _)) = parsed_or_client_error(validate(&registration, "Sabor con Flow", today)) {
                assert!(fits_column(new_user.email.as_str(), user::MAX_EMAIL));
                assert!(!new_user.first_name.is_empty() && fits_column(&new_user.first_name, user::MAX_NAME));
                assert!(fits_column(&new_user.last_name, user::MAX_NAME));
                assert!(new_user.profile.date_of_birth.is_none_or(|date| date <= today));
            }
        }
    }
}
