//! A shop of a test's own: a pipeline with results, servers over it, and a client.

#![allow(dead_code, reason = "each test uses a part of it")]

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A quick pipeline with lists by popularity.
pub(crate) const POPULAR: &str = r#"
name = "shop"
seed = 1

[stage.sample]
uses = "sample"
users = 120
items = 60
flaws = 0.0

[stage.ingest]
uses = "ingest"
inputs = { reviews = "sample.reviews", metadata = "sample.metadata" }

[stage.popularity]
uses = "popularity"
inputs = { interactions = "ingest.interactions" }
"#;

/// What a language model needs on top of it.
pub(crate) const LANGUAGE_MODEL: &str = include_str!("../../../tests/fixtures/language_model.toml");

/// A folder with a pipeline and its results.
pub(crate) struct Shop {
    folder: tempfile::TempDir,
}

/// An answer of a server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A running server; it is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Mutex<Receiver<String>>,
}

impl Shop {
    /// Runs a pipeline.
    pub(crate) fn new(pipeline: &str) -> Self {
        let shop = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(shop.path("shop.toml"), pipeline).unwrap();
        shop.run(&[]);
        shop
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the pipeline with further arguments.
    pub(crate) fn run(&self, arguments: &[&str]) {
        let output = self.pipe(&[&["run", "shop.toml"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// `pipe` with these arguments.
    pub(crate) fn pipe(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program("pipe"));
        command.current_dir(self.folder.path()).args(arguments).env_remove("PIPE_STORE").output().unwrap()
    }

    /// What `pipe serve --resolve` prints.
    pub(crate) fn resolved(&self, arguments: &[&str]) -> String {
        let output = self.pipe(&[&["serve", "shop.toml", "--resolve"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The folder of online stores.
    pub(crate) fn online(&self) -> PathBuf {
        self.path("artifacts/index/online")
    }

    /// Starts a server with these options and waits until it is ready.
    pub(crate) fn serve(&self, options: &[&str]) -> Server {
        let server = self.start(options);
        server.wait_for("\"ready\"");
        server
    }

    /// Starts a server.
    pub(crate) fn start(&self, options: &[&str]) -> Server {
        let pipe = program("pipe");
        self.start_over(options, &[pipe.to_str().unwrap(), "serve", "shop.toml", "--resolve"])
    }

    /// Starts a server over what a command prints.
    pub(crate) fn start_over(&self, options: &[&str], resolve: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipe-serve"));
        command.current_dir(self.folder.path()).env_remove("PIPE_STORE").args(["--listen", "127.0.0.1:0"]);
        command.args(options).arg("--").args(resolve).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, log) = channel();
        // The log is read to its end, so that the server never waits for room in the pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let mut server = Server { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), log: Mutex::new(log) };
        let line = server.wait_for("\"listening\"");
        let line: Value = serde_json::from_str(&line).unwrap();
        server.address = line["fields"]["address"].as_str().unwrap().parse().unwrap();
        server
    }

    /// The original identifiers of users, as the store has them.
    pub(crate) fn users(&self, count: usize) -> Vec<String> {
        let output = self.pipe(&["peek", "shop.toml", "ingest.users", "-n", &count.to_string(), "--json"]);
        let files: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = files[0]["content"]["table"]["rows"].as_array().unwrap();
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }
}

impl Server {
    /// Waits for a line of the log.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let start = Instant::now();
        let mut before = String::new();
        while start.elapsed() < Duration::from_secs(60) {
            match self.log.lock().unwrap().recv_timeout(Duration::from_millis(200)) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => before += &format!("{line}\n"),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(_) => break,
            }
        }
        panic!("the log has no {text}:\n{before}");
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits until the process ended, and gives its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// A GET.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).unwrap()
    }

    /// A GET whose answer is JSON with status 200.
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// A POST of JSON.
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n");
        self.request(format!("{head}content-length: {length}\r\n\r\n{body}")).unwrap()
    }

    /// Whatever is sent, with the answer; none where the connection was closed without one.
    pub(crate) fn request(&self, bytes: impl AsRef<[u8]>) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // A server that refuses early may close before it has read all.
        drop(stream.write_all(bytes.as_ref()));
        read_answer(&mut stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads an answer to the end of the connection.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

/// The child of a process whose command line has this word.
pub(crate) fn child_with(pid: u32, word: &str) -> Option<u32> {
    let children = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let lists = children.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<u32> =
        lists.flat_map(|list| list.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect();
    let has_word = |pid: &u32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|found| found == word.as_bytes())
    };
    pids.into_iter().find(has_word)
}

/// Waits until something is there.
pub(crate) fn wait_until<T>(failure: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{failure}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A program of the other workspace: beside the server, or where `cargo build --workspace` puts it.
pub(crate) fn program(name: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_pipe-serve")).with_file_name(name);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug").join(name);
    let found = [beside, built].into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: run `cargo build --workspace` before the tests"))
}
