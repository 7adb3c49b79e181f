//! The machine's NVIDIA GPUs, as the driver lists them.

use std::fs::DirEntry;
use std::path::Path;

/// The models, in the driver's order; one that does not say its model is `GPU`.
pub(crate) fn models() -> Vec<String> {
    models_in(Path::new("/proc/driver/nvidia/gpus"))
}

fn models_in(folder: &Path) -> Vec<String> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(DirEntry::path);
    let model = |entry: &DirEntry| {
        let text = std::fs::read_to_string(entry.path().join("information")).unwrap_or_default();
        let model = text.lines().find_map(|line| line.strip_prefix("Model:"));
        model.map_or_else(|| "GPU".to_owned(), |model| model.trim().to_owned())
    };
    entries.iter().map(model).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_those_that_the_driver_lists_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        assert!(models_in(&folder.path().join("nothing")).is_empty());
        for (address, text) in
            [("0000:41:00.0", "Model: \t\t NVIDIA A100-SXM4-80GB\nIRQ: 1\n"), ("0000:01:00.0", "IRQ: 2\n")]
        {
            let gpu = folder.path().join(address);
            std::fs::create_dir(&gpu).unwrap();
            std::fs::write(gpu.join("information"), text).unwrap();
        }
        assert_eq!(models_in(folder.path()), ["GPU", "NVIDIA A100-SXM4-80GB"]);
    }
}
