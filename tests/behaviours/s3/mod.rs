//! A real S3 server of a test's own, and a proxy before it that loses connections, fails, and answers slowly or in part.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the credentials of the server are.
pub(crate) const ACCESS: &str = "AKIATESTTESTTEST";
/// What must never be printed.
pub(crate) const SECRET: &str = "a-secret-that-is-never-printed";

/// What a connection suffers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It is lost after so many bytes of answers.
    Lost(usize),
    /// The server answers with this status.
    Status(u16),
    /// Bytes arrive a few at a time.
    Slow,
}

/// The server, in a folder, with the bucket `bucket`.
pub(crate) struct Server {
    child: Child,
    folder: tempfile::TempDir,
    proxy: String,
    faults: Arc<Mutex<Vec<Fault>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Starts the server that `PIPE_S3_SERVER` names. `None`, with a reason, where it names none.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("PIPE_S3_SERVER") else {
            eprintln!("skipped: PIPE_S3_SERVER is not set; `make test-s3` builds an S3 server and sets it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        let mut command = Command::new(program);
        let mut child = command.arg(folder.path()).args([ACCESS, SECRET]).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let (faults, connections) = (Arc::new(Mutex::new(vec![Fault::None])), Arc::new(AtomicUsize::new(0)));
        let proxy = proxy(address.trim().to_owned(), Arc::clone(&faults), Arc::clone(&connections));
        Some(Self { child, folder, proxy, faults, connections })
    }

    /// From now on, connections suffer these faults, one after the other and again from the beginning.
    pub(crate) fn suffer(&self, faults: &[Fault]) {
        *self.faults.lock().unwrap() = faults.to_vec();
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The variables that lead to it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://{}", self.proxy)),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("HOME", self.folder.path().display().to_string()),
        ]
    }

    /// The files of objects whose name begins with that.
    pub(crate) fn objects(&self, prefix: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("bucket").join(prefix)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A proxy before `server`. It ends with the test.
fn proxy(server: String, faults: Arc<Mutex<Vec<Fault>>>, connections: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let number = connections.fetch_add(1, Ordering::Relaxed);
            let fault = {
                let faults = faults.lock().unwrap();
                faults[number % faults.len()]
            };
            let server = server.clone();
            std::thread::spawn(move || drop(pass(client, &server, fault)));
        }
    });
    address
}

/// Passes a connection on, with a fault.
fn pass(mut client: TcpStream, server: &str, fault: Fault) -> std::io::Result<()> {
    if let Fault::Status(status) = fault {
        let mut head = [0; 1024];
        let _ = client.read(&mut head)?;
        write!(client, "HTTP/1.1 {status} Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        return client.shutdown(Shutdown::Write);
    }
    let server = TcpStream::connect(server)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        drop(std::io::copy(&mut from_client, &mut to_server));
        drop(to_server.shutdown(Shutdown::Write));
    });
    let mut left = if let Fault::Lost(bytes) = fault { bytes } else { usize::MAX };
    let mut piece = vec![0; if matches!(fault, Fault::Slow) { 16 << 10 } else { 64 << 10 }];
    let mut server = server;
    loop {
        let length = server.read(&mut piece)?.min(left);
        if length == 0 {
            break;
        }
        client.write_all(&piece[..length])?;
        left -= length;
        if left == 0 {
            break;
        }
        if matches!(fault, Fault::Slow) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    drop(server.shutdown(Shutdown::Both));
    client.shutdown(Shutdown::Both)
}
