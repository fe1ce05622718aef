//! The configuration of the studio, its mail, and its card payments.

use std::path::PathBuf;
use std::time::Duration;

use email_address::{EmailAddress, Options};

use super::environment::{ConfigError, Environment, exact_origin, invalid};
use crate::crypto::secret::Secret;
use crate::runtime::http_client::may_receive_secrets;

/// The studio's name, time zone, currency, deadlines and address.
#[derive(Clone, Debug)]
pub struct StudioConfig {
    /// `STUDIO_NAME`: the name in mails, calendars and authenticator apps.
    pub name: String,
    /// `STUDIO_TIMEZONE`: an IANA time zone. Only its syntax is checked here,
    /// because most functions do not link the time zone database.
    pub time_zone: String,
    /// `STUDIO_CURRENCY`: an ISO 4217 code.
    pub currency: String,
    /// `WAITLIST_CUTOFF_HOURS`: how long before the start of a class its waitlist
    /// closes.
    pub waitlist_cutoff: Duration,
    /// `CANCELLATION_WINDOW_HOURS`: how long before the start of a class a
    /// cancellation becomes late. Late cancellations are not refunded.
    pub cancellation_window: Duration,
    /// `ARCHIVE_RETENTION_MONTHS`: how long cross-app tokens stay in the archive.
    pub archive_retention_months: i32,
    /// `SITE_URL`, or the address of the production deployment on Vercel, without
    /// a trailing slash. Links in mails and redirects after payments lead to it.
    pub site_url: String,
}

/// The configuration of outgoing mail.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// How mail is sent.
    pub transport: MailTransport,
    /// `MAIL_FROM`: the sender, with or without a display name.
    pub from: String,
    /// `CONTACT_TO`: the recipient of contact-form messages. If it is `None`, the
    /// messages are stored but not mailed.
    pub contact_to: Option<String>,
}

/// How mail is sent.
#[derive(Clone, Debug)]
pub enum MailTransport {
    /// Sends mail by SMTP, if `SMTP_HOST` is set.
    Smtp(SmtpConfig),
    /// Writes mail as files into this folder, in development.
    Folder(PathBuf),
    /// Sends no mail. It stays in the outbox.
    Nothing,
}

/// The configuration of the connection to the mail server.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// `SMTP_HOST`
    pub host: String,
    /// `SMTP_PORT`: 465 uses TLS, other ports use STARTTLS. Unencrypted connections
    /// are made only to this machine.
    pub port: u16,
    /// `SMTP_CA_CERT`: PEM certificates to trust instead of the public roots. If it
    /// is set, connections to this machine use TLS too.
    pub ca_certificate: Option<String>,
    /// `SMTP_USER` and `SMTP_PASS`, if the server needs them.
    pub credentials: Option<(String, Secret)>,
    /// The time limit for connecting. Sending a mail may take three times as long. The
    /// sum is below one minute, which is the pause before the second attempt.
    pub deadline: Duration,
}

/// The configuration of the connection to Stripe.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// `STRIPE_SECRET_KEY`
    pub secret_key: Secret,
    /// `STRIPE_WEBHOOK_SECRET`: verifies Stripe's webhook events.
    pub webhook_secret: Secret,
    /// `STRIPE_API_BASE`, without a trailing slash.
    pub api_base: String,
    /// The time limit of a call, including retries: ten seconds, except in tests.
    pub deadline: Duration,
}

pub(super) fn studio(
    env: &Environment<'_>,
    development: bool,
) -> Result<StudioConfig, ConfigError> {
    Ok(StudioConfig {
        name: name(env)?,
        time_zone: time_zone(env)?,
        currency: currency(env)?,
        waitlist_cutoff: hours(env, "WAITLIST_CUTOFF_HOURS", 2)?,
        cancellation_window: hours(env, "CANCELLATION_WINDOW_HOURS", 12)?,
        archive_retention_months: months(env, "ARCHIVE_RETENTION_MONTHS", 12)?,
        site_url: site_url(env, development)?,
    })
}

/// Returns the studio's name. Quotation marks and backslashes are rejected, because they
/// would have to be escaped in the sender's name.
fn name(env: &Environment<'_>) -> Result<String, ConfigError> {
    let name = env
        .text("STUDIO_NAME")
        .unwrap_or_else(|| "Sabor con Flow".into());
    let forbidden = |c: char| c.is_control() || c == '"' || c == '\\';
    if name.chars().count() > 100 || name.contains(forbidden) {
        return Err(invalid(
            "STUDIO_NAME",
            "must have at most 100 characters, without quotation marks and backslashes",
        ));
    }
    Ok(name)
}

fn time_zone(env: &Environment<'_>) -> Result<String, ConfigError> {
    let name = "STUDIO_TIMEZONE";
    let zone = env.text(name).unwrap_or_else(|| "America/Denver".into());
    let known = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    // Names without a slash are fixed offsets or legacy names.
    if zone != "UTC" && (!zone.contains('/') || !zone.chars().all(known)) {
        return Err(invalid(name, "must be a time zone such as America/Denver"));
    }
    Ok(zone)
}

fn currency(env: &Environment<'_>) -> Result<String, ConfigError> {
    let name = "STUDIO_CURRENCY";
    let currency = env.text(name).unwrap_or_else(|| "USD".into());
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(invalid(name, "must be three capital letters, such as USD"));
    }
    Ok(currency)
}

