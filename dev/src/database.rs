//! Direct access to the database as the database owner, without the pooler.

use anyhow::{Context, Result, anyhow, bail};
use sabor::Config;
use sabor::crypto::random;
use sabor::models::partner_app::{self, Changes, NewApp, PartnerApp};
use sabor::runtime::config::parse_connection_string;
use sabor::session::Token;
use sabor::store::client::Client;
use sabor::store::migrations;
use sabor_testing::environment;

use crate::terminal;

/// The variables in which hosting providers set the direct connection string.
pub(crate) const DIRECT_URL_VARIABLES: [&str; 2] =
    ["POSTGRES_URL_NON_POOLING", "DATABASE_URL_UNPOOLED"];

/// Returns the connection string of the deployment in the environment, if one is set. If it
/// is invalid, the error names the variable.
pub(crate) fn deployment_url() -> Result<Option<String>> {
    for variable in DIRECT_URL_VARIABLES {
        if let Some(url) = environment::variable(variable) {
            parse_connection_string(variable, url.trim())?;
            return Ok(Some(url.trim().to_owned()));
        }
    }
    Ok(None)
}

/// Reads the functions' configuration for this database.
pub(crate) fn config(url: &str) -> Result<Config> {
    const KEPT_VARIABLES: [&str; 4] = [
        "POSTGRES_CA_CERT",
        "POSTGRES_CONNECT_TIMEOUT_MS",
        "STUDIO_TIMEZONE",
        "STUDIO_CURRENCY",
    ];
    let mut variables = environment::variables();
    variables.retain(|name, _| KEPT_VARIABLES.contains(&name.as_str()));
    for (name, value) in [
        ("POSTGRES_URL", url.to_owned()),
        // Required by the configuration, but not used by these commands.
        ("SESSION_SECRET", random::hex::<32>()),
        ("ENCRYPTION_KEY", random::hex::<32>()),
    ] {
        variables.insert(name.to_owned(), value);
    }
    Ok(Config::read(&variables)?)
}

/// Connects as the functions do, with the same TLS settings and URL parsing.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let config = config(url)?;
    let connected = sabor::store::postgres::connect_direct(&config).await;
    connected.with_context(|| format!("cannot connect to the database at {}", location(url)))
}

/// Returns what reverting the last `count` migrations deletes, as text for the terminal.
pub(crate) async fn preview_down(url: &str, count: usize) -> Result<String> {
    let mut client = connect(url).await?;
    let preview = migrations::preview_down(&mut client, count).await?;
    let names = preview.names.join(", ");
    let location = location(url);
    if preview.losses.is_empty() {
        return Ok(format!("{location}: reverting {names} deletes no rows."));
    }
    let rows: Vec<_> = preview
        .losses
        .iter()
        .map(|loss| {
            let what = match &loss.column {
                Some(column) => format!("column {}.{column}", loss.table),
                None => format!("table {}", loss.table),
            };
            vec![what, loss.rows.to_string()]
        })
        .collect();
    let lines = terminal::format_table(&["", "rows"], &rows, |column| column > 0);
    let lines: String = lines.iter().map(|line| format!("\n  {line}")).collect();
    Ok(format!("{location}: reverting {names} deletes\n{lines}\n"))
}

/// Applies the pending migrations, or reverts the last `down` migrations. Returns a message.
pub(crate) async fn migrate(url: &str, down: Option<usize>) -> Result<String> {
    let mut client = connect(url).await?;
    let (names, verb) = match down {
        None => (migrations::up(&mut client).await?, "Applied"),
        Some(count) => (migrations::down(&mut client, count).await?, "Reverted"),
    };
    Ok(match names.is_empty() {
        true => format!("{}: no migration to apply or revert.", location(url)),
        false => format!("{}: {verb} {}.", location(url), names.join(", ")),
    })
}

/// Makes the account an administrator. Returns a message.
pub(crate) async fn grant_admin(url: &str, email: &str) -> Result<String> {
    let client = connect(url).await?;
    if !sabor::models::user::grant_admin(&client, email).await? {
        bail!(
            "{} has no account {email} with a confirmed address. Register it and confirm the \
             address first",
            location(url)
        );
    }
    Ok(format!(
        "{}: {email} is now an administrator.",
        location(url)
    ))
}

/// Adds a partner application. Returns a message with its secret.
pub(crate) async fn add_app(
    url: &str,
    name: &str,
    origins: Vec<String>,
    single_use: bool,
) -> Result<String> {
    let new_app = NewApp::parse(name, origins, single_use).map_err(to_terminal_error)?;
    let (client, secret) = (connect(url).await?, Token::generate());
    let app = partner_app::insert(&client, &new_app, &secret).await?;
    Ok(secret_message(url, &app, &secret))
}

/// Creates a new secret for a partner application. The previous one stays valid, unless
/// `end_rotation` ends it. Returns a message with the new secret.
pub(crate) async fn rotate_app(url: &str, name: &str, end_rotation: bool) -> Result<String> {
    let (client, secret) = (connect(url).await?, Token::generate());
    let Some(app) = partner_app::find(&client, name).await? else {
        bail!("{} has no application {name}", location(url));
    };
    let changes = Changes {
        secret: Some(secret.clone()),
        end_rotation,
        ..Changes::default()
    };
    let app = partner_app::update(&client, app.id, &changes).await?;
    Ok(secret_message(url, &app, &secret))
}

fn secret_message(url: &str, app: &PartnerApp, secret: &Token) -> String {
    let previous = match app.is_rotating {
        true => "\nThe previous secret stays valid until PATCH /api/admin/apps with endRotation.",
        false => "",
    };
    let (location, name, secret) = (location(url), &app.name, secret.expose());
    format!("{location}: the secret of {name} is\n\n  {secret}\n\nIt is not shown again.{previous}")
}

/// Converts a validation error to one line that names each field.
fn to_terminal_error(error: sabor::Error) -> anyhow::Error {
    let details = error.details().into_iter().flatten();
    let problems: Vec<_> = details
        .map(|(field, problems)| format!("{field} {}", problems.join(", ")))
        .collect();
    match problems.is_empty() {
        true => error.into(),
        false => anyhow!("{}", problems.join("; ")),
    }
}

/// Returns the host, port and database of a connection string, for messages.
fn location(url: &str) -> String {
    match parse_connection_string("POSTGRES_URL", url) {
        Ok(config) => sabor::runtime::config::location(&config),
        // The text is not shown, because it may contain a password.
        Err(_) => "an invalid address".to_owned(),
    }
}
