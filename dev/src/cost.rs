//! `cargo dev cost`: what a studio pays the platforms in a month.
//!
//! The quantities are the options, multiplied by the figures of a benchmark. The prices are
//! [`PRICES`].

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use sabor_testing::environment;
use serde::Deserialize;

use crate::terminal::{self, print};

/// The prices that the platforms state in public, in US dollars, and when they were read.
const PRICES: Prices = Prices {
    read_on: "2026-11-28",
    // Vercel, plan "Pro" with one seat, for functions in Washington, D.C. The plan includes usage for
    // its own price.
    plan: 20.00,
    included_usage: 20.00,
    million_invocations: 0.60,
    cpu_hour: 0.128,
    memory_gb_hour: 0.0106,
    // Upstash, "Pay as You Go". The first gigabyte costs nothing.
    hundred_thousand_commands: 0.20,
    redis_gb: 0.25,
    free_redis_gb: 1.0,
    // Neon, plan "Launch".
    compute_unit_hour: 0.106,
    postgres_gb: 0.35,
    // Resend, plan "Pro".
    mail_plan: 20.00,
    included_mails: 50_000.0,
    thousand_mails: 0.90,
};

struct Prices {
    read_on: &'static str,
    plan: f64,
    included_usage: f64,
    million_invocations: f64,
    cpu_hour: f64,
    memory_gb_hour: f64,
    hundred_thousand_commands: f64,
    redis_gb: f64,
    free_redis_gb: f64,
    compute_unit_hour: f64,
    postgres_gb: f64,
    mail_plan: f64,
    included_mails: f64,
    thousand_mails: f64,
}

/// The hours of an average month.
const HOURS: f64 = 730.0;

/// The memory that the platform reserves for a function while it works, in gigabytes.
const RESERVED_MEMORY: f64 = 2.0;

const BYTES_PER_GB: f64 = 1e9;

/// The last figures that were measured on a machine without other load.
const RECORDED_FIGURES: &str = include_str!("cost/figures.json");

/// Options of `cargo dev cost`.
#[derive(Args)]
pub(crate) struct Options {
    /// Members with an account
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    members: u32,
    /// Requests with a session that a member makes in a month and that only read
    #[arg(long, value_name = "N", default_value_t = 300.0)]
    checks_per_member: f64,
    /// Sign-ins of a member in a month, each followed by a sign-out
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    sign_ins_per_member: f64,
    /// Bookings and other changes that a member makes in a month
    #[arg(long, value_name = "N", default_value_t = 6.0)]
    bookings_per_member: f64,
    /// E-mails to a member in a month
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    mails_per_member: f64,
    /// For how many months bookings are stored
    #[arg(long, value_name = "N", default_value_t = 36.0)]
    months: f64,
    /// Sessions of a member that have not ended
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    sessions_per_member: f64,
    /// How long a request waits for the network to Redis and Postgres, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5.0)]
    network_ms: f64,
    /// The average number of compute units of Postgres. It never sleeps
    #[arg(long, value_name = "N", default_value_t = 0.25)]
    compute_units: f64,
    /// The results of a benchmark [default: the last ones in .sabor/bench/, or recorded ones]
    #[arg(long, value_name = "FILE")]
    bench: Option<PathBuf>,
}

/// Prints the bill.
///
/// # Errors
///
/// Fails if the results of the benchmark lack a figure.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (source, results) = read_results(options.bench.as_deref())?;
    let figures = Figures::new(&results).with_context(|| {
        format!("cannot use {source}. Run `cargo dev bench` without `--only`, or name others with --bench")
    })?;
    let usage = Usage::new(options, &figures);
    let bill = Bill::new(options, &usage);
    let header = ["item", "quantity", "price", "US$"];
    terminal::print_table(&header, &bill.lines(), |column| column % 2 == 1);
    let per_member = bill.total() / f64::from(options.members);
    print(&format!(
        "\n{:.2} US$ a month, {per_member:.4} for each of {} members.",
        bill.total(),
        options.members
    ));
    print(&format!(
        "Prices of {}, without taxes. Fees for card payments, the site's files, and the domain are not \
        included.\nFigures: {source}, measured until {}.",
        PRICES.read_on,
        results.at.get(..10).unwrap_or(&results.at)
    ));
    Ok(())
}

