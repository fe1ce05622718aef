//! Tests of the `cargo dev` commands, and of a restart after a kill.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A temporary folder that stands in for a checkout.
struct Checkout(tempfile::TempDir);

impl Checkout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // If root runs the tests, another account runs Postgres and must enter the folder.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sabor-dev"));
        command
            .args(arguments)
            .env("SABOR_HOME", self.path(".sabor"));
        for name in [
            "REDIS_URL",
            "KV_URL",
            "POSTGRES_URL_NON_POOLING",
            "DATABASE_URL_UNPOOLED",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command and waits for it.
    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts `cargo dev` on a free port. The checkouts of several tests share one site, so
    /// they do not build it.
    fn start(&self, arguments: &[&str]) -> Stack {
        let mut command = self.command(&["--port", "0", "--no-build"]);
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        Stack {
            output: BufReader::new(process.stdout.take().unwrap()).lines(),
            progress: BufReader::new(process.stderr.take().unwrap()).lines(),
            process,
        }
    }

    fn postgres_url(&self) -> String {
        let text = fs::read_to_string(self.path(".sabor/stack.json")).unwrap();
        let running: Value = serde_json::from_str(&text).unwrap();
        running["postgres"].as_str().unwrap().to_owned()
    }

    async fn query_text(&self, query: &str) -> String {
        let connected = tokio_postgres::connect(&self.postgres_url(), tokio_postgres::NoTls).await;
        let (client, connection) = connected.unwrap();
        tokio::spawn(connection);
        client.query_one(query, &[]).await.unwrap().get(0)
    }
}

struct Stack {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
    progress: Lines<BufReader<ChildStderr>>,
}

