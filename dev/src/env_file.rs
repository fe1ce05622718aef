//! The `.env` file through which `vercel dev --local` finds the stack.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use sabor::crypto::random;
use sabor_testing::private_file;

/// The first line of a file that `cargo dev` wrote.
const HEADER: &str =
    "# Written by `cargo dev` on every start. Remove this line to keep your own changes.";

/// The start of [`HEADER`], which is the same in files of earlier versions.
const HEADER_START: &str = "# Written by `cargo dev` ";

/// Variables for the functions, in the order of the file.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// The secrets of this checkout. They are created once, so that sessions and encrypted
/// columns stay valid after a restart.
const SECRETS: [&str; 4] = [
    "SESSION_SECRET",
    "ENCRYPTION_KEY",
    "CRON_SECRET",
    "KV_REST_API_TOKEN",
];

/// Reads the secrets from `path`. Creates and stores the missing ones.
pub(crate) fn read_or_create_secrets(path: &Path) -> Result<Variables> {
    let text = read_if_exists(path)?.unwrap_or_default();
    let stored: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let secrets: Variables = SECRETS
        .into_iter()
        .map(|name| match stored.get(name) {
            Some(secret) => (name, (*secret).to_owned()),
            None => (name, random::hex::<32>()),
        })
        .collect();
    if to_lines(&secrets) != text {
        private_file::write(path, &to_lines(&secrets))?;
    }
    Ok(secrets)
}

/// Writes the variables to `path`. A file that a person wrote is first copied to
/// `backup`. Without `backup`, that file is not changed and the function returns false.
pub(crate) fn write(path: &Path, variables: &Variables, backup: Option<&Path>) -> Result<bool> {
    let is_handwritten = read_if_exists(path)?.is_some_and(|text| !text.starts_with(HEADER_START));
    if is_handwritten {
        let Some(backup) = backup else {
            return Ok(false);
        };
        private_file::write(backup, &read_if_exists(path)?.unwrap_or_default())?;
    }
    private_file::write(path, &format!("{HEADER}\n{}", to_lines(variables)))?;
    Ok(true)
}

fn to_lines(variables: &Variables) -> String {
    variables
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect()
}

fn read_if_exists(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn variables(url: &str) -> Variables {
        vec![("SITE_URL", url.to_owned())]
    }

    #[test]
    fn a_handwritten_file_is_replaced_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let [path, backup] = [".env", "backup"].map(|name| folder.path().join(name));
        let original = "MAIL_FROM=ana@sabor.dev\n";
        fs::write(&path, original).unwrap();

        assert!(!write(&path, &variables("http://localhost:3000"), None).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), original);

        assert!(write(&path, &variables("http://localhost:3000"), Some(&backup)).unwrap());
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .contains("SITE_URL=http://localhost:3000\n")
        );
        assert_eq!(fs::read_to_string(&backup).unwrap(), original);
    }

    #[test]
    fn a_generated_file_is_replaced_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        assert!(write(&path, &variables("http://localhost:3000"), None).unwrap());
        assert!(write(&path, &variables("http://localhost:3001"), None).unwrap());
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{HEADER}\nSITE_URL=http://localhost:3001\n"));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn an_empty_file_counts_as_handwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "").unwrap();
        assert!(!write(&path, &variables("http://localhost:3000"), None).unwrap());
    }

    #[test]
    fn stored_secrets_are_kept_and_missing_ones_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        fs::write(&path, "SESSION_SECRET=stored\n").unwrap();
        let secrets = read_or_create_secrets(&path).unwrap();
        assert_eq!(secrets[0], ("SESSION_SECRET", "stored".to_owned()));
        assert_eq!(secrets[1].1.len(), 64);
        assert_eq!(read_or_create_secrets(&path).unwrap(), secrets);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
