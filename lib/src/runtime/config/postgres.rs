//! The Postgres configuration, from the connection strings of hosting providers.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};

use super::environment::{ConfigError, Environment, invalid};

/// The connection to Postgres and the size of the pool.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// Host, user, password and TLS mode. `Debug` hides the password.
    pub connection: tokio_postgres::Config,
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
            .text("POSTGRES_CA_CERT")
            .map(|pem| pem.replace("\\n", "\n")),
        pool_max,
        pool_timeout: env.millis("POSTGRES_POOL_TIMEOUT_MS", 2_000)?,
        connect_timeout: connect_timeout(env)?,
        idle_timeout: env.millis("POSTGRES_IDLE_TIMEOUT_MS", 30_000)?,
        slow_query: env.millis("SLOW_QUERY_MS", 1_000)?,
    })
}

/// Returns the direct connection, or the pooled one if no direct one is configured.
pub(super) fn direct(env: &Environment<'_>) -> Result<tokio_postgres::Config, ConfigError> {
    connection(env, &DIRECT_VARIABLES)
}

fn connect_timeout(env: &Environment<'_>) -> Result<Duration, ConfigError> {
    env.millis("POSTGRES_CONNECT_TIMEOUT_MS", 10_000)
}

fn connection(
    env: &Environment<'_>,
    names: &[&'static str],
) -> Result<tokio_postgres::Config, ConfigError> {
    let (name, url) = env
        .first_set(names)
        .ok_or_else(|| invalid(names[0], "is required: a Postgres connection string"))?;
    let mut config = connection_string(name, &url)?;
    config
        .connect_timeout(connect_timeout(env)?)
        .application_name("sabor");
    Ok(config)
}

/// Parses a connection string as hosting providers write it.
///
/// The driver rejects some of their query parameters. All modes that require TLS become
/// `require`, because this client always verifies the certificate. Parameters for other
/// drivers are ignored. The error about an unknown parameter contains its name.
fn connection_string(name: &str, url: &str) -> Result<tokio_postgres::Config, ConfigError> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    // If the password has an unescaped `?`, `&` or `=`, a part of it may look like a
    // parameter name. The error must not contain that part.
    let may_contain_password =
        !url.starts_with("postgres") || query.contains('@') || query.contains("password");
    let is_name = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let mut parameters = Vec::new();
    let mut has_ssl_mode = false;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("sslmode", "verify-full" | "verify-ca" | "require") => {
                has_ssl_mode = true;
                parameters.push("sslmode=require");
            }
            ("sslmode", "disable" | "prefer") => {
                has_ssl_mode = true;
                parameters.push(pair);
            }
            ("sslrootcert", "system")
            | ("pgbouncer" | "connection_limit" | "pool_timeout" | "schema", _) => {}
            ("sslrootcert", _) => {
                return Err(invalid(
                    name,
                    "sslrootcert is not supported: put the certificate into POSTGRES_CA_CERT",
                ));
            }
            (
                "channel_binding"
                | "connect_timeout"
                | "application_name"
                | "options"
                | "target_session_attrs"
                | "keepalives"
                | "keepalives_idle"
                | "sslnegotiation"
                | "host"
                | "port"
                | "user"
                | "password"
                | "dbname",
                _,
            ) => parameters.push(pair),
            (unknown, _) if may_contain_password || !is_name(unknown) => {
                return Err(invalid(name, "is not a valid Postgres connection string"));
            }
            (unknown, _) => {
                return Err(invalid(
                    name,
                    format!("has the unknown parameter {unknown:?}"),
                ));
            }
        }
    }
    let text = if parameters.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", parameters.join("&"))
    };
    let mut config = tokio_postgres::Config::from_str(&text)
        .map_err(|_| invalid(name, "is not a valid Postgres connection string"))?;
    // Remote connections use TLS unless the string has another mode.
    if !has_ssl_mode && !is_local(&config) {
        config.ssl_mode(SslMode::Require);
    }
    Ok(config)
}

fn is_local(config: &tokio_postgres::Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{problem, read};
    use super::*;

    #[test]
    fn connection_strings_of_hosting_providers_are_parsed() {
        let neon = "postgres://u:p@ep.neon.example/db?sslmode=require&channel_binding=require";
        let config = read(&[("POSTGRES_URL", neon)]).unwrap().postgres.connection;
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        for (query, mode) in [
            ("?sslmode=verify-full&pgbouncer=true", SslMode::Require),
            ("?connection_limit=1", SslMode::Require),
            ("", SslMode::Require),
            ("?sslmode=disable", SslMode::Disable),
        ] {
            let url = format!("postgres://u@db.example/db{query}");
            let config = read(&[("POSTGRES_URL", &url)]).unwrap();
            assert_eq!(config.postgres.connection.get_ssl_mode(), mode, "{query}");
        }
        let message = problem(&[("POSTGRES_URL", "postgres://u@db.example/db?hocus=pocus")]);
        assert!(message.contains("\"hocus\"") && !message.contains("pocus"));
        let unescaped = problem(&[("POSTGRES_URL", "postgres://u:pa?ss@h/d?sslmode=require")]);
        assert!(!unescaped.contains("ss@h"), "{unescaped}");
        assert!(
            problem(&[("POSTGRES_URL", "postgres://u@h/d?sslrootcert=/x.pem")])
                .contains("POSTGRES_CA_CERT")
        );
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
                if let Err(problem) = read(&[("POSTGRES_URL", &string)]) {
                    assert!(!problem.to_string().contains(&secret), "{problem}");
                }
            }
        }
    }
}
