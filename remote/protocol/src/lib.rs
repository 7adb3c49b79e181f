//! What `pipe` and `pipe-remote` say to each other over standard input and output.
//!
//! A message is a line of JSON and then as many bytes as its `body` says. Every request has a number, and its answer has the
//! same; answers come in any order. Files are not sent: both programs run on one machine, and a request names their folder.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read as _, Write};
use std::path::PathBuf;

/// The version of the messages. The two programs must have the same.
pub const PROTOCOL: u32 = 1;

/// A message with its number and its bytes.
#[derive(Debug)]
pub struct Message<T> {
    /// The number of the request.
    pub id: u64,
    /// What is asked or answered.
    pub content: T,
    /// The bytes that belong to it.
    pub body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Header<T> {
    id: u64,
    body: u64,
    content: T,
}

/// What `pipe` asks. Keys and digests are in hexadecimal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// The bytes of a record: [`Answer::Bytes`] or [`Answer::No`].
    ReadRecord {
        /// Its key.
        key: String,
    },
    /// Publishes the body as a record. [`Answer::Yes`] where it is new.
    PublishRecord {
        /// Its key.
        key: String,
        /// Whether it replaces one that is there.
        replace: bool,
    },
    /// Removes a record. [`Answer::Yes`] where there was one.
    DeleteRecord {
        /// Its key.
        key: String,
    },
    /// Moves a damaged record to quarantine. [`Answer::Yes`] where there was one.
    QuarantineRecord {
        /// Its key.
        key: String,
    },
    /// All records: [`Answer::Listed`].
    ListRecords,
    /// Whether an artifact was published.
    HasArtifact {
        /// Its digest.
        digest: String,
    },
    /// Copies an artifact to a folder, which is made. [`Answer::No`] where there is none.
    ReadArtifact {
        /// What it consists of.
        contents: Contents,
        /// The folder.
        to: PathBuf,
    },
    /// Publishes an artifact. [`Answer::Yes`] where it is new.
    PublishArtifact {
        /// What it consists of.
        contents: Contents,
        /// Its folder.
        from: PathBuf,
    },
    /// Removes an artifact. [`Answer::Yes`] where there was one.
    DeleteArtifact {
        /// Its digest.
        digest: String,
    },
    /// Removes an artifact unless a writer has used it within so many seconds. [`Answer::Yes`] where it is gone.
    CollectArtifact {
        /// Its digest.
        digest: String,
        /// The grace period, in seconds.
        unused_for: u64,
    },
    /// Moves the damaged artifact that was read last to quarantine. [`Answer::Yes`] where it was still there.
    QuarantineArtifact {
        /// Its digest.
        digest: String,
    },
    /// All artifacts: [`Answer::Listed`].
    ListArtifacts,
    /// Removes what uploads that were not finished have left, if it is that old: [`Answer::Amount`].
    CollectUploads {
        /// The grace period, in seconds.
        unused_for: u64,
    },
    /// Takes the lease of a key. [`Answer::Yes`] where it is ours until it is released or this program ends.
    Lease {
        /// The key.
        key: String,
    },
    /// Gives a lease back.
    Release {
        /// The key.
        key: String,
    },
    /// What was asked of the server so far: [`Answer::Traffic`].
    Traffic,
}

/// What `pipe-remote` answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is so, or it is done.
    Yes,
    /// It is not so, or there is nothing.
    No,
    /// The bytes are the body.
    Bytes,
    /// What was asked for, with when it was published in seconds since 1970.
    Listed(Vec<(String, u64)>),
    /// So many things with so many bytes.
    Amount {
        /// How many.
        count: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// What was asked of the server so far.
    Traffic(Traffic),
    /// It failed.
    Failed(Failure),
}

/// What an artifact consists of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Contents {
    /// Its digest.
    pub digest: String,
    /// Its files, sorted by path.
    pub files: Vec<File>,
    /// Its empty folders.
    pub empty_folders: Vec<String>,
}

impl Contents {
    /// The bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |total, file| total.saturating_add(file.size))
    }
}

/// A file of an artifact.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct File {
    /// Its path in the artifact.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// The BLAKE3 digest of its content.
    pub digest: String,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// Requests to the server and bytes of their bodies, without repetitions after failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// How many requests.
    pub requests: u64,
    /// Bytes that were sent.
    pub sent: u64,
    /// Bytes that arrived.
    pub received: u64,
}

/// Why something failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind, by which `pipe` goes on or ends.
    pub kind: FailureKind,
    /// What happened, without credentials.
    pub message: String,
}

impl Failure {
    /// A failure of that kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The URL means no storage.
    Url,
    /// There are no credentials.
    NoCredentials,
    /// The server does not accept the credentials, or they do not allow the request.
    Refused,
    /// There is no such bucket.
    NoBucket,
    /// The server does not answer, or with errors only.
    Unreachable,
    /// What arrived is not what was published.
    Damaged,
    /// A file of this machine cannot be read or written.
    Local,
}

/// Writes a message.
///
/// # Errors
/// When the other program has gone.
pub fn write<T: Serialize>(to: &mut impl Write, message: &Message<T>) -> io::Result<()> {
    let header = Header { id: message.id, body: message.body.len() as u64, content: &message.content };
    let mut line = serde_json::to_vec(&header)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.write_all(&message.body)?;
    to.flush()
}

/// Reads a message; `None` at the end.
///
/// # Errors
/// When it is not a message, or only a part of one.
pub fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<Message<T>>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let Header { id, body: length, content } = serde_json::from_slice(&line)?;
    let mut body = Vec::new();
    if from.take(length).read_to_end(&mut body)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(Message { id, content, body }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_as_they_were_and_half_a_message_is_an_error() {
        let mut bytes = Vec::new();
        for (id, body) in [(1, b"a\nb\0".to_vec()), (2, Vec::new())] {
            write(&mut bytes, &Message { id, content: Request::ReadRecord { key: "k\n".to_owned() }, body }).unwrap();
        }
        let mut all = bytes.as_slice();
        let first: Message<Request> = read(&mut all).unwrap().unwrap();
        assert!(matches!(first.content, Request::ReadRecord { key } if key == "k\n"));
        assert_eq!((first.id, first.body.as_slice()), (1, b"a\nb\0".as_slice()));
        assert_eq!(read::<Request>(&mut all).unwrap().unwrap().id, 2);
        assert!(read::<Request>(&mut all).unwrap().is_none());
        let first_length = bytes.len() / 2;
        read::<Request>(&mut &bytes[..first_length - 4]).unwrap_err();
    }
}
