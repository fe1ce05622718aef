//! `cargo dev`: the local stack, the benchmark and the drills. Nothing here is
//! deployed. `cargo dev --help` lists the commands.

mod bench;
mod clients;
mod commands;
mod cost;
mod database;
mod demo;
mod drill;
mod env_file;
mod fuzz;
mod local_redis;
mod lock_file;
mod mail_page;
mod openapi;
mod packages;
mod report;
mod schemathesis;
mod session_stats;
mod site;
mod site_build;
mod stack;
mod terminal;
mod testbed;
mod vercel_json;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run()
}
