//! The environment, read once and turned into [`Config`].

mod environment;
mod oauth;
mod postgres;
mod studio;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use self::environment::{ConfigError, Variables};
use self::environment::{Environment, exact_origin, refuse};
pub use self::oauth::{Protocol, ProviderConfig};
pub use self::postgres::PostgresConfig;
pub use self::studio::{MailConfig, MailTransport, SmtpConfig, StripeConfig, StudioConfig};
use crate::crypto::encryption::Keyring;
use crate::crypto::secret::Secret;
use crate::runtime::http_client::may_be_called;

/// Everything that can be set from outside.
#[derive(Clone, Debug)]
pub struct Config {
    /// `SABOR_ENV=development`, as `cargo dev` and the tests set it. Opens the
    /// routes that are marked so, and allows cookies over plain http.
    pub development: bool,
    /// Whether Vercel runs this (`VERCEL=1`): only then are its headers believed.
    pub on_vercel: bool,
    /// How to reach Postgres for requests.
    pub postgres: PostgresConfig,
    /// How to reach Postgres for migrations: past the pooler, when the
    /// environment names a way.
    pub postgres_direct: tokio_postgres::Config,
    /// How to reach Redis; `None` leaves the sessions to Postgres alone.
    pub redis: Option<RedisConfig>,
    /// `SESSION_SECRET`: the first signs, all verify.
    pub session_secrets: Vec<Secret>,
    /// `ENCRYPTION_KEY`: the first encrypts, all decrypt.
    pub encryption_keys: Keyring,
    /// `CRON_SECRET`: what Vercel Cron presents. Without it only an
    /// administrator may call what cron calls.
    pub cron_secret: Option<Secret>,
    /// The origins that may call with a member's cookie: `ALLOWED_ORIGINS` and
    /// the deployment's own.
    pub origins: BTreeSet<String>,
    /// `DEMO_ACCOUNT`: whether the account that needs no store signs in.
    /// Never outside development.
    pub demo_account: bool,
    /// `REQUIRE_EMAIL_VERIFICATION`: whether an address has to be confirmed
    /// before its account signs in.
    pub require_email_verification: bool,
    /// Providers by which members may sign in, by name.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// The rules of the house.
    pub studio: StudioConfig,
    /// How mail leaves it.
    pub mail: MailConfig,
    /// Card payments; `None` leaves the desk.
    pub stripe: Option<StripeConfig>,
    /// The lapses of the session model.
    pub timing: Timing,
}

/// How to reach Redis over Upstash's REST protocol.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// The variables that the next two come from, for a message about them.
    pub variables: [&'static str; 2],
    /// Where it answers.
    pub url: String,
    /// Its bearer token.
    pub token: Secret,
    /// `KV_TIMEOUT_MS`: how long a request waits for it.
    pub timeout: Duration,
}

/// The lapses of the session model. Only tests have other values: the
/// protocol was checked with these in this proportion.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a record in Redis may be believed.
    pub record_life: Duration,
    /// How long a mark stands; it must outlive every record that it ends.
    pub mark_life: Duration,
    /// How far `last_activity` may lag before a read brings it up to date.
    pub touch_after: Duration,
    /// How long a stream of events lasts: less than its function may run.
    pub stream_life: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            record_life: Duration::from_secs(300),
            mark_life: Duration::from_secs(360),
            touch_after: Duration::from_secs(240),
            stream_life: Duration::from_secs(55),
        }
    }
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    ///
    /// Names the first variable that is missing or malformed, never its value.
    pub fn from_env() -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let variables = std::env::vars_os();
        // What is no text is none of ours.
        let texts = variables.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::read(&texts.collect())
    }

    /// Reads what `variables` say.
    ///
    /// # Errors
    ///
    /// As [`Config::from_env`].
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        let env = Environment(variables);
        let development = development(&env)?;
        Ok(Self {
            development,
            on_vercel: env.text("VERCEL").is_some(),
            postgres: postgres::postgres(&env)?,
            postgres_direct: postgres::direct(&env)?,
            redis: redis(&env)?,
            session_secrets: session_secrets(&env)?,
            encryption_keys: encryption_keys(&env)?,
            cron_secret: cron_secret(&env, development)?,
            origins: origins(&env)?,
            demo_account: development && env.flag("DEMO_ACCOUNT", true)?,
            require_email_verification: env.flag("REQUIRE_EMAIL_VERIFICATION", false)?,
            providers: oauth::providers(&env)?,
            studio: studio::studio(&env, development)?,
            mail: studio::mail(&env, development)?,
            stripe: studio::stripe(&env)?,
            timing: Timing::default(),
        })
    }
}

