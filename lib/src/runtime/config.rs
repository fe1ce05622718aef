//! The configuration, read once from the environment.

mod address;
mod environment;
mod mail;
mod oauth;
mod postgres;
mod retention;
mod stripe;
mod studio;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use self::address::{Coordinates, StudioAddress};
pub use self::environment::{ConfigError, Variables};
use self::environment::{Environment, exact_origin, invalid};
pub use self::mail::{MailConfig, MailTransport, SmtpConfig};
pub use self::oauth::{Protocol, ProviderConfig};
pub use self::postgres::{ConnectionString, PostgresConfig, location, parse_connection_string};
pub use self::retention::RetentionConfig;
pub use self::stripe::StripeConfig;
pub use self::studio::StudioConfig;
use crate::crypto::encryption::Keyring;
use crate::crypto::secret::Secret;
use crate::runtime::http_client::may_receive_secrets;

/// The configuration of a process.
#[derive(Clone, Debug)]
pub struct Config {
    /// `SABOR_ENV=development`, which `cargo dev` and the tests set. Development mode opens
    /// the routes with the extractor `OpenInDevelopment` to everyone, and allows local origins
    /// and cookies over plain HTTP.
    pub development: bool,
    /// Whether the process runs on Vercel (`VERCEL` is set). Vercel's headers are
    /// trusted only if it does.
    pub on_vercel: bool,
    /// Postgres, for requests.
    pub postgres: PostgresConfig,
    /// Postgres, for migrations. If a direct address is set, it bypasses the pooler.
    pub postgres_direct: ConnectionString,
    /// Redis. Without it, sessions are read from Postgres.
    pub redis: Option<RedisConfig>,
    /// `SESSION_SECRET`: the first secret signs; every secret verifies.
    pub session_secrets: Vec<Secret>,
    /// `ENCRYPTION_KEY`: the first key encrypts; every key decrypts.
    pub encryption_keys: Keyring,
    /// `CRON_SECRET`: the bearer token of Vercel Cron. Without it only
    /// administrators may run cron jobs, except in development.
    pub cron_secret: Option<Secret>,
    /// The origins that may send requests with a session cookie:
    /// `ALLOWED_ORIGINS`, `SITE_URL`, and the deployment's own.
    pub origins: BTreeSet<String>,
    /// `DEMO_ACCOUNT`: whether the demo account is enabled. In development, the default is
    /// true. Everywhere else, it is always false.
    pub demo_account: bool,
    /// `REQUIRE_EMAIL_VERIFICATION`: whether members have to confirm their e-mail
    /// address before they can sign in. True by default, and false in development.
    pub require_email_verification: bool,
    /// `REQUIRE_STAFF_SECOND_FACTOR`: whether staff and administrators need a second
    /// factor for staff functions.
    pub require_staff_second_factor: bool,
    /// The sign-in providers by name.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// The studio's name, rules and time zone.
    pub studio: StudioConfig,
    /// How long data is kept before the clean-up deletes it.
    pub retention: RetentionConfig,
    /// Outgoing e-mails.
    pub mail: MailConfig,
    /// Card payments. Without it members pay at the desk.
    pub stripe: Option<StripeConfig>,
    /// The durations that sessions and event streams use.
    pub timing: Timing,
}

/// How to reach Redis, through Upstash's REST protocol.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// The names of the variables that set the URL and the token, for error messages.
    pub variables: [&'static str; 2],
    /// The URL.
    pub url: String,
    /// The bearer token.
    pub token: Secret,
    /// `KV_TIMEOUT_MS`: how long a request waits for Redis.
    pub timeout: Duration,
}

