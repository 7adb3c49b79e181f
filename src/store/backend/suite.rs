//! What every storage backend must keep. A new backend calls [`run`] from a test, with a backend that is empty.

use crate::fs::Disk;
use crate::key::{Digest, Key};
use crate::store::backend::{Backend, Listed, Published, PutMode, Transfer};
use crate::store::{Artifact, Store};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Barrier;

/// Runs the whole suite.
pub(crate) fn run(backend: &dyn Backend) {
    an_empty_backend_has_nothing(backend);
    a_record_is_published_once_and_replaced_on_demand(backend);
    one_of_many_writers_publishes_a_record(backend);
    an_artifact_comes_back_as_it_was(backend);
    one_of_many_writers_publishes_an_artifact(backend);
    an_artifact_that_cannot_be_read_is_not_published(backend);
    listing_and_deleting(backend);
    a_lease_is_held_once_and_free_after(backend);
}

fn key(name: &str) -> Key {
    Key(Digest::of(name.as_bytes()))
}

/// A sealed folder in a store of its own, with a program, a file in a folder and an empty folder.
struct Sealed {
    artifact: Artifact,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn sealed(content: &str) -> Sealed {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("output");
    std::fs::create_dir_all(path.join("inner/empty")).unwrap();
    std::fs::write(path.join("inner/text"), content).unwrap();
    std::fs::write(path.join("program"), "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(path.join("program"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let artifact = Store::new(folder.path().join("store")).seal(&path).unwrap().unwrap();
    Sealed { artifact, path, _folder: folder }
}

/// The artifact that a backend gives, read back and checked to the last byte.
fn read_back(backend: &dyn Backend, artifact: &Artifact) -> Artifact {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy");
    assert!(backend.read_artifact(artifact, &to).unwrap());
    Store::new(folder.path().join("store")).seal(&to).unwrap().unwrap()
}

fn names<N: Copy + Ord>(listed: Vec<Listed<N>>) -> BTreeSet<N> {
    listed.into_iter().map(|listed| listed.name).collect()
}

fn an_empty_backend_has_nothing(backend: &dyn Backend) {
    let none = sealed("none");
    assert_eq!(backend.read_record(key("none")).unwrap(), None);
    assert!(!backend.has_artifact(&none.artifact.digest).unwrap());
    assert!(!backend.read_artifact(&none.artifact, &none.path.join("copy")).unwrap());
    assert!(!backend.delete_record(key("none")).unwrap());
    assert!(!backend.delete_artifact(&none.artifact.digest).unwrap());
    assert!(backend.list_records().unwrap().is_empty() && backend.list_artifacts().unwrap().is_empty());
}

fn a_record_is_published_once_and_replaced_on_demand(backend: &dyn Backend) {
    let publish = |bytes: &[u8], mode| backend.publish_record(key("once"), bytes, mode).unwrap();
    let read = || backend.read_record(key("once")).unwrap().unwrap();
    assert_eq!(publish(b"first", PutMode::Create), Published::New);
    assert_eq!(publish(b"second", PutMode::Create), Published::Present);
    assert_eq!(read(), b"first");
    assert_eq!(publish(b"third\0\n", PutMode::Overwrite), Published::New);
    assert_eq!(read(), b"third\0\n");
}

const WRITERS: usize = 8;

fn one_of_many_writers_publishes_a_record(backend: &dyn Backend) {
    let start = Barrier::new(WRITERS);
    let publish = |writer: usize| {
        start.wait();
        backend.publish_record(key("many"), &vec![b'0' + writer as u8; 100_000], PutMode::Create).unwrap()
    };
    let winner = winner(publish);
    assert_eq!(backend.read_record(key("many")).unwrap().unwrap(), vec![b'0' + winner as u8; 100_000]);
}

fn one_of_many_writers_publishes_an_artifact(backend: &dyn Backend) {
    let start = Barrier::new(WRITERS);
    let sealed: Vec<Sealed> = (0..WRITERS).map(|_| sealed("many")).collect();
    winner(|writer| {
        start.wait();
        backend.publish_artifact(&sealed[writer].artifact, &sealed[writer].path, Transfer::Move).unwrap()
    });
    assert_eq!(read_back(backend, &sealed[0].artifact), sealed[0].artifact);
}

/// The only one of several threads that has published something new.
fn winner(publish: impl Fn(usize) -> Published + Sync) -> usize {
    let publish = &publish;
    let published: Vec<Published> = std::thread::scope(|threads| {
        let started: Vec<_> = (0..WRITERS).map(|writer| threads.spawn(move || publish(writer))).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let new: Vec<usize> = (0..WRITERS).filter(|writer| published[*writer] == Published::New).collect();
    assert_eq!(new.len(), 1, "{published:?}");
    new[0]
}

fn an_artifact_comes_back_as_it_was(backend: &dyn Backend) {
    let Sealed { artifact, path, .. } = &sealed("content");
    assert_eq!(backend.publish_artifact(artifact, path, Transfer::Copy).unwrap(), Published::New);
    assert_eq!(artifact.damage_in(&Disk::default(), path).unwrap(), None, "what is copied stays");
    assert!(backend.has_artifact(&artifact.digest).unwrap());
    assert_eq!(read_back(backend, artifact), *artifact);
    assert_eq!(backend.publish_artifact(artifact, path, Transfer::Move).unwrap(), Published::Present);
    assert_eq!(read_back(backend, artifact), *artifact);
}

fn an_artifact_that_cannot_be_read_is_not_published(backend: &dyn Backend) {
    let Sealed { artifact, path, .. } = &sealed("incomplete");
    std::fs::remove_file(path.join("program")).unwrap();
    backend.publish_artifact(artifact, path, Transfer::Copy).unwrap_err();
    assert!(!backend.has_artifact(&artifact.digest).unwrap());
    assert!(!names(backend.list_artifacts().unwrap()).contains(&artifact.digest));
}

fn listing_and_deleting(backend: &dyn Backend) {
    let (records, artifacts) = (names(backend.list_records().unwrap()), names(backend.list_artifacts().unwrap()));
    assert_eq!(records, ["once", "many"].map(key).into());
    assert_eq!(artifacts, ["content", "many"].map(|content| sealed(content).artifact.digest).into());
    for listed in backend.list_records().unwrap() {
        assert!(listed.modified.elapsed().is_ok_and(|age| age.as_secs() < 3600), "{listed:?}");
    }
    for key in records {
        assert!(backend.delete_record(key).unwrap());
        assert_eq!(backend.read_record(key).unwrap(), None);
    }
    for digest in artifacts {
        assert!(backend.delete_artifact(&digest).unwrap());
        assert!(!backend.has_artifact(&digest).unwrap());
    }
    assert!(backend.list_records().unwrap().is_empty() && backend.list_artifacts().unwrap().is_empty());
}

fn a_lease_is_held_once_and_free_after(backend: &dyn Backend) {
    let held = backend.lease(key("leased")).unwrap().unwrap();
    assert!(backend.lease(key("leased")).unwrap().is_none());
    assert!(backend.lease(key("another")).unwrap().is_some(), "keys do not wait for each other");
    drop(held);
    assert!(backend.lease(key("leased")).unwrap().is_some());
}