/// Development is only what says so, and a deployment can never say so: there
/// it would open the routes that cron and administrators alone may call.
fn development(env: &Environment<'_>) -> Result<bool, ConfigError> {
    match env.text("SABOR_ENV").as_deref() {
        None | Some("production") => return Ok(false),
        Some("development") => {}
        Some(_) => return Err(refuse("SABOR_ENV", "must be development or production")),
    }
    let deployed = matches!(
        env.text("VERCEL_ENV").as_deref(),
        Some("production" | "preview")
    );
    let node_production = env.text("NODE_ENV").as_deref() == Some("production");
    if deployed || node_production {
        return Err(refuse(
            "SABOR_ENV",
            "development is refused on a deployment and with NODE_ENV=production",
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
        let Some(url) = env.text(url_name) else {
            continue;
        };
        // The token would cross a network in the clear.
        if !url.parse().is_ok_and(|url| may_be_called(&url)) {
            return Err(refuse(
                url_name,
                "must begin with https:// (or be http:// on this machine)",
            ));
        }
        let token = env
            .text(token_name)
            .ok_or_else(|| refuse(token_name, format!("is required beside {url_name}")))?;
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
        return Err(refuse(
            name,
            "is required: at least 32 bytes, such as of `openssl rand -hex 32`",
        ));
    }
    if secrets.iter().any(|secret| secret.len() < 32) {
        return Err(refuse(name, "each secret must have at least 32 bytes"));
    }
    Ok(secrets.into_iter().map(Secret::new).collect())
}

fn encryption_keys(env: &Environment<'_>) -> Result<Keyring, ConfigError> {
    let name = "ENCRYPTION_KEY";
    let keys = env.list(name);
    if keys.is_empty() {
        return Err(refuse(
            name,
            "is required: 32 bytes in base64 or hex, such as of `openssl rand -hex 32`",
        ));
    }
    Keyring::parse(&keys).ok_or_else(|| refuse(name, "each key must be 32 bytes in base64 or hex"))
}

fn cron_secret(env: &Environment<'_>, development: bool) -> Result<Option<Secret>, ConfigError> {
    let Some(secret) = env.text("CRON_SECRET") else {
        return Ok(None);
    };
    if secret.len() < 16 && !development {
        return Err(refuse("CRON_SECRET", "must have at least 16 characters"));
    }
    Ok(Some(Secret::new(secret)))
}

/// The deployment's own addresses are always allowed; Vercel names them
/// without a scheme.
fn origins(env: &Environment<'_>) -> Result<BTreeSet<String>, ConfigError> {
    let mut origins = BTreeSet::new();
    for origin in env.list("ALLOWED_ORIGINS") {
        origins.insert(exact_origin("ALLOWED_ORIGINS", &origin)?);
    }
    if let Some(site) = env.text("SITE_URL") {
        origins.insert(exact_origin("SITE_URL", &site)?);
    }
    for name in [
        "VERCEL_URL",
        "VERCEL_BRANCH_URL",
        "VERCEL_PROJECT_PRODUCTION_URL",
    ] {
        origins.extend(env.text(name).map(|host| format!("https://{host}")));
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
    fn a_missing_or_short_secret_is_named_and_never_shown() {
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
    fn both_generations_of_names_are_read_and_the_first_wins() {
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
        assert_eq!(old.unwrap().postgres.connection.get_dbname(), Some("old"));
    }

    #[test]
    fn the_token_of_redis_goes_over_https_alone() {
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
    fn development_is_refused_on_a_deployment() {
        assert!(!read(&[]).unwrap().development);
        assert!(read(&[("SABOR_ENV", "development")]).unwrap().development);
        for (name, value) in [
            ("VERCEL_ENV", "production"),
            ("VERCEL_ENV", "preview"),
            ("NODE_ENV", "production"),
        ] {
            let refused = problem(&[("SABOR_ENV", "development"), (name, value)]);
            assert!(refused.starts_with("SABOR_ENV:"), "{name}={value}");
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
    fn addresses_of_mail_are_checked_before_the_first_mail() {
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
    fn debug_shows_no_secret() {
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

    const NAMES: &[&str] = &[
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
        "STUDIO_TIMEZONE",
        "STUDIO_CURRENCY",
        "WAITLIST_CUTOFF_HOURS",
        "ARCHIVE_RETENTION_MONTHS",
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
        fn any_environment_is_a_configuration_or_one_line_that_names_a_variable(
            pairs in proptest::collection::vec((select(NAMES), value()), 1..6),
        ) {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let Err(problem) = read(&pairs) else { return Ok(()) };
            let line = problem.to_string();
            let (name, problem) = line.split_once(": ").unwrap();
            assert!(!line.contains(['\n', '\r']) && line.len() < 200, "{line}");
            assert!(NAMES.contains(&name) || name.starts_with("OAUTH_") || name.starts_with("SMTP_"), "{line}");
            for (_, value) in pairs.iter().filter(|(of, value)| *of == name && value.trim().len() >= 12) {
                assert!(!problem.contains(value.trim()), "{line}");
            }
        }
    }
}