impl Stack {
    /// Waits until the stack is up. Returns the site's address.
    fn wait_until_up(&mut self) -> String {
        let line = self
            .output
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("is up: "));
        let Some(line) = line else {
            panic!(
                "the stack ended: {:?}",
                self.progress.by_ref().collect::<Vec<_>>()
            );
        };
        line.split(' ').nth(3).unwrap().to_owned()
    }

    fn reports(&mut self, text: &str) -> bool {
        self.progress
            .by_ref()
            .map(Result::unwrap)
            .any(|line| line.contains(text))
    }

    fn terminate(&self) {
        let process = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &process])
                .status()
                .unwrap()
                .success()
        );
    }

    fn stop(mut self) {
        self.terminate();
        assert!(self.process.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn wait_for_file(path: &Path) {
    wait_until(&path.display().to_string(), || path.exists());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_stack_killed_at_any_step_starts_again_with_all_rows() {
    let checkout = Checkout::new();
    for created_file in [
        ".sabor/stack.json",
        ".sabor/postgres/password",
        ".sabor/postgres/data.new",
        ".sabor/postgres/data",
        ".sabor/postgres/data/postmaster.pid",
        ".sabor/secrets",
        ".env",
    ] {
        let stack = checkout.start(&[]);
        wait_for_file(&checkout.path(created_file));
        stack.kill();
    }
    let mut stack = checkout.start(&[]);
    stack.wait_until_up();
    let secrets = fs::read_to_string(checkout.path(".sabor/secrets")).unwrap();
    let rename =
        "update users set first_name = 'Eva' where email = 'ana@sabor.dev' returning email::text";
    checkout.query_text(rename).await;
    stack.kill();

    let mut stack = checkout.start(&[]);
    stack.wait_until_up();
    stack.terminate();
    assert!(stack.reports("Stopping"));
    stack.kill();

    let mut stack = checkout.start(&[]);
    stack.wait_until_up();
    let query = "select string_agg(first_name, ' ' order by email) from users
        where email like '%@sabor.dev'";
    assert_eq!(checkout.query_text(query).await, "Adriana Eva Camila Sofia");
    assert_eq!(
        fs::read_to_string(checkout.path(".sabor/secrets")).unwrap(),
        secrets
    );
    stack.stop();
}

#[tokio::test]
async fn the_error_of_a_second_stack_names_the_address_of_the_first() {
    let checkout = Checkout::new();
    let mut first = checkout.start(&[]);
    let url = first.wait_until_up();
    for command in [&[][..], &["reset"]] {
        let refused = checkout.run(command);
        assert!(!refused.status.success());
        assert!(
            text(&refused.stderr)
                .contains(&format!("is already running in this checkout, at {url}"))
        );
    }
    first.stop();
}

#[tokio::test]
async fn two_checkouts_run_side_by_side() {
    let checkouts = [Checkout::new(), Checkout::new()];
    let mut stacks = checkouts.each_ref().map(|checkout| checkout.start(&[]));
    let urls = stacks.each_mut().map(Stack::wait_until_up);
    assert_ne!(urls[0], urls[1]);
    assert_ne!(checkouts[0].postgres_url(), checkouts[1].postgres_url());
    stacks.into_iter().for_each(Stack::stop);
}

#[test]
fn a_requested_port_that_is_taken_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let refused = Checkout::new().run(&["--port", &port]);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains(&format!("cannot use port {port}")));
}

#[test]
fn a_handwritten_env_file_is_replaced_only_by_write_env() {
    let checkout = Checkout::new();
    fs::write(checkout.path(".env"), "MAIL_FROM=ana@sabor.dev\n").unwrap();
    let mut stack = checkout.start(&[]);
    assert!(stack.reports("Your own .env was not changed"));
    stack.wait_until_up();
    stack.stop();
    assert_eq!(
        fs::read_to_string(checkout.path(".env")).unwrap(),
        "MAIL_FROM=ana@sabor.dev\n"
    );

    let mut stack = checkout.start(&["--write-env"]);
    let url = stack.wait_until_up();
    stack.stop();
    assert!(
        fs::read_to_string(checkout.path(".env"))
            .unwrap()
            .contains(&format!("SITE_URL={url}\n"))
    );
    assert!(checkout.path(".sabor/env.before").exists());
}

#[tokio::test]
async fn the_demo_data_has_a_partner_application_and_commands_add_others() {
    let checkout = Checkout::new();
    let token_validity = "select string_agg((used_at is null and expires_at > now())::text, ' '
            order by created_at)
        from cross_app_sessions where target_app = 'ticket-shop' and account_id is not null";
    let redeem_all = "with used as (update cross_app_sessions set used_at = now() returning 1)
        select count(*)::text from used";
    let mut stack = checkout.start(&[]);
    stack.wait_until_up();
    assert_eq!(checkout.query_text(token_validity).await, "false true");
    assert_eq!(checkout.query_text(redeem_all).await, "2");
    stack.stop();
    let mut stack = checkout.start(&[]);
    stack.wait_until_up();
    assert_eq!(checkout.query_text(token_validity).await, "false true");

    let add = ["app", "add", "shop", "--origin", "https://shop.example"];
    let added = checkout.run(&add);
    let has_secret = |output: &str| {
        output.split_whitespace().any(|word| {
            word.len() == 64 && word.chars().all(|character| character.is_ascii_hexdigit())
        })
    };
    assert!(has_secret(&text(&added.stdout)), "{added:?}");
    let duplicate = checkout.run(&add);
    assert!(text(&duplicate.stderr).contains("An application with this name already exists"));
    let rotated = checkout.run(&["app", "rotate", "shop"]);
    assert!(has_secret(&text(&rotated.stdout)), "{rotated:?}");
    let third = checkout.run(&["app", "rotate", "shop"]);
    assert!(text(&third.stderr).contains("Two secrets are already valid"));
    let ended = checkout.run(&["app", "rotate", "shop", "--end-previous"]);
    assert!(has_secret(&text(&ended.stdout)), "{ended:?}");
    let stats = checkout.run(&["sessions", "stats"]);
    for line in [
        "expired  ticket-shop",
        "valid    ticket-shop",
        "user_sessions_key",
    ] {
        assert!(text(&stats.stdout).contains(line), "{stats:?}");
    }
    stack.stop();
}