/// The results of a benchmark.
#[derive(Deserialize)]
struct Results {
    at: String,
    rows: Vec<Measured>,
}

#[derive(Deserialize)]
struct Measured {
    what: String,
    value: Option<f64>,
}

/// Reads the results of a benchmark. Returns also where they come from.
fn read_results(path: Option<&Path>) -> Result<(String, Results)> {
    let path = match path {
        Some(path) => Some(path.to_owned()),
        None => last_results()?,
    };
    let (source, text) = match path {
        Some(path) => {
            let text = fs::read_to_string(&path);
            let text = text.with_context(|| format!("cannot read {}", path.display()))?;
            (path.display().to_string(), text)
        }
        None => (
            "the recorded benchmark".to_owned(),
            RECORDED_FIGURES.to_owned(),
        ),
    };
    let results = serde_json::from_str(&text);
    let results = results.with_context(|| format!("{source} has no results of a benchmark"))?;
    Ok((source, results))
}

/// Returns the path of the last complete results of the benchmark, if there are any.
fn last_results() -> Result<Option<PathBuf>> {
    let Ok(entries) = fs::read_dir(environment::home().join("bench")) else {
        return Ok(None);
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
            && is_complete(&path)
        {
            paths.push(path);
        }
    }
    Ok(paths.into_iter().max())
}

/// Returns whether a file has all figures. The results of `--only` have not.
fn is_complete(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).is_ok_and(|results| Figures::new(&results).is_ok())
}

/// The measured figures.
struct Figures {
    /// CPU time of a session check, in seconds.
    check_cpu: f64,
    /// The time of a request with a query, in seconds. It counts as CPU time.
    query_time: f64,
    /// The time of a sign-in while seven others run, in seconds. It counts as CPU time, so it is an
    /// upper bound.
    sign_in_time: f64,
    check_commands: f64,
    sign_in_commands: f64,
    sign_out_commands: f64,
    /// Bytes in Postgres with indexes.
    member_bytes: f64,
    session_bytes: f64,
    booking_bytes: f64,
    /// Bytes in Redis.
    record_bytes: f64,
}

impl Figures {
    fn new(results: &Results) -> Result<Self> {
        let value = |what: &str| {
            let mut rows = results.rows.iter();
            let row = rows.find(|row| row.what == what);
            let value = row.and_then(|row| row.value);
            value.with_context(|| format!("the figure \"{what}\" is missing"))
        };
        let figures = Self {
            check_cpu: value("CPU time of a session check in microseconds, Sabor")? / 1e6,
            query_time: value("session look-up with a query, p95")? / 1e3,
            sign_in_time: value("8 concurrent sign-ins, p95")? / 1e3,
            check_commands: value("Redis commands of a session check while browsing")?,
            sign_in_commands: value("Redis commands of a sign-in")?,
            sign_out_commands: value("Redis commands of a sign-out")?,
            member_bytes: value("bytes of a member in Postgres")?,
            session_bytes: value("bytes of a session in Postgres")?,
            booking_bytes: value("bytes of a booking in Postgres")?,
            record_bytes: value("bytes of a session's record in Redis")?,
        };
        ensure!(figures.check_cpu > 0.0, "a session check takes no CPU time");
        Ok(figures)
    }
}

/// What a studio uses in a month.
struct Usage {
    invocations: f64,
    cpu_hours: f64,
    memory_gb_hours: f64,
    commands: f64,
    redis_gb: f64,
    postgres_gb: f64,
    mails: f64,
}

