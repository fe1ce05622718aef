//! The configuration of the studio: its name, location and rules, such as the cancellation
//! window.

use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};

use super::address::{self, StudioAddress};
use super::environment::{ConfigError, Environment, exact_origin, invalid};
use super::mail;
use crate::values::form;
use crate::values::money::Money;

/// The studio's name, address, time zone, currency, deadlines and URL.
#[derive(Clone, Debug)]
pub struct StudioConfig {
    /// `STUDIO_NAME`: the name on the site, in e-mails, calendars and authenticator apps.
    pub name: String,
    /// The address. `None` if it is not configured.
    pub address: Option<StudioAddress>,
    /// `STUDIO_EMAIL`: the e-mail address that the site shows to visitors.
    pub email: Option<String>,
    /// `STUDIO_TAX_NUMBER`: the studio's tax number, which receipts show.
    pub tax_number: Option<String>,
    /// `STUDIO_TIMEZONE`: an IANA time zone. Only its syntax is checked here,
    /// because not every function links the time zone database.
    pub time_zone: String,
    /// `STUDIO_CURRENCY`: an ISO 4217 code.
    pub currency: String,
    /// `WAITLIST_CUTOFF_HOURS`: how long before the start of a class its waitlist
    /// closes.
    pub waitlist_cutoff: Duration,
    /// `CANCELLATION_WINDOW_HOURS`: how long before the start of a class a
    /// cancellation becomes late. A late cancellation costs a fee.
    pub cancellation_window: Duration,
    /// `LATE_CANCEL_FEE`: the fee for a late cancellation. `None`: the price of the class.
    pub late_cancel_fee: Option<Money>,
    /// `NO_SHOW_FEE`: the fee for a no-show. `None`: the price of the class.
    pub no_show_fee: Option<Money>,
    /// `SCHEDULE_AHEAD_WEEKS`: how far ahead the clean-up generates the occurrences of
    /// weekly classes.
    pub schedule_ahead_weeks: i64,
    /// `FREE_CANCELLATION_GRACE_MINUTES`: how long a booking can always be cancelled free
    /// of charge after it was made or was promoted from the waitlist, but not after the start
    /// of the class.
    pub free_cancellation_grace: Duration,
    /// `IMAGE_ORIGIN`: the origin besides the site's own from which pictures may be loaded.
    pub image_origin: Option<String>,
    /// `MAX_UNPAID_BOOKINGS`: how many unpaid upcoming bookings a member can have. Staff can
    /// make more for the member.
    pub max_unpaid_bookings: i32,
    /// `MEMBERSHIP_GRACE_DAYS`: how many days members keep their bookings when a membership
    /// payment fails. From 1 to 7.
    pub membership_grace_days: i64,
    /// `SITE_URL`, or the URL of the production deployment on Vercel, without a trailing
    /// slash. If neither is set, `http://localhost:3000`. Links in e-mails and redirects after
    /// payments lead to it.
    pub site_url: String,
}

impl StudioConfig {
    /// Returns the last day of the grace period of an unpaid period of a membership.
    pub fn membership_grace_end(&self, first_day: NaiveDate) -> NaiveDate {
        first_day + TimeDelta::days(self.membership_grace_days - 1)
    }
}

pub(super) fn studio(
    env: &Environment<'_>,
    development: bool,
) -> Result<StudioConfig, ConfigError> {
    let currency = currency(env)?;
    Ok(StudioConfig {
        name: studio_name(env)?,
        address: address::address(env)?,
        email: mail::address(env, "STUDIO_EMAIL")?,
        tax_number: tax_number(env)?,
        time_zone: time_zone(env)?,
        late_cancel_fee: fee(env, "LATE_CANCEL_FEE", &currency)?,
        no_show_fee: fee(env, "NO_SHOW_FEE", &currency)?,
        currency,
        waitlist_cutoff: hours(env, "WAITLIST_CUTOFF_HOURS", 2)?,
        cancellation_window: hours(env, "CANCELLATION_WINDOW_HOURS", 12)?,
        schedule_ahead_weeks: weeks(env, "SCHEDULE_AHEAD_WEEKS", 8)?,
        free_cancellation_grace: minutes(env, "FREE_CANCELLATION_GRACE_MINUTES", 60)?,
        image_origin: image_origin(env)?,
        max_unpaid_bookings: max_unpaid_bookings(env)?,
        membership_grace_days: membership_grace_days(env)?,
        site_url: site_url(env, development)?,
    })
}

/// Returns the studio's name. Quotation marks and backslashes are rejected, because they
/// would have to be escaped in the sender's name.
fn studio_name(env: &Environment<'_>) -> Result<String, ConfigError> {
    let name = env
        .value("STUDIO_NAME")
        .unwrap_or_else(|| "Sabor con Flow".into());
    let name =
        form::required_line(&name, 100).map_err(|problem| invalid("STUDIO_NAME", problem))?;
    if name.contains(['"', '\\']) {
        return Err(invalid(
            "STUDIO_NAME",
            "must not contain quotation marks or backslashes",
        ));
    }
    Ok(name)
}

