//! The one place where this crate reads the process environment.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

/// The folders in which a shell looks for programs.
pub(crate) fn program_folders() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect()
}

/// The root of the repository that this was compiled from.
pub(crate) fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where the local stack keeps what it makes: `.sabor/`, ignored by git and
/// by Vercel. `SABOR_HOME` names another folder; the tests, which must not
/// touch a developer's data, give each of them its own.
pub(crate) fn home() -> PathBuf {
    variable("SABOR_HOME").map_or_else(|| repository().join(".sabor"), PathBuf::from)
}

/// The `.env` that goes with [`home`]: the one beside it.
pub(crate) fn env_file() -> PathBuf {
    home().with_file_name(".env")
}

/// What `name` is set to; set to nothing counts as not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let value = env::var(name).ok();
    value.filter(|value| !value.trim().is_empty())
}

/// All that is set, and is text.
pub(crate) fn variables() -> BTreeMap<String, String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let all = env::vars_os();
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