fn hours(env: &Environment<'_>, name: &str, default: u32) -> Result<Duration, ConfigError> {
    let hours: u32 = env.parse(name, default, "a whole number of hours")?;
    if hours > 24 * 30 {
        return Err(invalid(name, "must be at most 720 (thirty days)"));
    }
    Ok(Duration::from_secs(u64::from(hours) * 3_600))
}

fn months(env: &Environment<'_>, name: &str, default: i32) -> Result<i32, ConfigError> {
    let months = env.parse(name, default, "a whole number of months")?;
    if !(1..=1_200).contains(&months) {
        return Err(invalid(name, "must be from 1 to 1200"));
    }
    Ok(months)
}

/// Returns the site's address. It is never taken from a request, because a request can
/// name any host.
fn site_url(env: &Environment<'_>, development: bool) -> Result<String, ConfigError> {
    if let Some(site) = env.text("SITE_URL") {
        return exact_origin("SITE_URL", &site);
    }
    if let Some(host) = env.text("VERCEL_PROJECT_PRODUCTION_URL") {
        return Ok(format!("https://{host}"));
    }
    let needed_by = ["SMTP_HOST", "STRIPE_SECRET_KEY"]
        .into_iter()
        .find(|name| env.text(name).is_some());
    match needed_by {
        Some(name) if !development => Err(invalid(
            "SITE_URL",
            format!("is required when {name} is set: links need an address"),
        )),
        _ => Ok("http://localhost:3000".into()),
    }
}

pub(super) fn mail(
    env: &Environment<'_>,
    development: bool,
    studio: &str,
) -> Result<MailConfig, ConfigError> {
    Ok(MailConfig {
        transport: transport(env, development)?,
        from: mailbox(env, "MAIL_FROM")?
            .unwrap_or_else(|| format!("\"{studio}\" <hello@sabor.dev>")),
        contact_to: address(env, "CONTACT_TO")?,
    })
}

/// Checks `Name <address>` or an address, so that a mistake is found at startup.
fn mailbox(env: &Environment<'_>, name: &str) -> Result<Option<String>, ConfigError> {
    let problem = "must look like Studio <hello@studio.example>";
    checked(env, name, problem, Options::default())
}

fn address(env: &Environment<'_>, name: &str) -> Result<Option<String>, ConfigError> {
    let options = Options::default().without_display_text();
    checked(env, name, "must be an e-mail address", options)
}

fn checked(
    env: &Environment<'_>,
    name: &str,
    problem: &str,
    options: Options,
) -> Result<Option<String>, ConfigError> {
    let text = env.text(name);
    // The name and the domain may use any script, because both are encoded. The local
    // part is not encoded, and many servers reject non-ASCII characters in it.
    let is_valid = |text: &String| {
        EmailAddress::parse_with_options(text, options)
            .is_ok_and(|parsed| parsed.local_part().is_ascii())
    };
    match text {
        Some(text) if !is_valid(&text) => Err(invalid(name, problem)),
        text => Ok(text),
    }
}

fn transport(env: &Environment<'_>, development: bool) -> Result<MailTransport, ConfigError> {
    let Some(host) = env.text("SMTP_HOST") else {
        return Ok(if development {
            MailTransport::Folder(PathBuf::from(".sabor/mail"))
        } else {
            MailTransport::Nothing
        });
    };
    if env.text("MAIL_FROM").is_none() {
        return Err(invalid("MAIL_FROM", "is required when SMTP_HOST is set"));
    }
    let credentials = match (env.text("SMTP_USER"), env.text("SMTP_PASS")) {
        (None, None) => None,
        (Some(user), Some(password)) => Some((user, Secret::new(password))),
        (Some(_), None) => return Err(invalid("SMTP_PASS", "is required when SMTP_USER is set")),
        (None, Some(_)) => return Err(invalid("SMTP_USER", "is required when SMTP_PASS is set")),
    };
    Ok(MailTransport::Smtp(SmtpConfig {
        host,
        port: env.parse("SMTP_PORT", 587, "a port")?,
        deadline: Duration::from_secs(10),
        ca_certificate: env.text("SMTP_CA_CERT").map(|pem| pem.replace("\\n", "\n")),
        credentials,
    }))
}

pub(super) fn stripe(env: &Environment<'_>) -> Result<Option<StripeConfig>, ConfigError> {
    let Some(secret_key) = env.text("STRIPE_SECRET_KEY") else {
        return Ok(None);
    };
    // Without the secret, the webhook could not confirm payments.
    let webhook_secret = env.text("STRIPE_WEBHOOK_SECRET").ok_or_else(|| {
        invalid(
            "STRIPE_WEBHOOK_SECRET",
            "is required when STRIPE_SECRET_KEY is set",
        )
    })?;
    let api_base = env
        .text("STRIPE_API_BASE")
        .unwrap_or_else(|| "https://api.stripe.com".into());
    let api_base = exact_origin("STRIPE_API_BASE", &api_base)?;
    // Over http:// the secret key would be sent unencrypted.
    if !api_base
        .parse()
        .is_ok_and(|base| may_receive_secrets(&base))
    {
        return Err(invalid(
            "STRIPE_API_BASE",
            "must start with https:// (or http:// on this machine)",
        ));
    }
    Ok(Some(StripeConfig {
        secret_key: Secret::new(secret_key),
        webhook_secret: Secret::new(webhook_secret),
        api_base,
        deadline: Duration::from_secs(10),
    }))
}
