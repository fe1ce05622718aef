//! Packs the list of common passwords, which `src/crypto/password/common.rs` embeds.

use std::error::Error;
use std::fs;
use std::path::Path;

use fst::Set;

const LIST_PATH: &str = "src/crypto/password/common.txt";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={LIST_PATH}");
    let packed = Set::from_iter(fs::read_to_string(LIST_PATH)?.lines())?;
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo passes values to a build script only in variables"
    )]
    let folder = std::env::var("OUT_DIR")?;
    let file = Path::new(&folder).join("common_passwords.fst");
    fs::write(file, packed.as_fst().as_bytes())?;
    Ok(())
}
