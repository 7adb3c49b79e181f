//! Object storage as a remote backend: S3 and what is like it, Google Cloud Storage, Azure.
//!
//! The client is a program of its own, `pipe-remote` (`remote/`), so that the runner links neither TLS nor an asynchronous runtime.
//! Nothing is started before the first request.

use crate::error::{Error, RemoteFault, Result};
use crate::key::{Digest, Key};
use crate::store::backend::client::{Answered, Client};
use crate::store::backend::lease::Lease;
use crate::store::backend::remote::{Amount, RemoteBackend, Traffic};
use crate::store::backend::{Backend, Listed, Published, PutMode, Transfer};
use crate::store::results::artifact::Artifact;
use remote_protocol::{Answer, Contents, Failure, FailureKind, File, Request};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The objects beneath a URL.
#[derive(Debug)]
pub struct ObjectStorage {
    url: String,
    client: Arc<Client>,
}

impl ObjectStorage {
    /// The objects beneath `url`, by that program. `writer` is this store's name among those that push.
    pub fn new(program: PathBuf, url: String, writer: String) -> Self {
        Self { client: Arc::new(Client::new(program, url.clone(), writer)), url }
    }

    fn ask(&self, request: impl Fn() -> Request) -> Result<Answer> {
        self.ask_with(request, &[]).map(|(answer, _)| answer)
    }

    fn ask_with(&self, request: impl Fn() -> Request, body: &[u8]) -> Result<Answered> {
        match self.client.ask(request, body)? {
            Some((Answer::Failed(failure), _)) => Err(self.error(failure)),
            Some(answered) => Ok(answered),
            None => Err(self.fault(RemoteFault::Connection, "pipe-remote ended without an answer".to_owned(), None)),
        }
    }

    /// Asks what is answered with yes or no.
    fn is_so(&self, request: impl Fn() -> Request) -> Result<bool> {
        Ok(matches!(self.ask(request)?, Answer::Yes))
    }

    fn listed<N>(&self, request: impl Fn() -> Request, name: impl Fn(&str) -> Option<N>) -> Result<Vec<Listed<N>>> {
        let Answer::Listed(all) = self.ask(request)? else { return Ok(Vec::new()) };
        let published = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let named = all
            .into_iter()
            .filter_map(|(text, seconds)| Some(Listed { name: name(&text)?, modified: published(seconds) }));
        Ok(named.collect())
    }

    fn error(&self, failure: Failure) -> Error {
        let Failure { kind, message } = failure;
        let (fault, hint) = match kind {
            FailureKind::Url => (RemoteFault::Settings, None),
            FailureKind::NoCredentials => (RemoteFault::Settings, Some(format!("set {}", self.variables()))),
            FailureKind::Refused => (
                RemoteFault::Settings,
                Some(format!(
                    "check that {} are right, not expired, and allow to list, get, put and delete",
                    self.variables()
                )),
            ),
            FailureKind::NoBucket => (RemoteFault::Settings, Some("make it, or correct the URL".to_owned())),
            FailureKind::Unreachable => {
                let hint = "check the network, and the endpoint where it is not the provider's own (AWS_ENDPOINT_URL)";
                (RemoteFault::Connection, Some(hint.to_owned()))
            }
            FailureKind::Damaged => (RemoteFault::Damage, None),
            FailureKind::Local => (RemoteFault::Local, None),
        };
        self.fault(fault, message, hint)
    }

    fn fault(&self, fault: RemoteFault, message: String, hint: Option<String>) -> Error {
        Error::Remote { url: self.url.clone(), fault, message, hint }
    }

    /// The variables from which the credentials come.
    fn variables(&self) -> &'static str {
        match self.url.split(':').next() {
            Some("gs") => "GOOGLE_APPLICATION_CREDENTIALS, or the default credentials of gcloud,",
            Some("az" | "azure") => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
            _ => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials (AWS_PROFILE),",
        }
    }
}

/// What an artifact consists of, as the program reads it.
fn contents(artifact: &Artifact) -> Contents {
    let file = |file: &crate::key::FileEntry| File {
        path: file.path.to_string(),
        size: file.size,
        digest: file.digest.to_string(),
        executable: file.executable,
    };
    Contents {
        digest: artifact.digest.to_string(),
        files: artifact.files.iter().map(file).collect(),
        empty_folders: artifact.empty_folders.iter().map(ToString::to_string).collect(),
    }
}