/// The durations that sessions and event streams use. Only tests change them, because
/// the session cache's protocol was verified with the ratios of these values.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a session record in Redis is valid.
    pub record_lifetime: Duration,
    /// How long Redis keeps a new generation. The generation must outlive the session records
    /// that it invalidates.
    pub generation_lifetime: Duration,
    /// How old `last_activity` may get before a read updates it.
    pub touch_after: Duration,
    /// How long an event stream stays open. The stream must end before Vercel stops the
    /// function (`maxDuration`).
    pub stream_lifetime: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            record_lifetime: Duration::from_secs(300),
            generation_lifetime: Duration::from_secs(360),
            touch_after: Duration::from_secs(240),
            stream_lifetime: Duration::from_secs(55),
        }
    }
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    ///
    /// Fails with the name of the first missing or malformed variable. The message
    /// never quotes the value.
    pub fn from_env() -> Result<Self, ConfigError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "only this module reads the environment"
        )]
        let variables = std::env::vars_os();
        // A variable that is not UTF-8 counts as unset.
        let utf8_variables = variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::read(&utf8_variables.collect())
    }

    /// Reads the configuration from `variables`.
    ///
    /// # Errors
    ///
    /// Fails as [`Config::from_env`] does.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        let env = Environment(variables);
        let development = development(&env)?;
        let studio = studio::studio(&env, development)?;
        Ok(Self {
            development,
            on_vercel: env.value("VERCEL").is_some(),
            postgres: postgres::postgres(&env)?,
            postgres_direct: postgres::direct(&env)?,
            redis: redis(&env)?,
            session_secrets: session_secrets(&env)?,
            encryption_keys: encryption_keys(&env)?,
            cron_secret: cron_secret(&env, development)?,
            origins: origins(&env)?,
            demo_account: development && env.flag("DEMO_ACCOUNT", true)?,
            require_email_verification: env.flag("REQUIRE_EMAIL_VERIFICATION", !development)?,
            require_staff_second_factor: env.flag("REQUIRE_STAFF_SECOND_FACTOR", false)?,
            providers: oauth::providers(&env)?,
            mail: mail::mail(&env, development, &studio.name)?,
            studio,
            retention: retention::retention(&env)?,
            stripe: stripe::stripe(&env)?,
            timing: Timing::default(),
        })
    }
}

/// Returns whether `SABOR_ENV` is `development`. Deployments reject this value,
/// because it opens administrative routes.
fn development(env: &Environment<'_>) -> Result<bool, ConfigError> {
    match env.value("SABOR_ENV").as_deref() {
        None | Some("production") => return Ok(false),
        Some("development") => {}
        Some(_) => return Err(invalid("SABOR_ENV", "must be development or production")),
    }
    let is_deployed = matches!(
        env.value("VERCEL_ENV").as_deref(),
        Some("production" | "preview")
    );
    let is_node_production = env.value("NODE_ENV").as_deref() == Some("production");
    if is_deployed || is_node_production {
        return Err(invalid(
            "SABOR_ENV",
            "must not be development on a deployment or with NODE_ENV=production",
        ));
    }
    Ok(true)
}

fn redis(env: &Environment<'_>) -> Result<Option<RedisConfig>, ConfigError> {
    let pairs = [
        ("KV_REST_API_URL", "KV_REST_API_TOKEN"),
        ("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"),
    ];
    let timeout = env.millis("KV_TIMEOUT_MS", 250)?;
    for (url_name, token_name) in pairs {
        let Some(url) = env.value(url_name) else {
            continue;
        };
        // The token must not be sent unencrypted over a network.
        if !url.parse().is_ok_and(|url| may_receive_secrets(&url)) {
            return Err(invalid(
                url_name,
                "must start with https:// (or http:// on this machine)",
            ));
        }
        let token = env
            .value(token_name)
            .ok_or_else(|| invalid(token_name, format!("is required when {url_name} is set")))?;
        return Ok(Some(RedisConfig {
            variables: [url_name, token_name],
            url,
            token: Secret::new(token),
            timeout,
        }));
    }
    Ok(None)
}

fn session_secrets(env: &Environment<'_>) -> Result<Vec<Secret>, ConfigError> {
    let name = "SESSION_SECRET";
    let secrets = env.list(name);
    if secrets.is_empty() {
        return Err(invalid(
            name,
            "is required: at least 32 bytes, such as from `openssl rand -hex 32`",
        ));
    }
    if secrets.iter().any(|secret| secret.len() < 32) {
        return Err(invalid(name, "each secret must have at least 32 bytes"));
    }
    Ok(secrets.into_iter().map(Secret::new).collect())
}

