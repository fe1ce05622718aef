//! The Postgres configuration, from the connection strings of hosting providers.

use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};

use super::environment::{ConfigError, Environment, invalid};

/// The connection to Postgres and the size of the pool.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// `POSTGRES_URL` or `DATABASE_URL`.
    pub connection: ConnectionString,
    /// `POSTGRES_CA_CERT`: PEM certificates to trust instead of the public roots.
    pub ca_certificate: Option<String>,
    /// `POSTGRES_POOL_MAX`: the maximum number of connections of a process.
    pub pool_max: usize,
    /// `POSTGRES_POOL_TIMEOUT_MS`: how long a request waits for a free connection.
    pub pool_timeout: Duration,
    /// `POSTGRES_CONNECT_TIMEOUT_MS`: how long opening a connection may take.
    pub connect_timeout: Duration,
    /// `POSTGRES_IDLE_TIMEOUT_MS`: how long an unused connection is kept.
    pub idle_timeout: Duration,
    /// `SLOW_QUERY_MS`: statements that take longer are logged.
    pub slow_query: Duration,
}

/// A parsed connection string.
#[derive(Clone, Debug)]
pub struct ConnectionString {
    /// The variable that contained the string, for error messages.
    pub variable: &'static str,
    /// Host, user, password and TLS mode. `Debug` hides the password.
    pub config: tokio_postgres::Config,
}

impl ConnectionString {
    /// Returns the first host and port, and the database, for messages. The result contains no
    /// password.
    pub fn location(&self) -> String {
        location(&self.config)
    }
}

/// Returns the first host and port, and the database of a connection, for messages.
pub fn location(config: &tokio_postgres::Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let addresses = config.get_hostaddrs().iter().map(IpAddr::to_string);
    let host = hosts.chain(addresses).next().unwrap_or_default();
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config.get_dbname().unwrap_or_default();
    format!("{host}:{port}/{database}")
}

const POOLED_VARIABLES: [&str; 2] = ["POSTGRES_URL", "DATABASE_URL"];
const DIRECT_VARIABLES: [&str; 4] = [
    "POSTGRES_URL_NON_POOLING",
    "DATABASE_URL_UNPOOLED",
    "POSTGRES_URL",
    "DATABASE_URL",
];

pub(super) fn postgres(env: &Environment<'_>) -> Result<PostgresConfig, ConfigError> {
    let pool_max = env.parse("POSTGRES_POOL_MAX", 20, "a whole number")?;
    if pool_max == 0 {
        return Err(invalid("POSTGRES_POOL_MAX", "must be at least 1"));
    }
    Ok(PostgresConfig {
        connection: connection(env, &POOLED_VARIABLES)?,
        ca_certificate: env
            .value("POSTGRES_CA_CERT")
            .map(|pem| pem.replace("\\n", "\n")),
        pool_max,
        pool_timeout: env.millis("POSTGRES_POOL_TIMEOUT_MS", 2_000)?,
        connect_timeout: connect_timeout(env)?,
        idle_timeout: env.millis("POSTGRES_IDLE_TIMEOUT_MS", 30_000)?,
        slow_query: env.millis("SLOW_QUERY_MS", 1_000)?,
    })
}

/// Returns the direct connection, or the pooled one if no direct one is configured.
pub(super) fn direct(env: &Environment<'_>) -> Result<ConnectionString, ConfigError> {
    connection(env, &DIRECT_VARIABLES)
}

fn connect_timeout(env: &Environment<'_>) -> Result<Duration, ConfigError> {
    env.millis("POSTGRES_CONNECT_TIMEOUT_MS", 10_000)
}

