//! A loss of power, as a model: what of a folder is on the disk for good, and what only seems to be.
//!
//! A file's content is on the disk as it was when the file was last flushed, a folder's names as they were when the folder
//! was. Both belong to the file or folder itself, not to its path, so that renamed and replaced ones are right. What
//! stages write is not seen when it is written, only when the store flushes it.

use pipe::fs::{Operation, Watch};
use rustix::fs::{Mode, OFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What makes a file or folder itself, whatever it is called.
type Inode = u64;

/// What is in a file, folder or link.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Folder(BTreeMap<OsString, Inode>),
    File(Arc<Vec<u8>>),
    Link(PathBuf),
}

/// All files and folders, as they are or as they would be found.
type Nodes = BTreeMap<Inode, Node>;

/// The state after one operation.
#[derive(Debug)]
pub(crate) struct Point {
    /// The operation, in words.
    pub(crate) operation: String,
    /// The results that the user was told of by then.
    pub(crate) kept: Vec<String>,
    root: Inode,
    durable: Arc<Nodes>,
    volatile: Nodes,
}

/// Notes the state after every operation that changes something beneath a folder.
#[derive(Debug)]
pub(crate) struct Recorder {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Held open, so that the number of a removed file is not given to another.
    pins: BTreeMap<Inode, OwnedFd>,
    durable: Arc<Nodes>,
    kept: Vec<String>,
    points: Vec<Point>,
}

impl Recorder {
    /// A recorder for what happens in `folder`, all of which is on the disk for good so far.
    pub(crate) fn new(folder: &Path) -> Arc<Self> {
        let mut state = State::default();
        state.durable = Arc::new(state.walk(folder));
        Arc::new(Self { folder: folder.to_owned(), state: Mutex::new(state) })
    }

    /// Notes that the user was told that a stage's result is kept.
    pub(crate) fn kept(&self, stage: &str) {
        self.state.lock().unwrap().kept.push(stage.to_owned());
        self.note("the user is told".to_owned());
    }

    /// The states so far.
    pub(crate) fn points(&self) -> Vec<Point> {
        std::mem::take(&mut self.state.lock().unwrap().points)
    }

    fn note(&self, operation: String) {
        let mut state = self.state.lock().unwrap();
        let volatile = state.walk(&self.folder);
        let root = inode(&self.folder).unwrap();
        let (durable, kept) = (Arc::clone(&state.durable), state.kept.clone());
        state.points.push(Point { operation, kept, root, durable, volatile });
    }

    fn flush(&self, path: &Path) {
        let mut state = self.state.lock().unwrap();
        let mut seen = Nodes::new();
        let Some(id) = state.see(path, &mut seen, false) else { return };
        let node = seen.remove(&id).unwrap();
        let mut durable = Nodes::clone(&state.durable);
        if let Node::Folder(names) = &node {
            for (name, child) in names {
                // Its name is there; what is in it is another matter. Where a link points to is in the link itself.
                let empty = || match std::fs::symlink_metadata(path.join(name)) {
                    Ok(found) if found.is_dir() => Node::Folder(BTreeMap::new()),
                    Ok(found) if found.is_symlink() => Node::Link(std::fs::read_link(path.join(name)).unwrap()),
                    _ => Node::File(Arc::default()),
                };
                durable.entry(*child).or_insert_with(empty);
            }
        }
        durable.insert(id, node);
        state.durable = Arc::new(durable);
    }
}

impl Watch for Recorder {
    fn after(&self, operation: Operation<'_>) {
        use Operation::{List, Look, Open, Read, SetMode, Sync};
        match operation {
            Read(_) | Open(_) | Look(_) | List(_) | SetMode(_) => return,
            Sync(path) if path.starts_with(&self.folder) => self.flush(path),
            _ => {}
        }
        self.note(format!("{operation:?}"));
    }
}

impl State {
    /// Everything in a folder.
    fn walk(&mut self, folder: &Path) -> Nodes {
        let mut nodes = Nodes::new();
        self.see(folder, &mut nodes, true);
        nodes
    }

    /// Adds what is at `path`, and, `deep`, what is in it. Gives its number, or nothing when it is gone.
    fn see(&mut self, path: &Path, nodes: &mut Nodes, deep: bool) -> Option<Inode> {
        let (id, found) = (self.pin(path)?, std::fs::symlink_metadata(path).ok()?);
        let node = if found.is_dir() {
            let mut names = BTreeMap::new();
            for entry in std::fs::read_dir(path).ok()?.flatten() {
                let below = entry.path();
                // The index may be lost whole; that is tried elsewhere.
                let child = if below.ends_with("index/sled") || below.ends_with("index/sled.lock") {
                    None
                } else if deep {
                    self.see(&below, nodes, true)
                } else {
                    self.pin(&below)
                };
                names.extend(child.map(|child| (entry.file_name(), child)));
            }
            Node::Folder(names)
        } else if found.is_symlink() {
            Node::Link(std::fs::read_link(path).ok()?)
        } else {
            Node::File(Arc::new(std::fs::read(path).ok()?))
        };
        nodes.insert(id, node);
        Some(id)
    }