fn encryption_keys(env: &Environment<'_>) -> Result<Keyring, ConfigError> {
    let name = "ENCRYPTION_KEY";
    let keys = env.list(name);
    if keys.is_empty() {
        return Err(invalid(
            name,
            "is required: 32 bytes in base64 or hex, such as from `openssl rand -hex 32`",
        ));
    }
    Keyring::parse(&keys).ok_or_else(|| invalid(name, "each key must be 32 bytes in base64 or hex"))
}

fn cron_secret(env: &Environment<'_>, development: bool) -> Result<Option<Secret>, ConfigError> {
    let Some(secret) = env.value("CRON_SECRET") else {
        return Ok(None);
    };
    if secret.len() < 16 && !development {
        return Err(invalid("CRON_SECRET", "must have at least 16 characters"));
    }
    Ok(Some(Secret::new(secret)))
}

/// Returns the allowed origins. The deployment's own addresses are always included.
/// Vercel's variables contain only the host, so `https://` is added.
fn origins(env: &Environment<'_>) -> Result<BTreeSet<String>, ConfigError> {
    let mut origins = BTreeSet::new();
    for origin in env.list("ALLOWED_ORIGINS") {
        origins.insert(exact_origin("ALLOWED_ORIGINS", &origin)?);
    }
    if let Some(site) = env.value("SITE_URL") {
        origins.insert(exact_origin("SITE_URL", &site)?);
    }
    for name in [
        "VERCEL_URL",
        "VERCEL_BRANCH_URL",
        "VERCEL_PROJECT_PRODUCTION_URL",
    ] {
        origins.extend(env.value(name).map(|host| format!("https://{host}")));
    }
    Ok(origins)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    pub(super) fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let defaults = [
            ("POSTGRES_URL", "postgres://ana@localhost/sabor"),
            ("SESSION_SECRET", "0123456789abcdef0123456789abcdef"),
            ("ENCRYPTION_KEY", KEY),
        ];
        let all = defaults.iter().chain(pairs);
        let owned = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(&owned.collect())
    }

    pub(super) fn problem(pairs: &[(&str, &str)]) -> String {
        read(pairs).unwrap_err().to_string()
    }

    #[test]
    fn the_error_about_a_secret_names_the_variable_and_hides_the_value() {
        assert!(problem(&[("SESSION_SECRET", "")]).starts_with("SESSION_SECRET: is required"));
        let short = problem(&[(
            "SESSION_SECRET",
            "0123456789abcdef0123456789abcdef,shortling",
        )]);
        assert!(short.starts_with("SESSION_SECRET:") && !short.contains("shortling"));
        assert!(problem(&[("ENCRYPTION_KEY", "abcd")]).starts_with("ENCRYPTION_KEY:"));
        assert!(problem(&[("POSTGRES_URL", "")]).starts_with("POSTGRES_URL: is required"));
        assert!(problem(&[("CRON_SECRET", "short")]).starts_with("CRON_SECRET:"));
    }

    #[test]
    fn alternative_variable_names_are_read_and_the_first_wins() {
        let config = read(&[
            ("UPSTASH_REDIS_REST_URL", "https://second.example"),
            ("UPSTASH_REDIS_REST_TOKEN", "two"),
            ("KV_REST_API_URL", "https://first.example"),
            ("KV_REST_API_TOKEN", "one"),
        ]);
        assert_eq!(config.unwrap().redis.unwrap().url, "https://first.example");
        let old = read(&[
            ("POSTGRES_URL", ""),
            ("DATABASE_URL", "postgres://x@localhost/old"),
        ]);
        assert_eq!(
            old.unwrap().postgres.connection.config.get_dbname(),
            Some("old")
        );
    }

    #[test]
    fn redis_must_use_https() {
        let redis = |url| problem(&[("KV_REST_API_URL", url), ("KV_REST_API_TOKEN", "t")]);
        for bad in [
            "http://redis.example",
            "http://localhost.redis.example",
            "http://127.0.0.1@redis.example",
            "redis.example",
            "redis://localhost",
        ] {
            assert!(redis(bad).starts_with("KV_REST_API_URL:"), "{bad}");
        }
    }

    #[test]
    fn development_mode_is_rejected_on_a_deployment() {
        assert!(!read(&[]).unwrap().development);
        assert!(read(&[("SABOR_ENV", "development")]).unwrap().development);
        for (name, value) in [
            ("VERCEL_ENV", "production"),
            ("VERCEL_ENV", "preview"),
            ("NODE_ENV", "production"),
        ] {
            let message = problem(&[("SABOR_ENV", "development"), (name, value)]);
            assert!(message.starts_with("SABOR_ENV:"), "{name}={value}");
        }
    }

    #[test]
    fn email_verification_is_required_unless_disabled_or_in_development() {
        let is_required = |pairs| read(pairs).unwrap().require_email_verification;
        assert!(is_required(&[]));
        assert!(is_required(&[("VERCEL_ENV", "preview")]));
        assert!(!is_required(&[("REQUIRE_EMAIL_VERIFICATION", "false")]));
        assert!(!is_required(&[("SABOR_ENV", "development")]));
        assert!(is_required(&[
            ("SABOR_ENV", "development"),
            ("REQUIRE_EMAIL_VERIFICATION", "true"),
        ]));
    }

    #[test]
    fn the_studio_name_follows_the_rule_for_names() {
        let config = read(&[("STUDIO_NAME", " Casa\u{200b} Ritmo ")]);
        assert_eq!(config.unwrap().studio.name, "Casa Ritmo");
        for bad in [
            "\u{3164}",
            "Casa\u{202e}",
            "Casa \"Ritmo\"",
            &"x".repeat(101),
        ] {
            let message = problem(&[("STUDIO_NAME", bad)]);
            assert!(message.starts_with("STUDIO_NAME: must"), "{message}");
        }
    }

    #[test]
    fn an_address_is_complete_or_rejected() {
        let complete = [
            ("STUDIO_ADDRESS", "410 Larkspur Walk"),
            ("STUDIO_CITY", "Boulder"),
            ("STUDIO_COUNTRY", "US"),
            ("STUDIO_COORDINATES", "40.0176, -105.2797"),
        ];
        let address = read(&complete).unwrap().studio.address.unwrap();
        assert_eq!((address.region, address.postal_code), (None, None));
        let coordinates = address.coordinates.unwrap();
        assert_eq!(
            (coordinates.latitude, coordinates.longitude),
            (40.0176, -105.2797)
        );
        assert!(read(&[]).unwrap().studio.address.is_none());
        for (name, bad) in [
            ("STUDIO_ADDRESS", ""),
            ("STUDIO_CITY", ""),
            ("STUDIO_COUNTRY", ""),
            ("STUDIO_COUNTRY", "USA"),
            ("STUDIO_COUNTRY", "us"),
            ("STUDIO_COORDINATES", "40.0176"),
            ("STUDIO_COORDINATES", "90.1,0"),
            ("STUDIO_COORDINATES", "0,-180.1"),
            ("STUDIO_COORDINATES", "NaN,0"),
            ("STUDIO_REGION", "Colorado\u{202e}"),
            ("STUDIO_EMAIL", "Studio <hello@studio.example>"),
        ] {
            let mut pairs = complete.to_vec();
            pairs.push((name, bad));
            let message = problem(&pairs);
            assert!(message.starts_with(&format!("{name}: ")), "{message}");
        }
    }

    #[test]
    fn pictures_come_from_one_https_origin() {
        let origin = |value| {
            let config = read(&[("IMAGE_ORIGIN", value)]);
            config.map(|config| config.studio.image_origin)
        };
        assert_eq!(origin("").unwrap(), None);
        let images = Some("https://images.example".to_owned());
        assert_eq!(origin("https://Images.example/").unwrap(), images);
        for bad in ["http://images.example", "https://images.example/a", "*"] {
            let message = origin(bad).unwrap_err().to_string();
            assert!(message.starts_with("IMAGE_ORIGIN: must"), "{message}");
        }
    }

    #[test]
    fn data_is_kept_for_a_year_unless_configured_otherwise() {
        let retention = read(&[]).unwrap().retention;
        assert_eq!(
            (retention.security_log_days, retention.contact_days),
            (365, 365)
        );
        for name in ["SECURITY_LOG_RETENTION_DAYS", "CONTACT_RETENTION_DAYS"] {
            for bad in ["0", "-1", "36501", "1.5", "a year"] {
                let message = problem(&[(name, bad)]);
                assert!(message.starts_with(name), "{message}");
            }
        }
    }

    #[test]
    fn origins_are_exact_and_include_the_deployment() {
        let config = read(&[
            (
                "ALLOWED_ORIGINS",
                "https://Sabor.example/, http://localhost:3000",
            ),
            ("VERCEL_URL", "sabor-1.vercel.app"),
        ]);
        let origins: Vec<_> = config.unwrap().origins.into_iter().collect();
        assert_eq!(
            origins,
            [
                "http://localhost:3000",
                "https://sabor-1.vercel.app",
                "https://sabor.example"
            ]
        );
        for bad in [
            "*",
            "sabor.example",
            "https://*.example",
            "https://a.example/path",
        ] {
            assert!(
                problem(&[("ALLOWED_ORIGINS", bad)]).starts_with("ALLOWED_ORIGINS:"),
                "{bad}"
            );
        }
    }

    #[test]
    fn mail_addresses_are_checked_at_startup() {
        for (name, good) in [
            ("MAIL_FROM", "Sabor con Flow <hello@studio.example>"),
            ("MAIL_FROM", "hello@studio.example"),
            ("MAIL_FROM", "Estudio ñandú <hello@studio.example>"),
            ("MAIL_FROM", "Estudio <hola@señal.example>"),
            ("CONTACT_TO", "hello@studio.example"),
            ("CONTACT_TO", "hola@señal.example"),
        ] {
            assert!(read(&[(name, good)]).is_ok(), "{name}={good}");
        }
        for (name, bad) in [
            ("MAIL_FROM", "Sabor con Flow"),
            ("MAIL_FROM", "hello@"),
            ("CONTACT_TO", "Sabor <hello@studio.example>"),
            ("CONTACT_TO", "studio"),
            ("CONTACT_TO", "señal@studio.example"),
        ] {
            assert!(problem(&[(name, bad)]).starts_with(name), "{name}={bad}");
        }
    }

    #[test]
    fn mail_in_development_is_written_to_the_folder_for_local_data() {
        for (home, folder) in [("", ".sabor/mail"), ("/data/studio", "/data/studio/mail")] {
            let config = read(&[("SABOR_ENV", "development"), ("SABOR_HOME", home)]).unwrap();
            let MailTransport::Folder(found) = config.mail.transport else {
                panic!("{:?}", config.mail.transport);
            };
            assert_eq!(found.to_str(), Some(folder));
        }
    }

    #[test]
    fn providers_are_found_by_their_variables() {
        let google = [
            ("OAUTH_GOOGLE_CLIENT_ID", "us"),
            ("OAUTH_GOOGLE_CLIENT_SECRET", "s"),
        ];
        let providers = read(&google).unwrap().providers;
        assert_eq!(providers["google"].issuer, "https://accounts.google.com");
        assert!(problem(&google[..1]).starts_with("OAUTH_GOOGLE_CLIENT_SECRET:"));
        let club = |issuer: &'static str| {
            [
                ("OAUTH_DANCE_CLUB_CLIENT_ID", "us"),
                ("OAUTH_DANCE_CLUB_CLIENT_SECRET", "s"),
                ("OAUTH_DANCE_CLUB_ISSUER", issuer),
            ]
        };
        let providers = read(&club("https://id.club.example/")).unwrap().providers;
        assert_eq!(providers["dance-club"].issuer, "https://id.club.example");
        for bad in ["", "id.club.example", "http://id.club.example"] {
            assert!(
                problem(&club(bad)).starts_with("OAUTH_DANCE_CLUB_ISSUER:"),
                "{bad}"
            );
        }
    }

    #[test]
    fn debug_hides_secrets() {
        let config = read(&[
            ("OAUTH_GOOGLE_CLIENT_ID", "us"),
            ("OAUTH_GOOGLE_CLIENT_SECRET", "secret-of-google"),
            ("POSTGRES_URL", "postgres://u:hunter2hunter2@localhost/db"),
            ("KV_REST_API_URL", "https://redis.example"),
            ("KV_REST_API_TOKEN", "token-of-redis"),
            ("CRON_SECRET", "cron-secret-of-ours"),
        ]);
        let shown = format!("{:?}", config.unwrap());
        for secret in [
            "hunter2",
            "token-of-redis",
            "secret-of-google",
            "cron-secret",
            "0123456789abcdef",
            "00010203",
        ] {
            assert!(!shown.contains(secret), "{secret}");
        }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::tests::read;
    use crate::testing::arbitrary::text;

    const VARIABLE_NAMES: &[&str] = &[
        "POSTGRES_URL",
        "DATABASE_URL_UNPOOLED",
        "KV_REST_API_URL",
        "KV_REST_API_TOKEN",
        "SESSION_SECRET",
        "ENCRYPTION_KEY",
        "CRON_SECRET",
        "ALLOWED_ORIGINS",
        "SITE_URL",
        "VERCEL_URL",
        "STUDIO_NAME",
        "STUDIO_TIMEZONE",
        "STUDIO_CURRENCY",
        "STUDIO_ADDRESS",
        "STUDIO_CITY",
        "STUDIO_REGION",
        "STUDIO_POSTAL_CODE",
        "STUDIO_COUNTRY",
        "STUDIO_COORDINATES",
        "STUDIO_EMAIL",
        "WAITLIST_CUTOFF_HOURS",
        "SCHEDULE_AHEAD_WEEKS",
        "FREE_CANCELLATION_GRACE_MINUTES",
        "IMAGE_ORIGIN",
        "MAX_UNPAID_BOOKINGS",
        "MEMBERSHIP_GRACE_DAYS",
        "ARCHIVE_RETENTION_MONTHS",
        "SECURITY_LOG_RETENTION_DAYS",
        "CONTACT_RETENTION_DAYS",
        "POSTGRES_POOL_MAX",
        "POSTGRES_POOL_TIMEOUT_MS",
        "POSTGRES_CA_CERT",
        "SMTP_HOST",
        "SMTP_PORT",
        "SMTP_USER",
        "SMTP_PASS",
        "MAIL_FROM",
        "CONTACT_TO",
        "KV_TIMEOUT_MS",
        "OAUTH_GOOGLE_CLIENT_ID",
        "OAUTH_GOOGLE_CLIENT_SECRET",
        "OAUTH_CLUB_CLIENT_ID",
        "OAUTH_CLUB_ISSUER",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "STRIPE_API_BASE",
        "REQUIRE_EMAIL_VERIFICATION",
        "REQUIRE_STAFF_SECOND_FACTOR",
        "SABOR_ENV",
        "DEMO_ACCOUNT",
    ];

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            text(),
            any::<i64>().prop_map(|number| number.to_string()),
            "https?://[!-~]{0,20}",
            "postgres(ql)?://[!-~]{0,40}",
            "[a-z]{2,9}=[!-~ ]{0,20}( [a-z]{2,9}='?[!-~]{0,9}'?){0,3}",
            select(vec![
                "true",
                "development",
                "https://a.example",
                "Ana <ana@a.example>"
            ])
            .prop_map(str::to_owned),
        ]
    }

    proptest! {
        #[test]
        fn any_environment_is_valid_or_fails_with_one_line_that_names_a_variable(
            pairs in proptest::collection::vec((select(VARIABLE_NAMES), value()), 1..6),
        ) {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let Err(error) = read(&pairs) else { return Ok(()) };
            let line = error.to_string();
            let (name, problem) = line.split_once(": ").unwrap();
            assert!(!line.contains(['\n', '\r']) && line.len() < 200, "{line}");
            assert!(VARIABLE_NAMES.contains(&name) || name.starts_with("OAUTH_") || name.starts_with("SMTP_"), "{line}");
            for (_, value) in pairs.iter().filter(|(variable, value)| *variable == name && value.trim().len() >= 12) {
                assert!(!problem.contains(value.trim()), "{line}");
            }
        }
    }
}