impl Usage {
    fn new(options: &Options, figures: &Figures) -> Self {
        let members = f64::from(options.members);
        let checks = members * options.checks_per_member;
        let sign_ins = members * options.sign_ins_per_member;
        let bookings = members * options.bookings_per_member;
        // Each sign-in has a sign-out. Each booking checks the session too.
        let invocations = checks + 2.0 * sign_ins + bookings;
        let cpu_seconds = checks * figures.check_cpu
            + sign_ins * (figures.sign_in_time + figures.query_time)
            + bookings * figures.query_time;
        let waiting_seconds = invocations * options.network_ms / 1e3;
        let commands = (checks + bookings) * figures.check_commands
            + sign_ins * (figures.sign_in_commands + figures.sign_out_commands);
        let sessions = members * options.sessions_per_member;
        let stored_bytes = members * figures.member_bytes
            + sessions * figures.session_bytes
            + bookings * options.months * figures.booking_bytes;
        Self {
            invocations,
            cpu_hours: cpu_seconds / 3_600.0,
            memory_gb_hours: RESERVED_MEMORY * (cpu_seconds + waiting_seconds) / 3_600.0,
            commands,
            // At most, as if all sessions were used at once.
            redis_gb: sessions * figures.record_bytes / BYTES_PER_GB,
            postgres_gb: stored_bytes / BYTES_PER_GB,
            mails: members * options.mails_per_member,
        }
    }
}

/// An item of the bill.
struct Item {
    name: &'static str,
    quantity: String,
    price: String,
    amount: f64,
}

struct Bill(Vec<Item>);

impl Bill {
    fn new(options: &Options, usage: &Usage) -> Self {
        let mut items = function_items(usage);
        items.extend(store_items(options, usage));
        Self(items)
    }

    fn total(&self) -> f64 {
        self.0.iter().map(|item| item.amount).sum()
    }

    fn lines(&self) -> Vec<Vec<String>> {
        let line = |item: &Item| {
            let amount = format!("{:.2}", item.amount);
            vec![
                item.name.to_owned(),
                item.quantity.clone(),
                item.price.clone(),
                amount,
            ]
        };
        self.0.iter().map(line).collect()
    }
}

/// Returns the items of Vercel.
fn function_items(usage: &Usage) -> Vec<Item> {
    let invocations = Item {
        name: "functions: invocations",
        quantity: format!("{:.0}", usage.invocations),
        price: format!("{:.2} a million", PRICES.million_invocations),
        amount: usage.invocations / 1e6 * PRICES.million_invocations,
    };
    let cpu = Item {
        name: "functions: CPU time",
        quantity: format!("{:.2} h", usage.cpu_hours),
        price: format!("{:.3} an hour", PRICES.cpu_hour),
        amount: usage.cpu_hours * PRICES.cpu_hour,
    };
    let memory = Item {
        name: "functions: memory",
        quantity: format!("{:.2} GB h", usage.memory_gb_hours),
        price: format!("{:.4} a GB hour", PRICES.memory_gb_hour),
        amount: usage.memory_gb_hours * PRICES.memory_gb_hour,
    };
    let used = invocations.amount + cpu.amount + memory.amount;
    let plan = Item {
        name: "functions: plan",
        quantity: "1 seat".to_owned(),
        price: format!("{:.2}", PRICES.plan),
        amount: PRICES.plan,
    };
    let included = Item {
        name: "functions: usage in the plan",
        quantity: String::new(),
        price: format!("up to {:.2}", PRICES.included_usage),
        amount: -used.min(PRICES.included_usage),
    };
    vec![plan, invocations, cpu, memory, included]
}