    fn pin(&mut self, path: &Path) -> Option<Inode> {
        let id = inode(path)?;
        if let std::collections::btree_map::Entry::Vacant(free) = self.pins.entry(id) {
            free.insert(rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()).ok()?);
        }
        Some(id)
    }
}

fn inode(path: &Path) -> Option<Inode> {
    std::fs::symlink_metadata(path).ok().map(|found| found.ino())
}

/// What is found when the power is back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    /// Only what was flushed.
    Strict,
    /// All names, but a file that was not flushed is empty.
    Empty,
    /// All names, but a file that was not flushed is cut in half.
    Cut,
    /// Of what was not flushed, some is there and some is not, by lot.
    Mixed(u64),
}

/// A folder as it is found when the power is back: what is at each path.
#[derive(Default)]
pub(crate) struct Image(BTreeMap<PathBuf, Found>);

enum Found {
    Folder,
    File(Arc<Vec<u8>>),
    Link(PathBuf),
}

impl Point {
    /// The folder as it is found after a loss of power at this point.
    pub(crate) fn image(&self, loss: Loss) -> Image {
        let seed = if let Loss::Mixed(seed) = loss { seed } else { 0 };
        let mut builder = Builder { point: self, loss, lots: Lots(seed), image: Image::default() };
        builder.add(self.root, Path::new(""));
        builder.image
    }
}

struct Builder<'a> {
    point: &'a Point,
    loss: Loss,
    lots: Lots,
    image: Image,
}

impl Builder<'_> {
    fn add(&mut self, id: Inode, path: &Path) {
        let (durable, volatile) = (self.point.durable.get(&id), self.point.volatile.get(&id));
        let found = match durable.or(volatile) {
            Some(Node::Folder(_)) => {
                for (name, child) in self.names(durable, volatile) {
                    self.add(child, &path.join(name));
                }
                Found::Folder
            }
            Some(Node::File(_)) => Found::File(self.content(durable, volatile)),
            Some(Node::Link(target)) => Found::Link(target.clone()),
            None => return,
        };
        self.image.0.insert(path.to_owned(), found);
    }

    fn names(&mut self, durable: Option<&Node>, volatile: Option<&Node>) -> BTreeMap<OsString, Inode> {
        let names =
            |node: Option<&Node>| if let Some(Node::Folder(names)) = node { names.clone() } else { BTreeMap::new() };
        let (durable, volatile) = (names(durable), names(volatile));
        match self.loss {
            Loss::Strict => durable,
            Loss::Empty | Loss::Cut => volatile,
            Loss::Mixed(_) => {
                let all: BTreeSet<OsString> = durable.keys().chain(volatile.keys()).cloned().collect();
                let either = |name: OsString| {
                    let child = if self.lots.draw(2) == 0 { durable.get(&name) } else { volatile.get(&name) };
                    child.map(|child| (name, *child))
                };
                all.into_iter().filter_map(either).collect()
            }
        }
    }

    fn content(&mut self, durable: Option<&Node>, volatile: Option<&Node>) -> Arc<Vec<u8>> {
        let content =
            |node: Option<&Node>| if let Some(Node::File(bytes)) = node { Arc::clone(bytes) } else { Arc::default() };
        let (durable, volatile) = (content(durable), content(volatile));
        let cut = Arc::new(volatile[..volatile.len() / 2].to_vec());
        match self.loss {
            _ if durable == volatile => durable,
            Loss::Strict => durable,
            Loss::Empty => Arc::default(),
            Loss::Cut => cut,
            Loss::Mixed(_) => match self.lots.draw(4) {
                0 => durable,
                1 => volatile,
                2 => cut,
                _ => Arc::new(vec![0; volatile.len()]),
            },
        }
    }
}

impl Image {
    /// A number that equal images share, and others do not.
    pub(crate) fn fingerprint(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for (path, found) in &self.0 {
            let (kind, content) = match found {
                Found::Folder => (0, Vec::new()),
                Found::File(bytes) => (1, bytes.to_vec()),
                Found::Link(target) => (2, target.to_string_lossy().into_owned().into_bytes()),
            };
            hasher.update(path.to_string_lossy().as_bytes()).update(&[0, kind]);
            hasher.update(&content.len().to_le_bytes()).update(&content);
        }
        hasher.finalize()
    }

    /// Makes the folder.
    pub(crate) fn write(&self, folder: &Path) {
        for (path, found) in &self.0 {
            let path = folder.join(path);
            match found {
                Found::Folder => std::fs::create_dir_all(path).unwrap(),
                Found::File(bytes) => std::fs::write(path, &**bytes).unwrap(),
                Found::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            }
        }
    }
}

/// Numbers that look random and depend on the seed alone (splitmix64).
struct Lots(u64);

impl Lots {
    fn draw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}
