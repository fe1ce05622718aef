//! From a form to an account.

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::http::{Client, SetSession};
use crate::models::security_event::{self, Kind};
use crate::models::throttle::{self, REGISTER_ADDRESS, Subject};
use crate::models::user::{self, Email, ExperienceLevel, NewUser, Profile, User};
use crate::password::Password;
use crate::session::{Changed, Key, Life, Proof, Token};
use crate::sign_in::Mode;
use crate::text::Form;
use crate::{App, BoxFuture, session};

/// What somebody fills in to get an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    email: String,
    /// 8 to 128 characters; not a common one, nor the e-mail address or name.
    password: String,
    confirm_password: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    /// Instead of both: the first word is the first name.
    name: Option<String>,
    phone: Option<String>,
    date_of_birth: Option<NaiveDate>,
    emergency_contact_name: Option<String>,
    emergency_contact_phone: Option<String>,
    experience_level: Option<ExperienceLevel>,
    /// Encrypted at rest, and shown to the member alone.
    medical_conditions: Option<String>,
    #[serde(default)]
    marketing_consent: bool,
    #[serde(default)]
    #[expect(dead_code, reason = "there is one mode, and naming it is allowed")]
    mode: Mode,
    /// Thirty days instead of seven.
    #[serde(default)]
    remember: bool,
}

/// Makes an account and its first session, together or not at all. `before` is
/// the session that the client came with; it ends.
///
/// # Errors
///
/// [`Error::Invalid`] with all that is wrong; 409 `email_taken`;
/// [`Error::TooManyRequests`]; [`Error::Unavailable`].
pub fn register_account<'a>(
    app: &'a App,
    client: &'a Client,
    form: &'a Registration,
    before: Option<Key>,
) -> BoxFuture<'a, Result<(SetSession, User)>> {
    Box::pin(async move {
        let (new, password) = read(form, app.clock().now().date_naive())?;
        let subject = Subject::address(REGISTER_ADDRESS, client.address);
        throttle::take(&*app.db().client().await?, &[subject]).await?;
        let hash = app.hasher().hash(password).await?;
        let (token, user) = insert(app, client, new, hash, before, form.remember).await?;
        app.counters().add("sessions_created", 1);
        Ok((SetSession::new(app, &token, Life::of(form.remember)), user))
    })
}

async fn insert(
    app: &App,
    client: &Client,
    new: NewUser,
    hash: String,
    before: Option<Key>,
    remember: bool,
) -> Result<(Token, User)> {
    let token = Token::generate();
    let (key, origin) = (token.key(), client.origin());
    let (keys, client) = (app.config().encryption_keys.clone(), client.clone());
    let made = app.sessions().transaction(move |postgres| {
        let (new, hash, keys) = (new.clone(), hash.clone(), keys.clone());
        let (key, before, origin, client) =
            (key.clone(), before.clone(), origin.clone(), client.clone());
        Box::pin(async move {
            let user = user::insert(postgres, &keys, &new, &hash).await?;
            let proof = Proof::of_new(user.id);
            session::insert(postgres, &proof, &key, before.as_ref(), &origin, remember).await?;
            security_event::insert(postgres, Kind::SignedUp, Some(user.id), &client).await?;
            Ok(Changed {
                value: user,
                keys: before.into_iter().collect(),
            })
        })
    });
    Ok((token, made.await?))
}

/// All that is wrong with the form is said at once.
fn read(form: &Registration, today: NaiveDate) -> Result<(NewUser, Password)> {
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
    let password = check.check("password", Password::chosen(&form.password, &personal));
    if form
        .confirm_password
        .as_ref()
        .is_some_and(|again| *again != form.password)
    {
        check.refuse("confirmPassword", "is not the same as the password");
    }
    let new = NewUser {
        phone: check.check_given("phone", form.phone.as_deref(), user::phone),
        experience_level: form.experience_level.unwrap_or(ExperienceLevel::Beginner),
        profile: profile(form, today, &mut check),
        email: email.unwrap_or_default(),
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
    let born = form
        .date_of_birth
        .map(|date| user::date_of_birth(date, today));
    Profile {
        date_of_birth: check.check("dateOfBirth", born.transpose()).flatten(),
        emergency_contact_name: check.check_given(
            "emergencyContactName",
            form.emergency_contact_name.as_deref(),
            user::contact_name,
        ),
        emergency_contact_phone: check.check_given(
            "emergencyContactPhone",
            form.emergency_contact_phone.as_deref(),
            user::phone,
        ),
        medical_conditions: check.check_given(
            "medicalConditions",
            form.medical_conditions.as_deref(),
            user::medical_conditions,
        ),
        marketing_consent: form.marketing_consent,
    }
}
