//! Artifacts of several segments, in memory.

use super::*;
use crate::files::SEGMENT;
use object_store::ObjectStore;
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path as Location;
use remote_protocol::File;

/// A folder with a file over three segments, an empty file and an empty folder.
fn output(folder: &Path) -> Contents {
    std::fs::create_dir_all(folder.join("empty")).unwrap();
    let large: Vec<u8> = (0..2 * SEGMENT + 5).map(|at| (at % 251) as u8).collect();
    let files = [("a.bin", large), ("none", Vec::new()), ("z.txt", b"end".to_vec())].map(|(path, bytes)| {
        std::fs::write(folder.join(path), &bytes).unwrap();
        let digest = blake3::hash(&bytes).to_string();
        File { path: path.to_owned(), size: bytes.len() as u64, digest, executable: path == "z.txt" }
    });
    Contents { digest: "d1".to_owned(), files: files.into(), empty_folders: vec!["empty".to_owned()] }
}

struct Remote {
    store: Arc<InMemory>,
    bucket: Bucket,
    folder: tempfile::TempDir,
    contents: Contents,
}

impl Remote {
    fn new() -> Self {
        let (store, folder) = (Arc::new(InMemory::new()), tempfile::tempdir().unwrap());
        let bucket = Bucket::new(Arc::clone(&store) as Arc<dyn ObjectStore>, Location::from("team"));
        let contents = output(&folder.path().join("from"));
        Self { store, bucket, folder, contents }
    }

    async fn publish(&self, artifacts: &Artifacts) -> bool {
        artifacts.publish(&self.bucket, self.contents.clone(), &self.folder.path().join("from")).await.unwrap()
    }

    async fn read(&self, artifacts: &Artifacts, to: &str) -> Result<bool, Failure> {
        artifacts.read(&self.bucket, self.contents.clone(), &self.folder.path().join(to)).await
    }

    /// Changes a byte of a segment.
    async fn damage(&self) {
        let listed = self.bucket.list("segments/d1").await.unwrap();
        let name = Location::from(format!("team/segments/d1/{}", listed[1].0));
        let mut bytes = self.store.get(&name).await.unwrap().bytes().await.unwrap().to_vec();
        bytes[7] ^= 1;
        self.store.put(&name, bytes.into()).await.unwrap();
    }
}

#[tokio::test]
async fn files_over_several_segments_come_back_as_they_were() {
    let (remote, artifacts) = (Remote::new(), Artifacts::new("one"));
    assert!(remote.publish(&artifacts).await);
    assert!(!remote.publish(&Artifacts::new("two")).await);
    assert!(remote.read(&artifacts, "to").await.unwrap());
    for file in &remote.contents.files {
        let bytes = std::fs::read(remote.folder.path().join("to").join(&file.path)).unwrap();
        assert_eq!(blake3::hash(&bytes).to_string(), file.digest, "{}", file.path);
    }
    assert!(remote.folder.path().join("to/empty").is_dir());
}

#[tokio::test]
async fn a_push_goes_on_where_one_has_stopped() {
    let (remote, artifacts) = (Remote::new(), Artifacts::new("one"));
    assert!(remote.publish(&artifacts).await);
    let all = remote.bucket.traffic().sent;
    remote.bucket.remove(&name("d1")).await.unwrap();
    assert!(remote.publish(&artifacts).await);
    assert!(remote.bucket.traffic().sent - all < 10_000, "only the manifest is sent again");
    assert!(remote.read(&artifacts, "to").await.unwrap());
}

#[tokio::test]
async fn a_damaged_segment_is_refused_quarantined_and_published_again() {
    let (remote, artifacts) = (Remote::new(), Artifacts::new("one"));
    remote.publish(&artifacts).await;
    remote.damage().await;
    assert_eq!(remote.read(&artifacts, "to").await.unwrap_err().kind, FailureKind::Damaged);
    assert!(artifacts.quarantine(&remote.bucket, "d1").await.unwrap());
    assert_eq!(remote.bucket.list("quarantine").await.unwrap().len(), 4, "the manifest and three segments");
    assert!(remote.publish(&artifacts).await);
    assert!(remote.read(&artifacts, "again").await.unwrap());
}

#[tokio::test]
async fn what_was_published_anew_is_not_quarantined() {
    let (remote, artifacts, other) = (Remote::new(), Artifacts::new("one"), Artifacts::new("two"));
    remote.publish(&artifacts).await;
    remote.damage().await;
    for reader in [&artifacts, &other] {
        remote.read(reader, &reader.writer).await.unwrap_err();
    }
    assert!(other.quarantine(&remote.bucket, "d1").await.unwrap());
    assert!(remote.publish(&other).await);
    assert!(!artifacts.quarantine(&remote.bucket, "d1").await.unwrap());
    assert!(remote.read(&artifacts, "to").await.unwrap());
}

#[tokio::test]
async fn content_that_changed_on_this_machine_is_not_published() {
    let (remote, artifacts) = (Remote::new(), Artifacts::new("one"));
    std::fs::write(remote.folder.path().join("from/z.txt"), "END").unwrap();
    let from = remote.folder.path().join("from");
    let failure = artifacts.publish(&remote.bucket, remote.contents.clone(), &from).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Local);
    assert!(!remote.read(&artifacts, "to").await.unwrap());
}

#[tokio::test]
async fn collecting_spares_what_is_young_and_what_is_used() {
    use crate::collect;
    let (remote, artifacts) = (Remote::new(), Artifacts::new("one"));
    remote.publish(&artifacts).await;
    assert!(!collect::collect(&remote.bucket, "d1", 3600).await.unwrap(), "it is young");
    remote.bucket.put(&use_name("d1"), Vec::new()).await.unwrap();
    assert_eq!(collect::uploads(&remote.bucket, 0).await.unwrap(), (0, 0), "a manifest names them");
    assert!(remote.read(&artifacts, "to").await.unwrap());
    assert!(collect::collect(&remote.bucket, "d1", 0).await.unwrap());
    assert!(remote.bucket.list("segments").await.unwrap().is_empty());
    remote.publish(&artifacts).await;
    remote.bucket.remove(&name("d1")).await.unwrap();
    assert_eq!(collect::uploads(&remote.bucket, 3600).await.unwrap(), (0, 0), "they may be of an upload under way");
    assert_eq!(collect::uploads(&remote.bucket, 0).await.unwrap().0, 3);
}
