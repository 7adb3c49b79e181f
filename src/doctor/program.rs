//! The two programs, and the libraries that the worker finds.

use crate::doctor::finding::{Examined, Finding};
use crate::error::Error;
use crate::fs::{Disk, file_digest};
use crate::machine::gpus;
use crate::worker::{self, describe};
use contract::questions::{Cuda, Libtorch, PROTOCOL};
use std::path::Path;

/// This program.
pub(super) fn this() -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    let path = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
    Finding::fine("pipe", format!("version {version}, {path}")).with("version", version).with("path", path)
}

/// The worker: that it answers, in the version of the protocol that `pipe` uses.
pub(super) fn worker(path: &Path) -> Examined {
    let fault = |error: Error| ("worker", error);
    let stages = describe(path).map_err(fault)?.len();
    let digest = file_digest(&Disk::default(), path).map_err(fault)?;
    let found = format!("{}, protocol {PROTOCOL}, {stages} stages, digest {}", path.display(), digest.short());
    Ok(Finding::fine("worker", found)
        .with("path", path.display().to_string())
        .with("protocol", PROTOCOL)
        .with("stages", stages)
        .with("digest", digest.to_string()))
}

/// libtorch and CUDA as the worker finds them.
pub(super) fn libraries(worker: &Path) -> Vec<Finding> {
    match worker::libraries(worker) {
        Ok(found) => vec![libtorch(&found.libtorch), cuda(&found.cuda, &gpus::models(), driver().as_deref())],
        Err(why) => {
            let found = why.to_string();
            vec![Finding::warning("libtorch", found, "build pipe and pipe-worker from the same sources")]
        }
    }
}

fn libtorch(answer: &Libtorch) -> Finding {
    let Libtorch { version, folder, threads, kernels } = answer;
    let version = version.as_deref().unwrap_or("of an unknown version");
    let place = folder.as_ref().map(|folder| format!(", {folder}")).unwrap_or_default();
    let kernels = kernels.join(", ");
    Finding::fine("libtorch", format!("{version}{place}, {threads} threads, kernels: {kernels}"))
        .with("version", answer.version.clone())
        .with("folder", folder.clone())
        .with("threads", *threads)
        .with("kernels", answer.kernels.clone())
}

/// CUDA, of a machine with these GPUs and this driver. Without a GPU there is nothing to repair.
fn cuda(answer: &Cuda, gpus: &[String], driver: Option<&str>) -> Finding {
    let driver_text = driver.map(|driver| format!("driver {driver}")).unwrap_or_default();
    let finding = match &answer.reason {
        None => Finding::fine("cuda", format!("{} device(s): {}, {driver_text}", answer.devices, gpus.join(", "))),
        Some(reason) if gpus.is_empty() => Finding::fine("cuda", format!("none: {reason}; stages run on the CPU")),
        Some(reason) => {
            let found = format!("not usable: {reason} ({}, {driver_text})", gpus.join(", "));
            Finding::warning("cuda", found, way_out(reason, driver))
        }
    };
    let reason = answer.reason.clone();
    finding.with("devices", answer.devices).with("gpus", gpus.to_vec()).with("driver", driver).with("reason", reason)
}

fn way_out(reason: &str, driver: Option<&str>) -> String {
    /// The first driver for CUDA 13, with which our libtorch is built.
    const OLDEST: u32 = 580;
    let major = driver.and_then(|driver| driver.split('.').next()?.parse::<u32>().ok());
    match major {
        Some(major) if major < OLDEST => format!("the driver is too old for CUDA 13: install {OLDEST} or newer"),
        _ if reason.contains("without CUDA") => {
            "install libtorch with its CUDA libraries: remove .libtorch and run `make libtorch` on this machine"
                .to_owned()
        }
        _ => "see whether `nvidia-smi` lists the GPU, and whether CUDA_VISIBLE_DEVICES hides it".to_owned(),
    }
}

fn driver() -> Option<String> {
    driver_in(&std::fs::read_to_string("/proc/driver/nvidia/version").ok()?)
}

/// The version in the driver's own words: the first word of numbers with a point between.
fn driver_in(text: &str) -> Option<String> {
    let is_version = |word: &&str| word.contains('.') && word.chars().all(|sign| sign.is_ascii_digit() || sign == '.');
    text.lines().next()?.split_whitespace().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    const OPEN: &str =
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\nGCC version: 12";

    #[test]
    fn the_driver_tells_its_version_in_either_form() {
        assert_eq!(driver_in(OPEN).unwrap(), "580.65.06");
        let closed = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023";
        assert_eq!(driver_in(closed).unwrap(), "535.104.05");
        assert_eq!(driver_in("NVRM version:"), None);
    }

    #[test]
    fn an_unusable_gpu_is_a_warning() {
        let answer = |reason: &str| Cuda { devices: 0, reason: Some(reason.to_owned()) };
        let gpus = ["NVIDIA H200".to_owned()];
        let old = cuda(&answer("libtorch sees no GPU that it can use"), &gpus, Some("535.104.05"));
        assert_eq!(old.level, Level::Warning);
        assert_eq!(old.hint.unwrap(), "the driver is too old for CUDA 13: install 580 or newer");
        let bare = cuda(&answer("this libtorch was built without CUDA"), &gpus, Some("580.65.06"));
        assert!(bare.hint.unwrap().contains("make libtorch"));
        let none = cuda(&answer("this machine has no NVIDIA driver"), &[], None);
        assert_eq!((none.level, none.hint), (Level::Fine, None));
        assert_eq!(none.found, "none: this machine has no NVIDIA driver; stages run on the CPU");
        let usable = cuda(&Cuda { devices: 1, reason: None }, &gpus, Some("580.65.06"));
        assert_eq!(usable.found, "1 device(s): NVIDIA H200, driver 580.65.06");
    }
}
