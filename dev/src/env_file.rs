//! `.env`, by which `vercel dev --local` in another shell finds the stack.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use sabor::crypto::random;
use sabor_testing::private_file;

/// By its first line a file is known to be ours.
const MARK: &str =
    "# Written by `cargo dev` at each start. Take this line out to keep the file as yours.";

/// What the functions are told, in order.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// The secrets of this checkout: made once, so that sessions and encrypted
/// columns outlast a restart of the stack.
const SECRETS: [&str; 4] = [
    "SESSION_SECRET",
    "ENCRYPTION_KEY",
    "CRON_SECRET",
    "KV_REST_API_TOKEN",
];

/// Reads the secrets kept in `path`, having made those that are missing.
pub(crate) fn secrets(path: &Path) -> Result<Variables> {
    let text = read(path)?.unwrap_or_default();
    let kept: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let secrets: Variables = SECRETS
        .into_iter()
        .map(|name| match kept.get(name) {
            Some(secret) => (name, (*secret).to_owned()),
            None => (name, random::hex::<32>()),
        })
        .collect();
    if lines(&secrets) != text {
        private_file::write(path, &lines(&secrets))?;
    }
    Ok(secrets)
}

/// Brings `path` up to date; false when a person wrote it, and it was left
/// alone. Where `aside` is given, that file is moved there instead.
pub(crate) fn write(path: &Path, variables: &Variables, aside: Option<&Path>) -> Result<bool> {
    let is_a_persons = read(path)?.is_some_and(|text| text.lines().next() != Some(MARK));
    if is_a_persons {
        let Some(aside) = aside else { return Ok(false) };
        private_file::write(aside, &read(path)?.unwrap_or_default())?;
    }
    private_file::write(path, &format!("{MARK}\n{}", lines(variables)))?;
    Ok(true)
}

fn lines(variables: &Variables) -> String {
    variables
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect()
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
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
    fn a_file_that_a_person_wrote_is_left_alone_until_asked() {
        let folder = tempfile::tempdir().unwrap();
        let [path, aside] = [".env", "aside"].map(|name| folder.path().join(name));
        let theirs = "MAIL_FROM=ana@sabor.dev\n";
        fs::write(&path, theirs).unwrap();

        assert!(!write(&path, &variables("http://localhost:3000"), None).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), theirs);

        assert!(write(&path, &variables("http://localhost:3000"), Some(&aside)).unwrap());
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .contains("SITE_URL=http://localhost:3000\n")
        );
        assert_eq!(fs::read_to_string(&aside).unwrap(), theirs);
    }

    #[test]
    fn our_own_file_is_brought_up_to_date_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        assert!(write(&path, &variables("http://localhost:3000"), None).unwrap());
        assert!(write(&path, &variables("http://localhost:3001"), None).unwrap());
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{MARK}\nSITE_URL=http://localhost:3001\n"));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn an_empty_file_is_a_persons() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "").unwrap();
        assert!(!write(&path, &variables("http://localhost:3000"), None).unwrap());
    }

    #[test]
    fn secrets_stay_and_a_new_one_is_added_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        fs::write(&path, "SESSION_SECRET=kept\n").unwrap();
        let first = secrets(&path).unwrap();
        assert_eq!(first[0], ("SESSION_SECRET", "kept".to_owned()));
        assert_eq!(first[1].1.len(), 64);
        assert_eq!(secrets(&path).unwrap(), first);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
