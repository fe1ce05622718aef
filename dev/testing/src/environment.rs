//! The process environment and the repository's paths. No other module of
//! `dev/` reads the environment.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

/// Returns the folders in which a shell looks for programs.
#[must_use]
pub fn program_folders() -> Vec<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module reads the environment"
    )]
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect()
}

/// Returns the root of the repository that this crate was compiled from.
#[must_use]
pub fn repository() -> &'static Path {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).unwrap_or(crate_folder)
}

/// Returns the folder of the local stack's data: `SABOR_HOME`, or `.sabor/` in
/// the repository, which git and Vercel ignore. Tests set `SABOR_HOME` to leave a
/// developer's data alone.
#[must_use]
pub fn home() -> PathBuf {
    variable("SABOR_HOME").map_or_else(|| repository().join(".sabor"), PathBuf::from)
}

/// Returns the path of the `.env` file next to [`home`].
#[must_use]
pub fn env_file() -> PathBuf {
    home().with_file_name(".env")
}

/// Returns the value of a variable. A blank value counts as unset.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module reads the environment"
    )]
    let value = env::var(name).ok();
    value.filter(|value| !value.trim().is_empty())
}

/// Returns all variables whose name and value are valid UTF-8.
#[must_use]
pub fn variables() -> BTreeMap<String, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this module reads the environment"
    )]
    let variables = env::vars_os();
    variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
