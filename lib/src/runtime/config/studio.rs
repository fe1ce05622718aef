//! The house: its rules, its mail, and its card payments.

use std::path::PathBuf;
use std::time::Duration;

use email_address::{EmailAddress, Options};

use super::environment::{ConfigError, Environment, exact_origin, refuse};
use crate::crypto::secret::Secret;
use crate::runtime::http_client::may_be_called;

/// Where and when the studio is, and what it allows.
#[derive(Clone, Debug)]
pub struct StudioConfig {
    /// `STUDIO_TIMEZONE`: a name of the IANA database. Its form is checked
    /// here; the functions that carry the database check that it is in there.
    pub time_zone: String,
    /// `STUDIO_CURRENCY`: three letters of ISO 4217.
    pub currency: String,
    /// `WAITLIST_CUTOFF_HOURS`: so long before the start nobody is promoted
    /// any more.
    pub waitlist_cutoff: Duration,
    /// `CANCELLATION_WINDOW_HOURS`: a cancellation later than this before the
    /// start is late, and not refunded.
    pub cancellation_window: Duration,
    /// `ARCHIVE_RETENTION_MONTHS`: so long tokens for partner applications stay
    /// in the archive.
    pub archive_retention_months: i32,
    /// Where links in mails and the way back from a payment lead: `SITE_URL`,
    /// else the address that Vercel gave the production deployment. Without a
    /// slash at its end.
    pub site_url: String,
}

/// How mail leaves the house.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// What carries it.
    pub transport: MailTransport,
    /// `MAIL_FROM`: an address, with or without a name before it.
    pub from: String,
    /// `CONTACT_TO`: who reads the contact form. `None`: the administration's
    /// list alone.
    pub contact_to: Option<String>,
}

/// What carries mail.
#[derive(Clone, Debug)]
pub enum MailTransport {
    /// `SMTP_HOST` and its like.
    Smtp(SmtpConfig),
    /// Files in this folder, for a developer to look at.
    Folder(PathBuf),
    /// Nothing is set: mail waits in the outbox.
    Nothing,
}

/// How to reach the server that takes mail.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// `SMTP_HOST`
    pub host: String,
    /// `SMTP_PORT`: 465 is TLS from the start, any other STARTTLS; in the
    /// clear only to this machine.
    pub port: u16,
    /// `SMTP_CA_CERT`, PEM: trusted instead of the public roots, and then TLS
    /// is asked of this machine, too.
    pub ca_certificate: Option<String>,
    /// `SMTP_USER` and `SMTP_PASS`; `None`: the server asks for neither.
    pub credentials: Option<(String, Secret)>,
    /// How long it may take to let us in; a mail may take three times that. Both
    /// together stay below a minute, the pause after a first try.
    pub deadline: Duration,
}

/// How to reach Stripe.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// `STRIPE_SECRET_KEY`
    pub secret_key: Secret,
    /// `STRIPE_WEBHOOK_SECRET`: signs what Stripe tells us.
    pub webhook_secret: Secret,
    /// `STRIPE_API_BASE`, without a slash at its end.
    pub api_base: String,
    /// How long an answer may take, with all that is tried for it. Only tests
    /// have another than ten seconds.
    pub deadline: Duration,
}

pub(super) fn studio(
    env: &Environment<'_>,
    development: bool,
) -> Result<StudioConfig, ConfigError> {
    Ok(StudioConfig {
        time_zone: time_zone(env)?,
        currency: currency(env)?,
        waitlist_cutoff: hours(env, "WAITLIST_CUTOFF_HOURS", 2)?,
        cancellation_window: hours(env, "CANCELLATION_WINDOW_HOURS", 12)?,
        archive_retention_months: months(env, "ARCHIVE_RETENTION_MONTHS", 12)?,
        site_url: site_url(env, development)?,
    })
}