fn connection(
    env: &Environment<'_>,
    names: &[&'static str],
) -> Result<ConnectionString, ConfigError> {
    let (variable, text) = env
        .first_set(names)
        .ok_or_else(|| invalid(names[0], "is required: a Postgres connection string"))?;
    let mut config = parse_connection_string(variable, &text)?;
    config
        .connect_timeout(connect_timeout(env)?)
        .application_name("sabor");
    Ok(ConnectionString { variable, config })
}

/// Parses the connection string in `variable` as hosting providers write it: a URL, or
/// `key=value` pairs.
///
/// All values of `sslmode` that require TLS become `require`, because this client always
/// verifies the certificate. Parameters without a meaning for this client are ignored. A
/// parameter that cannot be ignored safely is an error.
///
/// # Errors
///
/// Fails if the string is malformed or has an unsupported parameter. The message never
/// quotes the string, because a misplaced part of it may belong to the password.
pub fn parse_connection_string(
    variable: &str,
    text: &str,
) -> Result<tokio_postgres::Config, ConfigError> {
    let problem = |message: &str| invalid(variable, message);
    let (base, parameters) = split_parameters(text).ok_or_else(|| problem(MALFORMED_MESSAGE))?;
    let mut accepted = Vec::new();
    let mut ssl_mode = None;
    for (name, value) in parameters {
        match Parameter::parse(&name, &value).map_err(problem)? {
            Parameter::Driver(value) => accepted.push((name, value)),
            Parameter::SslMode(mode) => ssl_mode = Some(mode),
            Parameter::Ignored => {}
        }
    }
    let mut config: tokio_postgres::Config = join_parameters(base, &accepted)
        .parse()
        .map_err(|_| problem(MALFORMED_MESSAGE))?;
    if !has_valid_host(&config) {
        return Err(problem(MALFORMED_MESSAGE));
    }
    let default_mode = match is_local(&config) {
        true => SslMode::Prefer,
        false => SslMode::Require,
    };
    config.ssl_mode(ssl_mode.unwrap_or(default_mode));
    Ok(config)
}

const MALFORMED_MESSAGE: &str = "is not a valid Postgres connection string \
    (special characters in the password must be percent-encoded)";

/// The parameters that the driver understands, except for `sslmode`.
const DRIVER_PARAMETERS: [&str; 18] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// What a parameter of a connection string means to this client.
enum Parameter {
    /// The parameter is passed to the driver with this value.
    Driver(String),
    /// The parameter decides whether TLS is used.
    SslMode(SslMode),
    /// The parameter has no meaning for this client, such as `pgbouncer=true` or `supa=…`.
    Ignored,
}

impl Parameter {
    /// Classifies a parameter. The error is a sentence that quotes no part of the value.
    fn parse(name: &str, value: &str) -> Result<Self, &'static str> {
        Ok(match (name, value) {
            ("sslmode", "verify-full" | "verify-ca" | "require") => Self::SslMode(SslMode::Require),
            ("sslmode", "prefer" | "allow") => Self::SslMode(SslMode::Prefer),
            ("sslmode", "disable") => Self::SslMode(SslMode::Disable),
            ("sslmode", "no-verify") => {
                return Err(
                    "sslmode=no-verify is not supported, because TLS without a verified \
                    certificate protects nothing: use sslmode=require, and put a private \
                    certificate into POSTGRES_CA_CERT",
                );
            }
            ("sslmode", _) => {
                return Err("sslmode must be disable, prefer, require, verify-ca or verify-full");
            }
            ("ssl" | "requiressl", "true" | "1") => Self::SslMode(SslMode::Require),
            ("sslrootcert", "system") => Self::Ignored,
            ("sslrootcert", _) => {
                return Err(
                    "sslrootcert is not supported: put the certificate into POSTGRES_CA_CERT",
                );
            }
            ("sslcert" | "sslkey" | "sslpassword", _) => {
                return Err("sslcert and sslkey are not supported: use a password");
            }
            ("sslcrl" | "sslcrldir", _) => {
                return Err("sslcrl is not supported: remove it");
            }
            ("ssl_min_protocol_version", "TLSv1.3") => {
                return Err("ssl_min_protocol_version=TLSv1.3 is not supported: remove it");
            }
            ("require_auth", _) => return Err("require_auth is not supported: remove it"),
            ("requirepeer", _) => return Err("requirepeer is not supported: remove it"),
            ("gssencmode", "require") => {
                return Err("gssencmode=require is not supported: use sslmode=require");
            }
            ("service" | "servicefile" | "passfile", _) => {
                return Err(
                    "service and passfile are not supported: write host, user and password \
                    into the connection string",
                );
            }
            ("target_session_attrs", "primary") => Self::Driver("read-write".to_owned()),
            ("target_session_attrs", "standby" | "prefer-standby") => {
                return Err(
                    "target_session_attrs must not select a standby, because a standby \
                    rejects writes",
                );
            }
            (name, _) if DRIVER_PARAMETERS.contains(&name) => Self::Driver(value.to_owned()),
            _ => Self::Ignored,
        })
    }
}

/// The names and values of parameters.
type Parameters = Vec<(String, String)>;

