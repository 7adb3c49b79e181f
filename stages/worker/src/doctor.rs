//! What the worker finds of libtorch and CUDA, for `pipe doctor`.

use contract::questions::{Cuda, Libraries, Libtorch};
use contract::{Context, Spec};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// libtorch's version, folder, threads and kernels; the CUDA devices that it can use, or why there are none.
pub(crate) fn findings() -> Libraries {
    let folder = libtorch_folder();
    let version = folder.as_deref().and_then(version_in);
    let threads = i64::from(tch::get_num_threads());
    let (devices, reason) = match cuda() {
        Ok(devices) => (devices, None),
        Err(reason) => (0, Some(reason)),
    };
    let folder = folder.map(|folder| folder.display().to_string());
    Libraries { libtorch: Libtorch { version, folder, threads, kernels: kernels() }, cuda: Cuda { devices, reason } }
}

/// The libraries for matrices that libtorch was built with.
fn kernels() -> Vec<String> {
    use tch::utils::{has_lapack, has_mkl, has_mkldnn, has_openmp};
    let known = [(has_mkl(), "MKL"), (has_mkldnn(), "oneDNN"), (has_lapack(), "LAPACK"), (has_openmp(), "OpenMP")];
    known.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name.to_owned()).collect()
}

/// How many devices a stage could take that asks for `cuda`, by the same way in which it would ask.
fn cuda() -> Result<i64, String> {
    let spec = Spec {
        uses: "doctor".to_owned(),
        parameters: serde_json::Map::new(),
        inputs: BTreeMap::new(),
        outputs: BTreeMap::new(),
        seed: 0,
        threads: 1,
        device: "cuda".to_owned(),
        rank: contract::Rank::default(),
        checkpoint: None,
    };
    match nn::start(&Context::new(spec)) {
        Ok(_) => Ok(tch::Cuda::device_count()),
        Err(failure) => Err(failure.message.trim_start_matches("no CUDA device: ").to_owned()),
    }
}

/// The folder of the libtorch that this process has loaded.
fn libtorch_folder() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| line.ends_with("/libtorch_cpu.so"))?;
    Path::new(&line[line.find('/')?..]).parent().map(Path::to_owned)
}

/// The version that a libtorch says of itself: in `version.py` of a wheel, in `build-version` of an archive.
fn version_in(folder: &Path) -> Option<String> {
    let root = folder.parent()?;
    let of_archive = || std::fs::read_to_string(root.join("build-version")).ok().map(|text| text.trim().to_owned());
    let of_wheel = || {
        let text = std::fs::read_to_string(root.join("version.py")).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
        Some(value.trim_matches(['\'', '"']).to_owned())
    };
    of_wheel().or_else(of_archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_libtorch_tell_their_version() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("lib");
        assert_eq!(version_in(&folder), None);
        std::fs::write(root.path().join("build-version"), "2.11.0+cpu\n").unwrap();
        assert_eq!(version_in(&folder).unwrap(), "2.11.0+cpu");
        std::fs::write(root.path().join("version.py"), "__all__ = []\n__version__ = '2.11.0+cu130'\n").unwrap();
        assert_eq!(version_in(&folder).unwrap(), "2.11.0+cu130");
    }
}
