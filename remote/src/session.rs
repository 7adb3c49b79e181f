//! Answers requests until standard input ends. Requests that came while others run are answered beside them.

use crate::artifacts::Artifacts;
use crate::bucket::Bucket;
use crate::leases::Leases;
use crate::{collect, open, records};
use remote_protocol::{Answer, Failure, FailureKind, Message, Request, read, write};
use std::io::{self, BufReader};
use std::rc::Rc;
use tokio::sync::mpsc;

/// What answers need. The storage is opened at the start, so that every answer says what is wrong with it.
struct Session {
    bucket: Result<Rc<Bucket>, Failure>,
    artifacts: Artifacts,
    leases: Rc<Leases>,
}

/// Serves one `pipe`.
///
/// # Errors
/// When it has gone in the middle of a message.
pub(crate) async fn serve(url: &str, writer: &str) -> io::Result<()> {
    let bucket = open::open(url).await.map(Rc::new);
    let session = Rc::new(Session { bucket, artifacts: Artifacts::new(writer), leases: Rc::new(Leases::new(writer)) });
    let mut requests = requests();
    let (answers, mut to_write) = mpsc::unbounded_channel::<Message<Answer>>();
    let writing = tokio::task::spawn_blocking(move || {
        let mut output = io::stdout().lock();
        while let Some(answer) = to_write.blocking_recv() {
            write(&mut output, &answer)?;
        }
        Ok(())
    });
    let mut running = tokio::task::JoinSet::new();
    while let Some(Message { id, content, body }) = requests.recv().await {
        let (session, answers) = (Rc::clone(&session), answers.clone());
        running.spawn_local(async move {
            let (content, body) = session.answer(content, body).await;
            // Without a reader there is nobody to tell.
            drop(answers.send(Message { id, content, body }));
        });
        while running.try_join_next().is_some() {}
    }
    // `pipe` has ended, or was killed: nobody waits for what still runs, and others need the leases.
    running.shutdown().await;
    if let Ok(bucket) = &session.bucket {
        session.leases.release_all(bucket).await;
    }
    drop(answers);
    writing.await?
}

/// The requests as they arrive, read by a thread, since standard input cannot be waited for otherwise.
fn requests() -> mpsc::UnboundedReceiver<Message<Request>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut input = BufReader::new(io::stdin().lock());
        while let Ok(Some(request)) = read(&mut input) {
            if sender.send(request).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Session {
    async fn answer(&self, request: Request, body: Vec<u8>) -> (Answer, Vec<u8>) {
        match self.try_answer(request, body).await {
            Ok(answer) => answer,
            Err(failure) => (Answer::Failed(failure), Vec::new()),
        }
    }

    async fn try_answer(&self, request: Request, body: Vec<u8>) -> Result<(Answer, Vec<u8>), Failure> {
        let bucket = self.bucket.as_ref().map_err(Clone::clone)?;
        let artifacts = &self.artifacts;
        let answer = match request {
            Request::ReadRecord { key } => {
                return Ok(match records::read(bucket, &key).await? {
                    Some(bytes) => (Answer::Bytes, bytes),
                    None => (Answer::No, Vec::new()),
                });
            }
            Request::PublishRecord { key, replace } => yes(records::publish(bucket, &key, body, replace).await?),
            Request::DeleteRecord { key } => yes(bucket.delete(&records::name(&key)).await?),
            Request::QuarantineRecord { key } => yes(records::quarantine(bucket, &key).await?),
            Request::ListRecords => Answer::Listed(bucket.list_json("records").await?),
            Request::HasArtifact { digest } => yes(artifacts.manifest(bucket, &digest).await?.is_some()),
            Request::ReadArtifact { contents, to } => yes(artifacts.read(bucket, contents, &to).await?),
            Request::PublishArtifact { contents, from } => yes(artifacts.publish(bucket, contents, &from).await?),
            Request::DeleteArtifact { digest } => yes(collect::delete(bucket, &digest).await?),
            Request::CollectArtifact { digest, unused_for } => {
                yes(collect::collect(bucket, &digest, unused_for).await?)
            }
            Request::QuarantineArtifact { digest } => yes(artifacts.quarantine(bucket, &digest).await?),
            Request::ListArtifacts => Answer::Listed(bucket.list_json("artifacts").await?),
            Request::CollectUploads { unused_for } => {
                let (count, bytes) = collect::uploads(bucket, unused_for).await?;
                Answer::Amount { count, bytes }
            }
            Request::Lease { key } => yes(Rc::clone(&self.leases).take(bucket, &key).await?),
            Request::Release { key } => yes(self.leases.release(bucket, &key).await?),
            Request::Traffic => Answer::Traffic(bucket.traffic()),
        };
        Ok((answer, Vec::new()))
    }
}

fn yes(is_so: bool) -> Answer {
    if is_so { Answer::Yes } else { Answer::No }
}

/// A failure to read or write a file of this machine.
pub(crate) fn local(doing: &str, path: &std::path::Path, error: &io::Error) -> Failure {
    Failure::new(FailureKind::Local, format!("{doing} {}: {error}", path.display()))
}