/// Splits a connection string into the part before the parameters, which is empty for
/// `key=value` pairs, and the parameters. The parameters of a URL stay percent-encoded.
/// Returns `None` if the string is malformed.
fn split_parameters(text: &str) -> Option<(&str, Parameters)> {
    let after_scheme = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let Some(after_scheme) = after_scheme else {
        return Some(("", split_pairs(text)?));
    };
    // A `?` before the `@` belongs to the password, unless a `/` comes before the `@`.
    let host_start = match after_scheme.find(['@', '/']) {
        Some(position) if after_scheme[position..].starts_with('@') => position + 1,
        _ => 0,
    };
    let offset = text.len() - after_scheme.len() + host_start;
    let query_start = text[offset..].find('?').map(|position| position + offset);
    let (base, query) = match query_start {
        Some(position) => (&text[..position], &text[position + 1..]),
        None => (text, ""),
    };
    // With a second `@`, the driver would take a part of the password for the host.
    if base.matches('@').count() > 1 {
        return None;
    }
    let mut parameters = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // If the password contains an unescaped `?`, the rest of the string looks like a
        // parameter.
        let is_ignored = matches!(Parameter::parse(name, value), Ok(Parameter::Ignored));
        if !is_name(name) || (is_ignored && value.contains(['@', '/', '?'])) {
            return None;
        }
        parameters.push((name.to_owned(), value.to_owned()));
    }
    Some((base, parameters))
}

fn is_name(text: &str) -> bool {
    let is_name_character =
        |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    !text.is_empty() && text.chars().all(is_name_character)
}

/// Splits `key=value` pairs as libpq does: a value may be in single quotes, and `\`
/// escapes the next character.
fn split_pairs(text: &str) -> Option<Parameters> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after_name) = rest.split_once('=')?;
        let name = name.trim_end();
        if !is_name(name) {
            return None;
        }
        let (value, after_value) = take_value(after_name.trim_start())?;
        parameters.push((name.to_owned(), value));
        rest = after_value.trim_start();
    }
    Some(parameters)
}

/// Takes the value at the start of `text`. Returns the value without quotes and escapes, and
/// the rest of `text`. Returns `None` if a quote or an escape is not complete.
fn take_value(text: &str) -> Option<(String, &str)> {
    let (text, is_quoted) = match text.strip_prefix('\'') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            '\'' if is_quoted => return Some((value, &text[position + 1..])),
            _ if !is_quoted && character.is_whitespace() => {
                return Some((value, &text[position..]));
            }
            _ => value.push(character),
        }
    }
    (!is_quoted).then_some((value, ""))
}

/// Writes the connection string of `base` and these parameters.
fn join_parameters(base: &str, parameters: &Parameters) -> String {
    if base.is_empty() {
        let pair = |(name, value): &(String, String)| {
            let escaped = value.replace('\\', r"\\").replace('\'', r"\'");
            format!("{name}='{escaped}'")
        };
        return parameters.iter().map(pair).collect::<Vec<_>>().join(" ");
    }
    // The driver would take everything before an unescaped `@` for the user.
    let pair = |(name, value): &(String, String)| format!("{name}={}", value.replace('@', "%40"));
    let query: Vec<_> = parameters.iter().map(pair).collect();
    format!("{base}?{}", query.join("&"))
}