/// Sends a request to the stack. Returns the response, with its status line and headers.
fn send(url: &str, host: &str, path: &str, body: &str) -> String {
    let port = url.rsplit_once(':').unwrap().1;
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn e_mails_are_written_to_a_folder_and_requests_for_other_hosts_are_refused() {
    let checkout = Checkout::new();
    let mut stack = checkout.start(&[]);
    let url = stack.wait_until_up();
    let path = "/api/auth/forgot-password";
    let body = "{\"email\":\"ana@sabor.dev\"}";
    let refused = send(&url, "studio.example", path, body);
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    assert!(refused.contains("foreign_host"), "{refused}");
    let mail = checkout.path(".sabor/mail");
    assert!(!mail.exists());
    let accepted = send(&url, url.trim_start_matches("http://"), path, body);
    assert!(accepted.starts_with("HTTP/1.1 2"), "{accepted}");
    wait_until("an e-mail is written", || {
        fs::read_dir(&mail).is_ok_and(|mut files| files.next().is_some())
    });
    stack.stop();
}

#[tokio::test]
async fn commands_use_the_running_stack_or_start_postgres_and_reset_deletes_the_data() {
    let checkout = Checkout::new();
    let mut stack = checkout.start(&[]);
    stack.wait_until_up();
    assert!(
        checkout
            .run(&["admin", "grant", "ana@sabor.dev"])
            .status
            .success()
    );
    let query = "select is_admin::text from users where email = 'ana@sabor.dev'";
    assert_eq!(checkout.query_text(query).await, "true");
    stack.stop();

    let unknown = checkout.run(&["admin", "grant", "nobody@sabor.dev"]);
    assert!(text(&unknown.stderr).contains("no account nobody@sabor.dev"));
    assert!(checkout.run(&["reset"]).status.success());
    let applied = checkout.run(&["migrate"]);
    assert!(
        text(&applied.stdout).contains("Applied 0001"),
        "{applied:?}"
    );
    let reverted = checkout.run(&["migrate", "--down", "1"]);
    let shown = text(&reverted.stdout);
    assert!(
        shown.contains("deletes") && shown.contains("Reverted"),
        "{reverted:?}"
    );
    let refused = checkout.run(&["migrate", "--down", "99"]);
    assert!(!refused.status.success());
    assert!(
        text(&refused.stderr).contains("99 cannot be reverted"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_empty_studio_has_one_administrator_until_the_next_reset() {
    let checkout = Checkout::new();
    let reset = checkout.run(&["reset", "--empty"]);
    let shown = text(&reset.stdout);
    assert!(shown.contains("admin@sabor.dev"), "{reset:?}");
    assert!(shown.contains("password123"), "{reset:?}");
    for start in 1..=2 {
        let mut stack = checkout.start(&[]);
        let url = stack.wait_until_up();
        let rows = "select concat_ws(' ',
            (select string_agg(email, ',') from users where is_admin), (select count(*) from users),
            (select count(*) from class_types), (select count(*) from instructors),
            (select count(*) from rooms), (select count(*) from scheduled_classes),
            (select count(*) from apps))";
        let counts = checkout.query_text(rows).await;
        assert_eq!(counts, "admin@sabor.dev 1 0 0 0 0 0", "start {start}");
        let body =
            "{\"email\":\"admin@sabor.dev\",\"password\":\"password123\",\"mode\":\"token\"}";
        let host = url.trim_start_matches("http://");
        let signed_in = send(&url, host, "/api/auth/login", body);
        assert!(signed_in.starts_with("HTTP/1.1 200 "), "{signed_in}");
        stack.stop();
    }
    assert!(checkout.run(&["reset"]).status.success());
    let mut stack = checkout.start(&[]);
    stack.wait_until_up();
    let classes = "select (count(*) > 0)::text from scheduled_classes";
    assert_eq!(checkout.query_text(classes).await, "true");
    stack.stop();
}

#[tokio::test]
async fn reverting_shows_the_lost_rows_and_requires_confirmation_on_a_deployment() {
    let checkout = Checkout::new();
    let mut stack = checkout.start(&[]);
    stack.wait_until_up();
    let count_tables = "select count(*)::text from pg_tables where schemaname = 'public'";
    let all_tables = checkout.query_text(count_tables).await;
    let deployment = |arguments: &[&str]| {
        let mut command = checkout.command(&["migrate", "--deployment", "--down"]);
        command
            .args(arguments)
            .env("POSTGRES_URL_NON_POOLING", checkout.postgres_url())
            .stdin(Stdio::null());
        command.output().unwrap()
    };
    let count_applied = "select count(*)::text from schema_migrations";
    let applied = checkout.query_text(count_applied).await;

    let refused = deployment(&["99", "--yes"]);
    assert!(!refused.status.success());
    assert!(
        text(&refused.stderr).contains("99 cannot be reverted"),
        "{refused:?}"
    );

    let unconfirmed = deployment(&[&applied]);
    assert!(!unconfirmed.status.success());
    assert!(
        text(&unconfirmed.stderr).contains("--yes"),
        "{unconfirmed:?}"
    );
    let users = checkout
        .query_text("select count(*)::text from users")
        .await;
    let shown = text(&unconfirmed.stdout);
    let line = shown.lines().find(|line| line.contains("table users "));
    assert!(
        line.is_some_and(|line| line.ends_with(&format!(" {users}"))),
        "{shown}"
    );
    assert_eq!(checkout.query_text(count_tables).await, all_tables);

    let confirmed = deployment(&[&applied, "--yes"]);
    assert!(
        text(&confirmed.stdout).contains("Reverted"),
        "{confirmed:?}"
    );
    assert_eq!(checkout.query_text(count_tables).await, "0");

    // `migrate` also restores the demo accounts of a running stack.
    let migrated = checkout.run(&["migrate"]);
    assert!(
        text(&migrated.stdout).contains("Applied 0001"),
        "{migrated:?}"
    );
    assert_eq!(checkout.query_text(count_tables).await, all_tables);
    let accounts = "select string_agg(first_name, ' ' order by email) from users
        where email like '%@sabor.dev'";
    assert_eq!(
        checkout.query_text(accounts).await,
        "Adriana Ana Camila Sofia"
    );
    stack.stop();
}

#[test]
fn an_invalid_connection_string_is_reported_with_its_variable_and_without_the_password() {
    for (variable, url) in [
        (
            "POSTGRES_URL_NON_POOLING",
            "postgres://u:hunter2@h/d?sslmode=no-verify",
        ),
        (
            "DATABASE_URL_UNPOOLED",
            "host=127.0.0.1 port=1 user=u password=hunter2 sslkey=k",
        ),
    ] {
        let mut command = Checkout::new().command(&["migrate", "--deployment"]);
        let refused = command.env(variable, url).output().unwrap();
        let message = text(&refused.stderr);
        assert!(message.contains(&format!("{variable}: ssl")), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    // Nothing listens at this address.
    let url = "host=127.0.0.1 port=1 user=u password=hunter2 dbname=d";
    let mut command = Checkout::new().command(&["migrate", "--deployment"]);
    let refused = command
        .env("POSTGRES_URL_NON_POOLING", url)
        .output()
        .unwrap();
    let message = text(&refused.stderr);
    assert!(message.contains("127.0.0.1:1/d"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn the_demo_studio_is_added_once_and_a_year_of_data_on_request() {
    const COUNTS: &str = "select concat_ws(' ', (select count(*) from class_types),
        (select count(*) from instructors), (select count(*) from class_schedules),
        (select count(*) from scheduled_classes), (select count(*) from bookings),
        (select count(*) from payments), (select count(*) from users),
        (select count(*) from contact_submissions))";
    let checkout = Checkout::new();
    let mut stack = checkout.start(&[]);
    stack.wait_until_up();
    let counts = checkout.query_text(COUNTS).await;
    assert!(counts.starts_with("9 6 34 "), "{counts}");
    let instructors =
        "select string_agg(u.email, ' ') from instructors i join users u on u.id = i.user_id
        where not u.is_staff and not u.is_admin";
    let instructors = checkout.query_text(instructors).await;
    assert_eq!(instructors, "camila@sabor.dev");
    // An occurrence that overlaps another one would be missing.
    let fewest = "select min(n)::text from (
        select count(*) as n from scheduled_classes group by class_schedule_id) t";
    assert_eq!(checkout.query_text(fewest).await, "11");
    let statuses = "select string_agg(distinct status, ' ' order by status) from bookings";
    assert_eq!(
        checkout.query_text(statuses).await,
        "attended booked cancelled no_show waitlisted"
    );
    let payments =
        "select string_agg(distinct method || ' ' || status, ', ' order by method || ' ' || status)
        from payments";
    assert_eq!(
        checkout.query_text(payments).await,
        "card paid, card refunded, desk paid, desk pending, desk refund_due"
    );
    let change = "with raised as (
            update class_types set price_per_class = 99 where name = 'Salsa On2' returning id
        ), moved as (
            update scheduled_classes set room = 'Garden'
            where id = (select id from scheduled_classes order by start_time desc, id limit 1)
        ), cancelled as (
            update bookings set status = 'cancelled', cancelled_at = now()
            where id = (select id from bookings where status = 'booked' order by id limit 1)
        )
        select count(*)::text from raised";
    assert_eq!(checkout.query_text(change).await, "1");
    stack.stop();

    let mut stack = checkout.start(&[]);
    stack.wait_until_up();
    assert_eq!(checkout.query_text(COUNTS).await, counts);
    let price = "select price_per_class::text from class_types where name = 'Salsa On2'";
    assert_eq!(checkout.query_text(price).await, "99.00");
    let year = checkout.run(&["seed", "--year"]);
    assert!(year.status.success(), "{year:?}");
    let year_bookings = "select count(*)::text from bookings b join users u on u.id = b.user_id
        where u.email like 'year%'";
    assert_eq!(checkout.query_text(year_bookings).await, "100000");
    let second_seed = checkout.run(&["seed", "--year"]);
    assert!(text(&second_seed.stderr).contains("already has a year of data"));
    stack.stop();
}
