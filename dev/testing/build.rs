//! Generates a module for every file under `api/`, so that the local server runs
//! the deployed code and there is no second list of routes.

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let crate_folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let api = fs::canonicalize(crate_folder.join("../../api"))?;
    println!("cargo::rerun-if-changed={}", api.display());
    let mut files = Vec::new();
    collect(&api, &mut files)?;
    files.sort();

    let mut modules = String::new();
    let mut routes = String::new();
    for (number, file) in files.iter().enumerate() {
        let name = module_name(number, file.strip_prefix(&api)?);
        write!(
            modules,
            "#[path = {file:?}]\n\
             #[expect(dead_code, unreachable_pub, reason = \"the file is also an executable\")]\n\
             mod {name};\n\n"
        )?;
        writeln!(routes, "        {name}::route(),")?;
    }
    let routes_function = format!(
        "/// Returns the routes of every file under `api/`.\n\
         #[must_use]\n\
         pub fn routes() -> Vec<sabor::Routes> {{\n    vec![\n{routes}    ]\n}}\n"
    );
    fs::write(
        PathBuf::from(variable("OUT_DIR")?).join("api.rs"),
        modules + &routes_function,
    )?;
    Ok(())
}

/// Collects the files that Vercel deploys as functions: `.rs` files whose path has
/// no part that begins with `_` or `.`.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with(['_', '.']) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// Returns a unique module name. The number distinguishes `a/b.rs` from `a_b.rs`.
fn module_name(number: usize, file: &Path) -> String {
    let path = file.with_extension("").to_string_lossy().to_lowercase();
    let words = path.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    format!("api_{number}_{}", words.join("_"))
}

fn variable(name: &str) -> Result<String, env::VarError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "Cargo passes these values in the environment"
    )]
    env::var(name)
}