/// Returns the items of Redis, Postgres, and e-mail.
fn store_items(options: &Options, usage: &Usage) -> Vec<Item> {
    let compute_hours = options.compute_units * HOURS;
    let further_mails = (usage.mails - PRICES.included_mails).max(0.0);
    vec![
        Item {
            name: "Redis: commands",
            quantity: format!("{:.0}", usage.commands),
            price: format!("{:.2} for 100 000", PRICES.hundred_thousand_commands),
            amount: usage.commands / 1e5 * PRICES.hundred_thousand_commands,
        },
        Item {
            name: "Redis: storage",
            quantity: format!("{:.3} GB", usage.redis_gb),
            price: format!(
                "{:.2} a GB after {:.0}",
                PRICES.redis_gb, PRICES.free_redis_gb
            ),
            amount: (usage.redis_gb - PRICES.free_redis_gb).max(0.0) * PRICES.redis_gb,
        },
        Item {
            name: "Postgres: compute",
            quantity: format!("{compute_hours:.1} CU h"),
            price: format!("{:.3} a CU hour", PRICES.compute_unit_hour),
            amount: compute_hours * PRICES.compute_unit_hour,
        },
        Item {
            name: "Postgres: storage",
            quantity: format!("{:.2} GB", usage.postgres_gb),
            price: format!("{:.2} a GB", PRICES.postgres_gb),
            amount: usage.postgres_gb * PRICES.postgres_gb,
        },
        Item {
            name: "e-mail",
            quantity: format!("{:.0}", usage.mails),
            price: format!(
                "{:.2} for {:.0}, then {:.2} a thousand",
                PRICES.mail_plan, PRICES.included_mails, PRICES.thousand_mails
            ),
            amount: PRICES.mail_plan + further_mails / 1e3 * PRICES.thousand_mails,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Round figures, so that the bill can be checked by hand.
    const FIGURES: Figures = Figures {
        check_cpu: 36e-6,
        query_time: 1.8e-3,
        sign_in_time: 34.2e-3,
        check_commands: 1.0,
        sign_in_commands: 7.0,
        sign_out_commands: 2.0,
        member_bytes: 500.0,
        session_bytes: 500.0,
        booking_bytes: 1_000.0,
        record_bytes: 1_000.0,
    };

    #[derive(clap::Parser)]
    struct Arguments {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &str) -> Options {
        use clap::Parser;
        Arguments::parse_from(format!("cost {arguments}").split_whitespace()).options
    }

    #[test]
    fn the_usage_of_a_month_is_that_of_all_members() {
        let options = options(
            "--members 10000 --checks-per-member 1000 --sign-ins-per-member 1 \
            --bookings-per-member 10 --mails-per-member 6 --months 10 --network-ms 1",
        );
        let usage = Usage::new(&options, &FIGURES);
        assert_eq!(usage.invocations, 10_120_000.0);
        // 360 s of checks, 360 s of sign-ins and sign-outs, 180 s of bookings.
        assert!((usage.cpu_hours - 0.25).abs() < 1e-9);
        // 900 s and 10 120 s of waiting.
        assert!((usage.memory_gb_hours - 2.0 * 11_020.0 / 3_600.0).abs() < 1e-9);
        assert_eq!(usage.commands, 10_190_000.0);
        assert!((usage.redis_gb - 0.02).abs() < 1e-9);
        assert!((usage.postgres_gb - 1.015).abs() < 1e-9);
        let bill = Bill::new(&options, &usage);
        let amount = |name: &str| {
            let item = bill.0.iter().find(|item| item.name == name).unwrap();
            format!("{:.2}", item.amount)
        };
        assert_eq!(amount("functions: invocations"), "6.07");
        assert_eq!(amount("functions: usage in the plan"), "-6.17");
        assert_eq!(amount("Redis: commands"), "20.38");
        assert_eq!(amount("Redis: storage"), "0.00");
        assert_eq!(amount("Postgres: compute"), "19.34");
        assert_eq!(amount("e-mail"), "29.00");
        assert_eq!(format!("{:.2}", bill.total()), "89.08");
    }

    #[test]
    fn the_recorded_results_have_all_figures() {
        let results = serde_json::from_str(RECORDED_FIGURES).unwrap();
        Figures::new(&results).unwrap();
    }

    #[test]
    fn a_missing_figure_is_named() {
        let results = serde_json::from_str(r#"{ "at": "2026-11-28", "rows": [] }"#).unwrap();
        let error = Figures::new(&results).err().unwrap().to_string();
        assert_eq!(
            error,
            "the figure \"CPU time of a session check in microseconds, Sabor\" is missing"
        );
    }
}
