//! The version of a stage's code, taken while the stage is built.
//!
//! A stage has to run again when its code changed in a way that may change its result, and only then. Its version is
//! therefore a digest of
//! - the sources of its crate and of the workspace crates that it depends on, directly or not;
//! - the versions of the libraries that those crates name as dependencies, from `Cargo.lock`;
//! - the version of libtorch, where one of those crates uses `tch`.
//!
//! A build script calls [`emit`], and the crate reads `env!("STAGE_VERSION")`.

mod digest;
mod lock;
mod manifest;
mod workspace;

use std::env;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use workspace::Workspace;

/// Tells cargo the stage's version, what it was taken from, and where libtorch is for crates that use it.
#[expect(clippy::print_stdout, reason = "a build script speaks to cargo on the standard output")]
pub fn emit() {
    match instructions() {
        Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
        Err(error) => println!("cargo::error=cannot take the version of the stage's code: {error}"),
    }
}

fn instructions() -> Result<Vec<String>> {
    let folder = env::var("CARGO_MANIFEST_DIR").map_err(Error::other)?;
    let libtorch = env::var_os("LIBTORCH").map(PathBuf::from);
    let workspace = Workspace::around(Path::new(&folder))?;
    let crates = workspace.crates_behind(Path::new(&folder))?;
    let with_torch = crates.iter().any(|one| one.libraries.contains_key("tch"));
    let torch = if with_torch { libtorch } else { None };
    let torch_version = torch.as_deref().and_then(libtorch_version_file);

    let mut lines = vec![
        format!("cargo::rustc-env=STAGE_VERSION={}", digest::stage_version(&crates, torch_version.as_deref())?),
        "cargo::rerun-if-env-changed=LIBTORCH".to_owned(),
    ];
    let manifests = [workspace.root.join("Cargo.toml"), workspace.root.join("Cargo.lock")];
    let of_crates = crates.iter().flat_map(|one| [one.folder.join("src"), one.folder.join("Cargo.toml")]);
    let watched = manifests.into_iter().chain(of_crates).chain(torch_version);
    lines.extend(watched.map(|path| format!("cargo::rerun-if-changed={}", path.display())));
    lines.extend(torch.map(|torch| format!("cargo::rustc-link-arg=-Wl,-rpath,{}/lib", torch.display())));
    Ok(lines)
}

/// The file that says which libtorch this is: `build-version` in the C++ archives, `version.py` in the wheels.
fn libtorch_version_file(libtorch: &Path) -> Option<PathBuf> {
    ["build-version", "version.txt", "version.py"].iter().map(|name| libtorch.join(name)).find(|path| path.is_file())
}
