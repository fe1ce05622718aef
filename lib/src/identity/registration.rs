//! From a form to an account.

use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::crypto::password::Password;
use crate::error::{Error, Result};
use crate::http::{Accepted, SignInContext};
use crate::identity::rate_limit;
use crate::identity::rate_limit::{REGISTER_ADDRESS, REGISTER_EMAIL, Subject};
use crate::identity::sign_in::{Entry, Mode, Welcome, Wish};
use crate::models::one_time_token::Purpose;
use crate::models::security_event::{self, Kind};
use crate::models::user::Proof;
use crate::models::user::{self, Email, ExperienceLevel, NewUser, Profile};
use crate::notify::mail;
use crate::notify::mail::Notice;
use crate::session::{Credential, Notification};
use crate::values::form::Form;
use crate::values::schema::{EmailAddress, NewPassword, PhoneNumber};
use crate::{App, BoxFuture, session};

/// What somebody fills in to get an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RegisterMember)]
pub struct Registration {
    #[schema(value_type = EmailAddress)]
    email: String,
    /// 8 to 128 characters; not a common one, nor the e-mail address or name.
    #[schema(value_type = NewPassword)]
    password: String,
    confirm_password: Option<String>,
    #[schema(max_length = 100, examples("Ana"))]
    first_name: Option<String>,
    #[schema(max_length = 100, examples("Morales"))]
    last_name: Option<String>,
    /// Instead of both: the first word is the first name.
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
    /// Encrypted at rest, and shown to the member alone.
    #[schema(max_length = 2_000)]
    medical_conditions: Option<String>,
    #[serde(default)]
    marketing_consent: bool,
    /// How the session is carried.
    #[serde(default)]
    mode: Mode,
    /// Thirty days instead of seven.
    #[serde(default)]
    remember: bool,
}

/// What has come of a registration.
#[derive(Debug)]
pub enum Registered {
    /// An account and its first session.
    SignedIn(Box<Welcome>),
    /// A mail is on its way, whoever has the address.
    Pending,
}

impl IntoResponse for Registered {
    fn into_response(self) -> Response {
        match self {
            Self::SignedIn(welcome) => (StatusCode::CREATED, *welcome).into_response(),
            Self::Pending => Accepted.into_response(),
        }
    }
}

/// Makes an account and its first session, together or not at all. Where an
/// address has to be confirmed first there is no session yet, and nobody is told
/// whether there was an account: that is for the mail to say.
///
/// # Errors
///
/// [`Error::Invalid`] with all that is wrong; 409 `email_taken`;
/// [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn register_account<'a>(
    app: &'a App,
    context: &'a SignInContext,
    form: &'a Registration,
) -> BoxFuture<'a, Result<Registered>> {
    Box::pin(async move {
        let (new, password) = read(
            form,
            &app.config().studio.name,
            app.clock().now().date_naive(),
        )?;
        let subjects = [
            Subject::address(REGISTER_ADDRESS, context.client.address),
            Subject::email(REGISTER_EMAIL, new.email.as_str()),
        ];
        rate_limit::take(app, &subjects).await?;
        let hash = app.hasher().hash(password).await?;
        let credential = match form.mode {
            Mode::Cookie => Credential::cookie(form.remember),
            Mode::Token => Credential::tokens(),
        };
        let registered = if app.config().require_email_verification {
            match insert(app, context, new.clone(), hash, None).await {
                Err(Error::Conflict { code, .. }) if code == user::EMAIL_TAKEN_CODE => {
                    tell_owner(app, context, &new.email).await?;
                }
                outcome => drop(outcome?),
            }
            Registered::Pending
        } else {
            let wish = insert(app, context, new, hash, Some(credential)).await?;
            let wish = wish.ok_or_else(|| Error::internal("a new account let nobody in"))?;
            app.counters().add("sessions_created", 1);
            Registered::SignedIn(Box::new(wish))
        };
        mail::send_due_soon(app);
        Ok(registered)
    })
}

/// The account, the mail that asks for its address to be confirmed, and with a
/// credential its first session.
async fn insert(
    app: &App,
    context: &SignInContext,
    new: NewUser,
    hash: String,
    credential: Option<Credential>,
) -> Result<Option<Welcome>> {
    let keys = &app.config().encryption_keys;
    let entry = Entry::first(context, credential.as_ref());
    let client = &context.client;
    let notice = Notice::from_caller(client, app.clock().now());
    let made = app.transaction().run(async |tx| {
        let user = user::insert(tx, keys, &new, Some(&hash)).await?;
        let (purpose, id) = (Purpose::VerifyEmail, user.id);
        mail::send_link(tx, keys, purpose, id, &user.email, notice.clone()).await?;
        let Some(credential) = credential.clone() else {
            security_event::insert(tx, Kind::SignedUp, Some(id), client).await?;
            return Ok(None);
        };
        let wish = Wish {
            proof: Proof::of_new(id, "password"),
            second: None,
            device: None,
            trust: false,
            user,
            credential,
        };
        let new_session = entry.new_session(&wish, Notification::SignedUp);
        session::create_session(tx, &new_session).await?;
        tx.invalidate_sessions(new_session.replaces);
        Ok(Some(wish))
    });
    Ok(made.await?.map(|wish| entry.welcome(app, wish)))
}