fn time_zone(env: &Environment<'_>) -> Result<String, ConfigError> {
    let name = "STUDIO_TIMEZONE";
    let zone = env.text(name).unwrap_or_else(|| "America/Denver".into());
    let known = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    // A name without an area is an offset, or a rule that no clock change moves.
    if zone != "UTC" && (!zone.contains('/') || !zone.chars().all(known)) {
        return Err(refuse(name, "must be a time zone such as America/Denver"));
    }
    Ok(zone)
}

fn currency(env: &Environment<'_>) -> Result<String, ConfigError> {
    let name = "STUDIO_CURRENCY";
    let currency = env.text(name).unwrap_or_else(|| "USD".into());
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(refuse(name, "must be three capital letters, such as USD"));
    }
    Ok(currency)
}

fn hours(env: &Environment<'_>, name: &str, default: u32) -> Result<Duration, ConfigError> {
    let hours: u32 = env.parse(name, default, "a whole number of hours")?;
    if hours > 24 * 30 {
        return Err(refuse(name, "must be at most 720, which is thirty days"));
    }
    Ok(Duration::from_secs(u64::from(hours) * 3_600))
}

fn months(env: &Environment<'_>, name: &str, default: i32) -> Result<i32, ConfigError> {
    let months = env.parse(name, default, "a whole number of months")?;
    if !(1..=1_200).contains(&months) {
        return Err(refuse(name, "must be from 1 to 1200"));
    }
    Ok(months)
}

/// Never taken from a request, which could name any host.
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
        Some(name) if !development => Err(refuse(
            "SITE_URL",
            format!("is required beside {name}: links have to lead somewhere"),
        )),
        _ => Ok("http://localhost:3000".into()),
    }
}

pub(super) fn mail(env: &Environment<'_>, development: bool) -> Result<MailConfig, ConfigError> {
    Ok(MailConfig {
        transport: transport(env, development)?,
        from: mailbox(env, "MAIL_FROM")?
            .unwrap_or_else(|| "Sabor con Flow <hello@sabor.dev>".into()),
        contact_to: address(env, "CONTACT_TO")?,
    })
}

/// `Name <address>`, or the address alone. Found out here, and not when the
/// first mail is to go.
fn mailbox(env: &Environment<'_>, name: &str) -> Result<Option<String>, ConfigError> {
    let problem = "must look like Sabor con Flow <hello@studio.example>";
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
    // The name and the domain may be in any script: both are encoded in a mail.
    // A mailbox name could only be sent as it is, which many servers refuse.
    let is_good = |text: &String| {
        EmailAddress::parse_with_options(text, options)
            .is_ok_and(|parsed| parsed.local_part().is_ascii())
    };
    match text {
        Some(text) if !is_good(&text) => Err(refuse(name, problem)),
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
        return Err(refuse("MAIL_FROM", "is required beside SMTP_HOST"));
    }
    let credentials = match (env.text("SMTP_USER"), env.text("SMTP_PASS")) {
        (None, None) => None,
        (Some(user), Some(password)) => Some((user, Secret::new(password))),
        (Some(_), None) => return Err(refuse("SMTP_PASS", "is required beside SMTP_USER")),
        (None, Some(_)) => return Err(refuse("SMTP_USER", "is required beside SMTP_PASS")),
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
    // Without it no payment would ever be known to have been made.
    let webhook_secret = env.text("STRIPE_WEBHOOK_SECRET").ok_or_else(|| {
        refuse(
            "STRIPE_WEBHOOK_SECRET",
            "is required beside STRIPE_SECRET_KEY",
        )
    })?;
    let api_base = env
        .text("STRIPE_API_BASE")
        .unwrap_or_else(|| "https://api.stripe.com".into());
    let api_base = exact_origin("STRIPE_API_BASE", &api_base)?;
    // The key would cross a network in the clear.
    if !api_base.parse().is_ok_and(|base| may_be_called(&base)) {
        return Err(refuse(
            "STRIPE_API_BASE",
            "must begin with https:// (or be http:// on this machine)",
        ));
    }
    Ok(Some(StripeConfig {
        secret_key: Secret::new(secret_key),
        webhook_secret: Secret::new(webhook_secret),
        api_base,
        deadline: Duration::from_secs(10),
    }))
}
