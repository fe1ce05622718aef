//! The configuration of e-mail.

use std::path::PathBuf;
use std::time::Duration;

use email_address::{EmailAddress, Options};

use super::environment::{ConfigError, Environment, invalid};
use crate::crypto::secret::Secret;

/// The configuration of outgoing mail.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// How mail is sent.
    pub transport: MailTransport,
    /// `MAIL_FROM`: the sender, with or without a display name.
    pub from: String,
    /// `CONTACT_TO`: the recipient of contact-form messages. If it is `None`, the messages
    /// are stored but not sent.
    pub contact_to: Option<String>,
}

/// How mail is sent.
#[derive(Clone, Debug)]
pub enum MailTransport {
    /// Sends mail by SMTP, if `SMTP_HOST` is set.
    Smtp(SmtpConfig),
    /// Writes mail as files into this folder, in development.
    Folder(PathBuf),
    /// Sends no mail. E-mails stay in the outbox.
    Disabled,
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
    /// The time limit for connecting. Sending an e-mail may take three times as long. The
    /// sum is less than the minute after which another sender retries the e-mail.
    pub time_limit: Duration,
}

pub(super) fn mail(
    env: &Environment<'_>,
    development: bool,
    studio_name: &str,
) -> Result<MailConfig, ConfigError> {
    Ok(MailConfig {
        transport: transport(env, development)?,
        from: mailbox(env, "MAIL_FROM")?
            .unwrap_or_else(|| format!("\"{studio_name}\" <hello@sabor.dev>")),
        contact_to: address(env, "CONTACT_TO")?,
    })
}

/// Reads a variable of the form `Name <address>` or `address`, so that a mistake is
/// found at startup.
fn mailbox(env: &Environment<'_>, name: &str) -> Result<Option<String>, ConfigError> {
    let problem = "must look like Studio <hello@studio.example>";
    checked_address(env, name, problem, Options::default())
}

/// Reads a variable that is an e-mail address without a name.
pub(super) fn address(env: &Environment<'_>, name: &str) -> Result<Option<String>, ConfigError> {
    let options = Options::default().without_display_text();
    checked_address(env, name, "must be an e-mail address", options)
}

fn checked_address(
    env: &Environment<'_>,
    name: &str,
    problem: &str,
    options: Options,
) -> Result<Option<String>, ConfigError> {
    let text = env.value(name);
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
    let Some(host) = env.value("SMTP_HOST") else {
        return Ok(if development {
            let home = env.value("SABOR_HOME");
            let home = home.unwrap_or_else(|| ".sabor".to_owned());
            MailTransport::Folder(PathBuf::from(home).join("mail"))
        } else {
            MailTransport::Disabled
        });
    };
    if env.value("MAIL_FROM").is_none() {
        return Err(invalid("MAIL_FROM", "is required when SMTP_HOST is set"));
    }
    let credentials = match (env.value("SMTP_USER"), env.value("SMTP_PASS")) {
        (None, None) => None,
        (Some(user), Some(password)) => Some((user, Secret::new(password))),
        (Some(_), None) => return Err(invalid("SMTP_PASS", "is required when SMTP_USER is set")),
        (None, Some(_)) => return Err(invalid("SMTP_USER", "is required when SMTP_PASS is set")),
    };
    Ok(MailTransport::Smtp(SmtpConfig {
        host,
        port: env.parse("SMTP_PORT", 587, "a port")?,
        time_limit: Duration::from_secs(10),
        ca_certificate: env
            .value("SMTP_CA_CERT")
            .map(|pem| pem.replace("\\n", "\n")),
        credentials,
    }))
}