/// Somebody has registered with the address of an account: its owner is told,
/// and nobody else.
async fn tell_owner(app: &App, context: &SignInContext, email: &Email) -> Result<()> {
    let notice = Notice::from_caller(&context.client, app.clock().now());
    let postgres = app.db().client().await?;
    match user::credentials(&postgres, email.as_str(), &[]).await? {
        Some(owner) => mail::notify_account_exists(&postgres, &owner, notice).await,
        None => Ok(()),
    }
}

/// All that is wrong with the form is said at once.
fn read(form: &Registration, studio: &str, today: NaiveDate) -> Result<(NewUser, Password)> {
    let mut check = Form::default();
    let email = check.check("email", Email::parse(&form.email));
    let (first, last) = names(form);
    let named = if form.name.is_some() {
        "name"
    } else {
        "firstName"
    };
    let first_name = check.check(named, user::first_name(first));
    let last_name = check.check("lastName", user::last_name(last));
    let personal = [&form.email, first, last];
    let password = check.check(
        "password",
        Password::parse_new(&form.password, studio, &personal),
    );
    if form
        .confirm_password
        .as_ref()
        .is_some_and(|again| *again != form.password)
    {
        check.refuse("confirmPassword", "is not the same as the password");
    }
    let new = NewUser {
        phone: check.check_filled("phone", form.phone.as_deref(), user::phone),
        experience_level: form.experience_level.unwrap_or(ExperienceLevel::Beginner),
        profile: profile(form, today, &mut check),
        email: email.unwrap_or_default(),
        email_verified: false,
        first_name: first_name.unwrap_or_default(),
        last_name: last_name.unwrap_or_default(),
    };
    check.finish()?;
    let password =
        password.ok_or_else(|| Error::internal("a password neither read nor refused"))?;
    Ok((new, password))
}

/// First and last name; of a single `name`, the first word and the rest.
fn names(form: &Registration) -> (&str, &str) {
    match &form.name {
        Some(name) => name
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or((name, "")),
        None => (
            form.first_name.as_deref().unwrap_or_default(),
            form.last_name.as_deref().unwrap_or_default(),
        ),
    }
}

fn profile(form: &Registration, today: NaiveDate, check: &mut Form) -> Profile {
    Profile {
        date_of_birth: check.check_given("dateOfBirth", form.date_of_birth, |date| {
            user::date_of_birth(date, today)
        }),
        emergency_contact_name: check.check_filled(
            "emergencyContactName",
            form.emergency_contact_name.as_deref(),
            user::contact_name,
        ),
        emergency_contact_phone: check.check_filled(
            "emergencyContactPhone",
            form.emergency_contact_phone.as_deref(),
            user::phone,
        ),
        medical_conditions: check.check_filled(
            "medicalConditions",
            form.medical_conditions.as_deref(),
            user::medical_conditions,
        ),
        marketing_consent: form.marketing_consent,
    }
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
        fn whatever_is_filled_in_is_an_account_that_postgres_takes_or_a_fair_refusal(filled in form(&json!({
            "email": "ana@example.com", "password": "correct horse", "firstName": "Ana", "lastName": "Reyes",
            "phone": "555 0100", "dateOfBirth": "1990-02-28", "emergencyContactName": "Luz",
            "medicalConditions": "asma", "experienceLevel": "advanced", "remember": true,
        }))) {
            let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
            let Some(form) = fair(parse::<Registration>(filled.to_string().as_bytes())) else {
                return Ok(());
            };
            let refused = read(&form, "Sabor con Flow", today).err().map(|error| format!("{error} {:?}", error.details()));
            assert!(form.password.len() < 12 || !refused.unwrap_or_default().contains(&form.password));
            if let Some((new, _)) = fair(read(&form, "Sabor con Flow", today)) {
                assert!(fits_column(new.email.as_str(), 255) && fits_column(&new.first_name, 100));
                assert!(!new.first_name.is_empty() && fits_column(&new.last_name, 100));
                assert!(new.profile.date_of_birth.is_none_or(|day| day <= today));
            }
        }
    }
}