fn published(is_new: bool) -> Published {
    if is_new { Published::New } else { Published::Present }
}

impl Backend for ObjectStorage {
    fn read_record(&self, key: Key) -> Result<Option<Vec<u8>>> {
        let (answer, bytes) = self.ask_with(|| Request::ReadRecord { key: key.to_string() }, &[])?;
        Ok(matches!(answer, Answer::Bytes).then_some(bytes))
    }

    fn publish_record(&self, key: Key, bytes: &[u8], mode: PutMode) -> Result<Published> {
        let replace = mode == PutMode::Overwrite;
        let (answer, _) = self.ask_with(|| Request::PublishRecord { key: key.to_string(), replace }, bytes)?;
        Ok(published(matches!(answer, Answer::Yes)))
    }

    fn delete_record(&self, key: Key) -> Result<bool> {
        self.is_so(|| Request::DeleteRecord { key: key.to_string() })
    }

    fn list_records(&self) -> Result<Vec<Listed<Key>>> {
        self.listed(|| Request::ListRecords, Key::parse)
    }

    fn has_artifact(&self, digest: &Digest) -> Result<bool> {
        self.is_so(|| Request::HasArtifact { digest: digest.to_string() })
    }

    fn read_artifact(&self, artifact: &Artifact, to: &Path) -> Result<bool> {
        self.is_so(|| Request::ReadArtifact { contents: contents(artifact), to: absolute(to) })
    }

    fn publish_artifact(&self, artifact: &Artifact, from: &Path, _transfer: Transfer) -> Result<Published> {
        self.is_so(|| Request::PublishArtifact { contents: contents(artifact), from: absolute(from) }).map(published)
    }

    fn delete_artifact(&self, digest: &Digest) -> Result<bool> {
        self.is_so(|| Request::DeleteArtifact { digest: digest.to_string() })
    }

    fn list_artifacts(&self) -> Result<Vec<Listed<Digest>>> {
        self.listed(|| Request::ListArtifacts, Digest::parse)
    }

    fn lease(&self, key: Key) -> Result<Option<Lease>> {
        if !self.is_so(|| Request::Lease { key: key.to_string() })? {
            return Ok(None);
        }
        let client = Arc::clone(&self.client);
        // One that cannot be given back ends by itself.
        Ok(Some(Lease::new(move || drop(client.ask(|| Request::Release { key: key.to_string() }, &[])))))
    }
}

impl RemoteBackend for ObjectStorage {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn quarantine_record(&self, key: Key) -> Result<bool> {
        self.is_so(|| Request::QuarantineRecord { key: key.to_string() })
    }

    fn quarantine_artifact(&self, digest: &Digest) -> Result<bool> {
        self.is_so(|| Request::QuarantineArtifact { digest: digest.to_string() })
    }

    fn collect_artifact(&self, digest: &Digest, grace: Duration) -> Result<bool> {
        self.is_so(|| Request::CollectArtifact { digest: digest.to_string(), unused_for: grace.as_secs() })
    }

    fn collect_uploads(&self, grace: Duration) -> Result<Amount> {
        match self.ask(|| Request::CollectUploads { unused_for: grace.as_secs() })? {
            Answer::Amount { count, bytes } => Ok(Amount { count, bytes }),
            _ => Ok(Amount::default()),
        }
    }

    fn traffic(&self) -> Option<Traffic> {
        match self.ask(|| Request::Traffic).ok()? {
            Answer::Traffic(remote_protocol::Traffic { requests, sent, received }) => {
                Some(Traffic { requests, sent, received })
            }
            _ => None,
        }
    }
}

/// The program works in another folder when the store is named relative to this one.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::backend::suite;

    #[test]
    fn object_storage_keeps_the_suite() {
        let program = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("pipe-remote");
        assert!(program.is_file(), "`make build` makes {}", program.display());
        suite::run(&ObjectStorage::new(program, "memory:".to_owned(), "suite".to_owned()));
    }
}