fn tax_number(env: &Environment<'_>) -> Result<Option<String>, ConfigError> {
    let name = "STUDIO_TAX_NUMBER";
    let number = env.value(name);
    let parsed = number.map(|number| form::required_line(&number, 50));
    parsed.transpose().map_err(|problem| invalid(name, problem))
}

fn time_zone(env: &Environment<'_>) -> Result<String, ConfigError> {
    let name = "STUDIO_TIMEZONE";
    let zone = env.value(name).unwrap_or_else(|| "America/Denver".into());
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    // Names without a slash are fixed offsets or legacy names.
    if zone != "UTC" && (!zone.contains('/') || !zone.chars().all(is_allowed)) {
        return Err(invalid(name, "must be a time zone such as America/Denver"));
    }
    Ok(zone)
}

fn currency(env: &Environment<'_>) -> Result<String, ConfigError> {
    let name = "STUDIO_CURRENCY";
    let currency = env.value(name).unwrap_or_else(|| "USD".into());
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(invalid(name, "must be three capital letters, such as USD"));
    }
    Ok(currency)
}

fn fee(env: &Environment<'_>, name: &str, currency: &str) -> Result<Option<Money>, ConfigError> {
    let text = env.value(name).unwrap_or_else(|| "price".into());
    if text == "price" {
        return Ok(None);
    }
    let amount = Money::parse(&text).and_then(|amount| amount.check_currency(currency));
    amount
        .map(Some)
        .map_err(|problem| invalid(name, format!("{problem}, or price")))
}

fn hours(env: &Environment<'_>, name: &str, default: u32) -> Result<Duration, ConfigError> {
    let hours: u32 = env.parse(name, default, "a whole number of hours")?;
    if hours > 24 * 30 {
        return Err(invalid(name, "must be at most 720 (thirty days)"));
    }
    Ok(Duration::from_secs(u64::from(hours) * 3_600))
}

fn minutes(env: &Environment<'_>, name: &str, default: u32) -> Result<Duration, ConfigError> {
    let minutes: u32 = env.parse(name, default, "a whole number of minutes")?;
    if minutes > 24 * 60 {
        return Err(invalid(name, "must be at most 1440 (one day)"));
    }
    Ok(Duration::from_secs(u64::from(minutes) * 60))
}

fn image_origin(env: &Environment<'_>) -> Result<Option<String>, ConfigError> {
    let name = "IMAGE_ORIGIN";
    let Some(origin) = env.value(name) else {
        return Ok(None);
    };
    let origin = exact_origin(name, &origin)?;
    if !origin.starts_with("https://") {
        return Err(invalid(name, "must begin with https://"));
    }
    Ok(Some(origin))
}

fn max_unpaid_bookings(env: &Environment<'_>) -> Result<i32, ConfigError> {
    let name = "MAX_UNPAID_BOOKINGS";
    let count = env.parse(name, 3, "a whole number")?;
    // A booking is paid after it was made, so at least one unpaid booking must be possible.
    if !(1..=1_000).contains(&count) {
        return Err(invalid(name, "must be from 1 to 1000"));
    }
    Ok(count)
}

fn membership_grace_days(env: &Environment<'_>) -> Result<i64, ConfigError> {
    let name = "MEMBERSHIP_GRACE_DAYS";
    let days = env.parse(name, 3, "a whole number of days")?;
    // A bank needs hours to take the money, and a period can be as short as a week.
    if !(1..=7).contains(&days) {
        return Err(invalid(name, "must be from 1 to 7"));
    }
    Ok(days)
}

fn weeks(env: &Environment<'_>, name: &str, default: i64) -> Result<i64, ConfigError> {
    let weeks = env.parse(name, default, "a whole number of weeks")?;
    if !(1..=52).contains(&weeks) {
        return Err(invalid(name, "must be from 1 to 52"));
    }
    Ok(weeks)
}

/// Returns the site's URL. It is never taken from a request, because a request can contain
/// any host.
fn site_url(env: &Environment<'_>, development: bool) -> Result<String, ConfigError> {
    if let Some(site) = env.value("SITE_URL") {
        return exact_origin("SITE_URL", &site);
    }
    if let Some(host) = env.value("VERCEL_PROJECT_PRODUCTION_URL") {
        return Ok(format!("https://{host}"));
    }
    let needed_by = ["SMTP_HOST", "STRIPE_SECRET_KEY"]
        .into_iter()
        .find(|name| env.value(name).is_some());
    match needed_by {
        Some(name) if !development => Err(invalid(
            "SITE_URL",
            format!("is required when {name} is set: links need an address"),
        )),
        _ => Ok("http://localhost:3000".into()),
    }
}
