//! The disk under the store: that it can be written, what kind of file system it has, and what is free.

use crate::doctor::finding::{Examined, Finding};
use crate::error::Error;
use crate::terminal::size;
use std::io::Write as _;
use std::path::Path;

/// What a file system's magic number stands for: its name, and whether it is one whose locks and renames may not hold
/// between machines.
const KINDS: [(u64, &str, bool); 14] = [
    (0xef53, "ext4", false),
    (0x5846_5342, "xfs", false),
    (0x9123_683e, "btrfs", false),
    (0x2fc1_2fc1, "zfs", false),
    (0xf2f5_2010, "f2fs", false),
    (0x0102_1994, "tmpfs", false),
    (0x794c_7630, "overlay", false),
    (0x6969, "NFS", true),
    (0x0bd0_0bd0, "Lustre", true),
    (0xff53_4d42, "CIFS", true),
    (0xfe53_4d42, "SMB", true),
    (0x517b, "SMB", true),
    (0x6573_5546, "FUSE", true),
    (0x00c3_6400, "Ceph", true),
];

/// Makes and removes a file in `folder`, or where it would be made.
pub(super) fn writable(folder: &Path) -> Examined {
    let place = existing(folder);
    let fault = |source: std::io::Error| ("store", Error::StoreNotWritable { path: folder.to_owned(), source });
    let mut probe = tempfile::NamedTempFile::new_in(place).map_err(|error| fault(error.kind().into()))?;
    probe.write_all(b"pipe").and_then(|()| probe.as_file().sync_all()).map_err(fault)?;
    probe.close().map_err(fault)?;
    let state = if place == folder { "writable" } else { "not there yet; it can be made" };
    Ok(Finding::fine("store", format!("{}, {state}", folder.display()))
        .with("path", folder.display().to_string())
        .with("exists", place == folder))
}

/// The kind of the file system and its free space, each a warning of its own.
pub(super) fn space(folder: &Path) -> Vec<Finding> {
    let place = existing(folder);
    let kind = rustix::fs::statfs(place).map(|found| kind(found.f_type.cast_unsigned()));
    let free =
        rustix::fs::statvfs(place).map(|found| (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize));
    let (Ok((kind, is_shared)), Ok((free, total))) = (kind, free) else {
        let hint = "see whether the folder can be reached with `df`";
        return vec![Finding::warning("disk", "the system does not tell the file system's kind and space", hint)];
    };
    let mut findings = vec![room(&kind, free, total)];
    if is_shared {
        let found = format!("the store is on {kind}, whose locks may not hold between machines");
        let hint = "choose a local disk with --store or PIPE_STORE, or run on one machine at a time";
        findings.push(Finding::warning("disk", found, hint));
    }
    findings
}

fn kind(magic: u64) -> (String, bool) {
    // Some systems sign-extend the number.
    let magic = magic & 0xffff_ffff;
    KINDS.iter().find(|(known, ..)| *known == magic).map_or_else(
        || (format!("a file system of kind {magic:#x}"), false),
        |(_, name, is_shared)| ((*name).to_owned(), *is_shared),
    )
}

fn room(kind: &str, free: u64, total: u64) -> Finding {
    const LEAST: u64 = 5 << 30;
    let found = format!("{kind}, {} free of {}", size(free), size(total));
    let finding = if free < LEAST || free / 5 < total / 100 {
        Finding::warning("disk", found, "free some space, or choose another disk with --store or PIPE_STORE")
    } else {
        Finding::fine("disk", found)
    };
    finding.with("file_system", kind).with("free", free).with("total", total)
}

/// The folder, or the nearest above it that exists.
fn existing(folder: &Path) -> &Path {
    let found = folder.ancestors().find(|path| path.exists()).unwrap_or(folder);
    if found.as_os_str().is_empty() { Path::new(".") } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn little_room_is_a_warning_by_bytes_and_by_ratio() {
        let level = |free_gib: u64, total_gib: u64| room("ext4", free_gib << 30, total_gib << 30).level;
        assert_eq!(level(6, 100), Level::Fine);
        assert_eq!(level(4, 10), Level::Warning);
        assert_eq!(level(40, 1000), Level::Warning);
        assert_eq!(level(60, 1000), Level::Fine);
    }

    #[test]
    fn file_systems_of_networks_are_known_also_with_a_sign() {
        assert_eq!(kind(0x6969), ("NFS".to_owned(), true));
        assert_eq!(kind(0xffff_ffff_ff53_4d42), ("CIFS".to_owned(), true));
        assert_eq!(kind(0xef53), ("ext4".to_owned(), false));
        assert_eq!(kind(0x1234), ("a file system of kind 0x1234".to_owned(), false));
    }
}
