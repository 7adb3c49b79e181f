//! Threads, seed and device of a stage.

use contract::{Context, Failure, FailureKind, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};
use tch::{Cuda, Device};

static INTEROP_THREADS: Once = Once::new();

/// Sets libtorch up as the context says and returns the device to work on.
///
/// `auto` takes the first GPU when there is one and the CPU otherwise, and logs which; `cpu` is the CPU.
///
/// # Errors
/// [`FailureKind::Device`] when `cuda` is asked for and cannot be had; the message says why.
pub fn start(context: &Context) -> Result<Device> {
    let threads = i32::try_from(context.threads()).unwrap_or(i32::MAX);
    set_threads(threads);
    // libtorch refuses to set this number twice; tests start several stages in one process, at the same time.
    INTEROP_THREADS.call_once(|| tch::set_num_interop_threads(1));
    let device = choose(context)?;
    with_seed(context.seed(), || ());
    Ok(device)
}

/// What `draw` gives when libtorch's random numbers begin at `seed`.
///
/// Libtorch has one generator for all threads, so two that draw at once take each other's numbers: all that draw
/// through this function take turns.
pub fn with_seed<T>(seed: u64, draw: impl FnOnce() -> T) -> T {
    static GENERATOR: Mutex<()> = Mutex::new(());
    let _turn = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    // The bits count, not the sign.
    tch::manual_seed(seed.cast_signed());
    draw()
}

/// A pool of as many threads as the stage may use, in each of which libtorch works alone.
///
/// MKL keeps the number of its threads by thread, and a new one takes it from the environment: without this the first
/// products in a thread are made by several, with other last bits, until libtorch happens to set the number there.
///
/// # Errors
/// When the system refuses to start a thread.
pub fn thread_pool(context: &Context) -> Result<ThreadPool> {
    set_threads(1);
    ThreadPoolBuilder::new()
        .num_threads(context.threads())
        .start_handler(|_| set_threads(1))
        .build()
        .map_err(|error| Failure::other("start threads", error))
}

/// Lets operations that this thread calls work on so many threads.
fn set_threads(count: i32) {
    // A thread takes over what was set last in the process when it first asks, which would undo what is set before that.
    let _ = tch::get_num_threads();
    tch::set_num_threads(count);
}

fn choose(context: &Context) -> Result<Device> {
    match context.device() {
        "cpu" => Ok(Device::Cpu),
        "auto" => match find_gpu() {
            Ok(()) => {
                context.log("device: cuda:0");
                Ok(Device::Cuda(0))
            }
            Err(reason) => {
                context.log(format!("device: cpu ({reason})"));
                Ok(Device::Cpu)
            }
        },
        "cuda" => match find_gpu() {
            Ok(()) => Ok(Device::Cuda(0)),
            Err(reason) => Err(Failure::new(FailureKind::Device, format!("no CUDA device: {reason}"))
                .hint("use device = \"cpu\" or \"auto\", or install libtorch with its CUDA libraries")),
        },
        other => Err(Failure::new(
            FailureKind::Conflict,
            format!("unknown device '{other}', expected one of auto, cpu, cuda"),
        )),
    }
}

/// Makes the GPU usable, or says why it is not.
///
/// The linker drops `libtorch_cuda.so`, since nothing names a symbol of it, so it is loaded here, and only where a
/// driver is: loading it costs a second.
fn find_gpu() -> std::result::Result<(), String> {
    const DRIVERS: [&str; 2] = ["/dev/nvidiactl", "/dev/dxg"];
    if !DRIVERS.iter().any(|driver| Path::new(driver).exists()) {
        return Err("this machine has no NVIDIA driver".to_owned());
    }
    if !Cuda::is_available() {
        load_cuda_library()?;
    }
    if Cuda::is_available() { Ok(()) } else { Err("libtorch sees no GPU that it can use".to_owned()) }
}

fn load_cuda_library() -> std::result::Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    let folder = libtorch_folder().ok_or("the folder of libtorch is not known")?;
    let path = folder.join("libtorch_cuda.so");
    if !path.is_file() {
        return Err("this libtorch was built without CUDA".to_owned());
    }
    #[expect(unsafe_code, reason = "loading a library is the one way to register libtorch's CUDA backend")]
    // SAFETY: the library is the sibling of the libtorch that is already loaded; its constructors only register
    // operators, and it is never unloaded.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) }.map_err(|error| error.to_string())?;
    // Registered operators point into the library, so it has to stay for as long as the process does.
    std::mem::forget(library);
    Ok(())
}

/// The folder of the libtorch that this process has loaded.
fn libtorch_folder() -> Option<PathBuf> {
    let maps = fs_err::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| line.ends_with("/libtorch_cpu.so"))?;
    Path::new(&line[line.find('/')?..]).parent().map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Spec;

    fn context(device: &str) -> Context {
        Context::new(Spec {
            uses: "test".to_owned(),
            parameters: serde_json::Map::new(),
            inputs: std::collections::BTreeMap::new(),
            outputs: std::collections::BTreeMap::new(),
            seed: 1,
            threads: 1,
            device: device.to_owned(),
            rank: contract::Rank::default(),
            checkpoint: None,
        })
    }

    #[test]
    fn a_device_that_is_absent_or_unknown_is_refused() {
        assert_eq!(choose(&context("cpu")).unwrap(), Device::Cpu);
        assert_eq!(choose(&context("tpu")).unwrap_err().kind, FailureKind::Conflict);
        if find_gpu().is_err() {
            assert_eq!(choose(&context("auto")).unwrap(), Device::Cpu);
            assert_eq!(choose(&context("cuda")).unwrap_err().kind, FailureKind::Device);
        }
    }

    #[test]
    fn the_loaded_libtorch_is_found() {
        assert!(tch::get_num_threads() > 0);
        assert!(libtorch_folder().unwrap().join("libtorch_cpu.so").is_file());
    }
}
