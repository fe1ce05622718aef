//! The database as the commands use it: past the pooler, as its owner.

use anyhow::{Context, Result, anyhow, bail};
use sabor::Config;
use sabor::crypto::random;
use sabor::models::app::{self, Changes, NewApp, PartnerApp};
use sabor::session::Token;
use sabor::store::migrations;
use sabor_testing::environment;
use tokio_postgres::Client;

/// The names under which a host gives the connection string that does not
/// lead through a pooler.
pub(crate) const DIRECT: [&str; 2] = ["POSTGRES_URL_NON_POOLING", "DATABASE_URL_UNPOOLED"];

/// The deployment that the environment names, if it does.
pub(crate) fn deployment() -> Option<String> {
    DIRECT.into_iter().find_map(environment::variable)
}

/// What the functions would read on this database, as far as it concerns what
/// is done here.
pub(crate) fn config(url: &str) -> Result<Config> {
    const TAKEN: [&str; 4] = [
        "POSTGRES_CA_CERT",
        "POSTGRES_CONNECT_TIMEOUT_MS",
        "STUDIO_TIMEZONE",
        "STUDIO_CURRENCY",
    ];
    let mut variables = environment::variables();
    variables.retain(|name, _| TAKEN.contains(&name.as_str()));
    for (name, value) in [
        ("POSTGRES_URL", url.to_owned()),
        // Required, and of no use here: a deployment's own stay where they are.
        ("SESSION_SECRET", random::hex::<32>()),
        ("ENCRYPTION_KEY", random::hex::<32>()),
    ] {
        variables.insert(name.to_owned(), value);
    }
    Ok(Config::read(&variables)?)
}

/// Connects as the functions do: the same TLS, the same reading of the string.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let config = config(url)?;
    let connected = sabor::store::postgres::connect_direct(&config).await;
    connected.with_context(|| format!("the database at {} cannot be reached", place(url)))
}

/// Applies what is pending, or takes back the last `down`; says what was done.
pub(crate) async fn migrate(url: &str, down: Option<usize>) -> Result<String> {
    let mut client = connect(url).await?;
    let (names, done) = match down {
        None => (migrations::up(&mut client).await?, "Applied"),
        Some(count) => (migrations::down(&mut client, count).await?, "Took back"),
    };
    Ok(match names.is_empty() {
        true => format!("{}: nothing to do.", place(url)),
        false => format!("{}: {done} {}.", place(url), names.join(", ")),
    })
}

/// Makes the account an administrator's; says so.
pub(crate) async fn grant_admin(url: &str, email: &str) -> Result<String> {
    let client = connect(url).await?;
    if !sabor::models::user::grant_admin(&client, email).await? {
        bail!("{} has no account {email}: register it first", place(url));
    }
    Ok(format!("{}: {email} is an administrator now.", place(url)))
}

/// Enters a partner application; shows its secret.
pub(crate) async fn add_app(
    url: &str,
    name: &str,
    origins: Vec<String>,
    single_use: bool,
) -> Result<String> {
    let new = NewApp::read(name, origins, single_use).map_err(sentence)?;
    let (client, secret) = (connect(url).await?, Token::generate());
    let app = app::insert(&client, &new, &secret).await?;
    Ok(shown(url, &app, &secret))
}

/// Gives a partner application another secret, and shows it.
pub(crate) async fn rotate_app(url: &str, name: &str, end_rotation: bool) -> Result<String> {
    let (client, secret) = (connect(url).await?, Token::generate());
    let Some(app) = app::find(&client, name).await? else {
        bail!("{} has no application {name}", place(url));
    };
    let changes = Changes {
        secret: Some(secret.clone()),
        end_rotation,
        ..Changes::default()
    };
    let app = app::update(&client, app.id, &changes).await?;
    Ok(shown(url, &app, &secret))
}

fn shown(url: &str, app: &PartnerApp, secret: &Token) -> String {
    let previous = match app.is_rotating {
        true => {
            "\nThe previous one stays good until it is ended: PATCH /api/admin/apps, endRotation."
        }
        false => "",
    };
    let (place, name, secret) = (place(url), &app.name, secret.expose());
    format!("{place}: {name} has the secret\n\n  {secret}\n\nIt is not shown again.{previous}")
}

/// What is wrong with each field, for a terminal.
fn sentence(error: sabor::Error) -> anyhow::Error {
    let details = error.details().into_iter().flatten();
    let problems: Vec<_> = details
        .map(|(field, problems)| format!("{field} {}", problems.join(", ")))
        .collect();
    match problems.is_empty() {
        true => error.into(),
        false => anyhow!("{}", problems.join("; ")),
    }
}

/// A connection string without its password: host and database.
fn place(url: &str) -> String {
    let after_user = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
    after_user.split('?').next().unwrap_or_default().to_owned()
}