/// Returns whether the configuration has a host, and whether every host name has only
/// characters that host names can have. With other characters, a part of the password may
/// have been taken for a host name.
fn has_valid_host(config: &tokio_postgres::Config) -> bool {
    let is_valid = |host: &Host| match host {
        Host::Tcp(name) => {
            let is_host_character =
                |character: char| character.is_alphanumeric() || "-._:%".contains(character);
            !name.is_empty() && name.chars().all(is_host_character)
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    (!hosts.is_empty() || !addresses.is_empty()) && hosts.iter().all(is_valid)
}

/// Returns whether every host is this machine.
fn is_local(config: &tokio_postgres::Config) -> bool {
    let has_local_addresses = config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    let is_local = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    has_local_addresses && config.get_hosts().iter().all(is_local)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{problem, read};
    use super::*;

    fn parse(text: &str) -> Result<tokio_postgres::Config, String> {
        parse_connection_string("POSTGRES_URL", text).map_err(|error| error.to_string())
    }

    #[test]
    fn connection_strings_of_hosting_providers_are_parsed() {
        for (text, mode) in [
            (
                "postgres://u:p@ep.neon.example/db?sslmode=require&channel_binding=require",
                SslMode::Require,
            ),
            (
                "postgres://u@db.example/db?sslmode=verify-full&pgbouncer=true",
                SslMode::Require,
            ),
            (
                "postgres://u.x:p@pooler.example:6543/db?sslmode=require&supa=base-pooler.x",
                SslMode::Require,
            ),
            (
                "postgres://u@db.example/db?workaround=supabase-pooler.vercel",
                SslMode::Require,
            ),
            (
                "postgres://u@db.example/db?connection_limit=1&pool_timeout=0",
                SslMode::Require,
            ),
            (
                "postgres://u@db.example/db?target_session_attrs=primary",
                SslMode::Require,
            ),
            ("postgres://u@db.example/db", SslMode::Require),
            (
                "postgres://u@db.example/db?sslmode=disable",
                SslMode::Disable,
            ),
            ("postgres://u@localhost/db", SslMode::Prefer),
            ("postgres://u@localhost/db?ssl=true", SslMode::Require),
            ("host=db.example user=u dbname=db", SslMode::Require),
            (
                "host=db.example user=u dbname=db sslmode=disable",
                SslMode::Disable,
            ),
            (
                "host=db.example user=u sslmode = 'verify-full' supa=x",
                SslMode::Require,
            ),
            ("host=localhost hostaddr=192.0.2.1 user=u", SslMode::Require),
        ] {
            let config = parse(text).unwrap();
            assert_eq!(config.get_ssl_mode(), mode, "{text}");
        }
    }

    #[test]
    fn passwords_with_special_characters_are_read_from_urls_and_pairs() {
        for (text, password) in [
            ("postgres://u:p%40ss@h/d", "p@ss"),
            ("postgres://u:p?ss@h/d?sslmode=require", "p?ss"),
            ("postgres://h/d?user=u@mail.example&password=p@ss", "p@ss"),
            (
                r"host=h user=u password='it\'s a \\ password'",
                r"it's a \ password",
            ),
            (r"host=h user=u password=a\ b?c&d@e", "a b?c&d@e"),
        ] {
            let config = parse(text).unwrap();
            assert_eq!(config.get_password(), Some(password.as_bytes()), "{text}");
        }
    }

    #[test]
    fn parameters_that_cannot_be_ignored_safely_are_refused_by_name() {
        for (parameter, expected) in [
            (
                "sslmode=no-verify",
                "sslmode=no-verify is not supported, because",
            ),
            ("sslmode=sometimes", "sslmode must be disable, prefer,"),
            ("sslrootcert=/x.pem", "POSTGRES_CA_CERT"),
            ("sslkey=/x.key", "sslkey"),
            ("require_auth=scram-sha-256", "require_auth"),
            ("service=studio", "service"),
            ("target_session_attrs=standby", "target_session_attrs"),
        ] {
            for text in [
                format!("postgres://u@h/d?{parameter}"),
                format!("host=h user=u {parameter}"),
            ] {
                let message = parse(&text).unwrap_err();
                assert!(message.contains(expected), "{message}");
                assert!(
                    !message.contains("sometimes") && !message.contains("/x"),
                    "{message}"
                );
            }
        }
    }

    #[test]
    fn a_string_in_which_the_password_would_become_the_host_is_refused() {
        for text in [
            "postgres://u:p@ss@h/d",
            "postgres://u:p@ss/word@h/d",
            "postgres://u:12/34?ss=w@h/d",
            "postgresql+asyncpg://u:p@h/d?sslmode=require",
            "host=h user=u password=two words",
            "user=u password=p",
            "u:p@h/d",
        ] {
            assert_eq!(
                parse(text).unwrap_err(),
                format!("POSTGRES_URL: {MALFORMED_MESSAGE}"),
                "{text}"
            );
        }
    }

    #[test]
    fn an_error_names_the_variable_of_the_string() {
        let good = ("POSTGRES_URL", "postgres://u@h/d");
        for name in ["POSTGRES_URL_NON_POOLING", "DATABASE_URL_UNPOOLED"] {
            let message = problem(&[good, (name, "postgres://u@h/d?sslmode=no-verify")]);
            assert!(
                message.starts_with(&format!("{name}: sslmode=no-verify")),
                "{message}"
            );
        }
        let config = read(&[("POSTGRES_URL", ""), ("DATABASE_URL", "postgres://u@h/d")]).unwrap();
        assert_eq!(config.postgres.connection.variable, "DATABASE_URL");
        assert_eq!(config.postgres_direct.variable, "DATABASE_URL");
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::super::tests::read;

    proptest! {
        #[test]
        fn the_error_about_a_connection_string_hides_the_password(
            secret in "[a-z]{12}", before in "[!-~]{0,6}[?&=]?", after in "[?&=]?[!-~]{0,6}",
            query in "(\\?[a-z_]{1,9}=[a-z]{1,9}(&[a-z_]{1,9}=[a-z]{1,9})?)?",
        ) {
            for string in [
                format!("postgres://ana:{before}{secret}{after}@db.example/sabor{query}"),
                format!("postgres://db.example/sabor?password={before}{secret}{after}&user=ana"),
                format!("host=db.example user=ana password={before}{secret}{after}"),
            ] {
                match read(&[("POSTGRES_URL", &string)]) {
                    Err(problem) => assert!(!problem.to_string().contains(&secret), "{problem}"),
                    Ok(config) => {
                        let shown = config.postgres.connection.location();
                        assert!(!shown.contains(&secret), "{shown}");
                    }
                }
            }
        }
    }
}
