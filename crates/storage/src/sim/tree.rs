//! Directories and files with what is visible and what is durable, and what a power cut leaves of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};
use std::sync::Arc;

use osusume_model::keyed_hash;

/// A file or directory, whatever its names.
pub(super) type NodeId = u64;

const ROOT: NodeId = 0;

/// What a power cut does to everything that was not synced. Synced bytes and names always survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// All of it is lost.
    SyncedOnly,
    /// None of it is lost: also what a killed process leaves.
    Nothing,
    /// Each change of a name and each file's unsynced tail is kept or lost by the toss of a coin.
    Subset,
    /// As `Subset`, and tails are torn at 512 bytes: sectors kept, zero, or cut off.
    Torn512,
    /// The same at 4,096 bytes.
    Torn4096,
    /// Bytes are kept, each change of a name is kept or lost.
    LostEntries,
    /// Everything is kept but renames.
    LostRenames,
}

impl Damage {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::SyncedOnly,
        Self::Nothing,
        Self::Subset,
        Self::Torn512,
        Self::Torn4096,
        Self::LostEntries,
        Self::LostRenames,
    ];
}

#[derive(Clone)]
pub(super) struct Tree {
    nodes: BTreeMap<NodeId, Node>,
    next: NodeId,
    version: u64,
}

#[derive(Clone)]
enum Node {
    File(FileNode),
    Dir(DirNode),
}

/// Files are only appended to, so the durable bytes are a prefix of the live ones.
#[derive(Clone, Default)]
struct FileNode {
    live: Arc<Vec<u8>>,
    durable_len: usize,
    /// A sync failed: later syncs report success and do nothing, as kernels do.
    is_lost: bool,
    version: u64,
}

#[derive(Clone, Default)]
struct DirNode {
    live: BTreeMap<String, NodeId>,
    durable: BTreeMap<String, NodeId>,
    /// What turns `durable` into `live`, in order.
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Set(String, NodeId),
    Unset(String),
    /// A rename within the directory: one change, so it is kept or lost as a whole.
    Move(String, String, NodeId),
}

pub(super) struct Found {
    pub(super) id: NodeId,
    pub(super) is_dir: bool,
    pub(super) len: u64,
    pub(super) version: u64,
}

type Outcome<T> = Result<T, &'static str>;

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: BTreeMap::from([(ROOT, Node::Dir(DirNode::default()))]), next: 1, version: 0 }
    }
}

impl Tree {
    pub(super) fn find(&self, path: &Path) -> Option<Found> {
        self.resolve(path).map(|id| self.describe(id))
    }

    pub(super) fn describe(&self, id: NodeId) -> Found {
        match self.nodes.get(&id) {
            Some(Node::File(file)) => Found { id, is_dir: false, len: file.live.len() as u64, version: file.version },
            _ => Found { id, is_dir: true, len: 0, version: 0 },
        }
    }

    pub(super) fn bytes(&self, id: NodeId) -> &[u8] {
        match self.nodes.get(&id) {
            Some(Node::File(file)) => &file.live,
            _ => &[],
        }
    }

    pub(super) fn list(&self, path: &Path) -> Option<Vec<(String, bool)>> {
        let dir = self.dir(self.resolve(path)?)?;
        Some(dir.live.iter().map(|(name, id)| (name.clone(), self.describe(*id).is_dir)).collect())
    }

    pub(super) fn create_file(&mut self, path: &Path) -> Outcome<NodeId> {
        self.add(path, Node::File(FileNode::default()))
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> Outcome<()> {
        self.add(path, Node::Dir(DirNode::default())).map(|_| ())
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path) -> Outcome<()> {
        let id = self.resolve(from).filter(|id| !self.describe(*id).is_dir).ok_or("ENOENT")?;
        self.set(to, id)
    }

    pub(super) fn append(&mut self, id: NodeId, bytes: &[u8]) {
        self.version += 1;
        let version = self.version;
        if let Some(file) = self.file(id) {
            Arc::make_mut(&mut file.live).extend_from_slice(bytes);
            file.version = version;
        }
    }

    pub(super) fn overwrite(&mut self, path: &Path, bytes: Vec<u8>) {
        let id = self.resolve(path);
        if let Some(file) = id.and_then(|id| self.file(id)) {
            file.durable_len = bytes.len();
            file.live = Arc::new(bytes);
        }
    }

    pub(super) fn sync_file(&mut self, id: NodeId) {
        if let Some(file) = self.file(id).filter(|file| !file.is_lost) {
            file.durable_len = file.live.len();
        }
    }

    pub(super) fn lose_file(&mut self, id: NodeId) {
        if let Some(file) = self.file(id) {
            file.is_lost = true;
        }
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> Outcome<()> {
        let id = self.resolve(path).ok_or("ENOENT")?;
        let dir = self.dir_mut(id).ok_or("ENOTDIR")?;
        dir.pending.clear();
        dir.durable.clone_from(&dir.live);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, may_replace: bool) -> Outcome<()> {
        let id = self.resolve(from).ok_or("ENOENT")?;
        let replaced = self.resolve(to);
        if replaced.is_some_and(|replaced| !may_replace || self.describe(replaced).is_dir) {
            return Err("EEXIST");
        }
        let ((from_dir, from_name), (to_dir, to_name)) = (self.split(from)?, self.split(to)?);
        if from_dir == to_dir {
            self.change(from_dir, Change::Move(from_name, to_name, id));
        } else {
            self.change(from_dir, Change::Unset(from_name));
            self.change(to_dir, Change::Set(to_name, id));
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path, is_dir: bool) -> Outcome<()> {
        let id = self.resolve(path).ok_or("ENOENT")?;
        if self.describe(id).is_dir != is_dir {
            return Err("EISDIR or ENOTDIR");
        }
        let (parent, name) = self.split(path)?;
        self.empty(id);
        self.change(parent, Change::Unset(name));
        Ok(())
    }

    /// Removes what is below a directory, one name at a time: a cut may leave any part of it.
    fn empty(&mut self, id: NodeId) {
        let entries = self.dir(id).map(|dir| dir.live.clone()).unwrap_or_default();
        for (name, child) in entries {
            self.empty(child);
            self.change(id, Change::Unset(name));
        }
    }

    fn add(&mut self, path: &Path, node: Node) -> Outcome<NodeId> {
        let id = self.next;
        self.set(path, id)?;
        self.next += 1;
        self.nodes.insert(id, node);
        Ok(id)
    }

    fn set(&mut self, path: &Path, id: NodeId) -> Outcome<()> {
        if self.resolve(path).is_some() {
            return Err("EEXIST");
        }
        let (parent, name) = self.split(path)?;
        self.change(parent, Change::Set(name, id));
        Ok(())
    }

    fn change(&mut self, dir: NodeId, change: Change) {
        if let Some(dir) = self.dir_mut(dir) {
            change.apply(&mut dir.live);
            dir.pending.push(change);
        }
    }

    fn resolve(&self, path: &Path) -> Option<NodeId> {
        names_of(path).try_fold(ROOT, |id, name| self.dir(id)?.live.get(name).copied())
    }

    /// The directory a path is in, and its last name.
    fn split(&self, path: &Path) -> Outcome<(NodeId, String)> {
        let name = names_of(path).last().ok_or("EINVAL")?.to_owned();
        let parent = path.parent().and_then(|parent| self.resolve(parent)).ok_or("ENOENT")?;
        self.dir(parent).map(|_| (parent, name)).ok_or("ENOTDIR")
    }

    fn dir(&self, id: NodeId) -> Option<&DirNode> {
        match self.nodes.get(&id) {
            Some(Node::Dir(dir)) => Some(dir),
            _ => None,
        }
    }

    fn dir_mut(&mut self, id: NodeId) -> Option<&mut DirNode> {
        match self.nodes.get_mut(&id) {
            Some(Node::Dir(dir)) => Some(dir),
            _ => None,
        }
    }

    fn file(&mut self, id: NodeId) -> Option<&mut FileNode> {
        match self.nodes.get_mut(&id) {
            Some(Node::File(file)) => Some(file),
            _ => None,
        }
    }

    /// What is left after the power is gone; all of it durable.
    pub(super) fn after_power_cut(&self, damage: Damage, seed: u64) -> Self {
        let mut coins = Coins { seed, damage, n_tossed: 0 };
        let mut left = Self { nodes: BTreeMap::new(), next: self.next, version: self.version };
        let (mut open, mut seen) = (vec![ROOT], BTreeSet::from([ROOT]));
        while let Some(id) = open.pop() {
            let node = match &self.nodes[&id] {
                Node::File(file) => Node::File(file.left(damage, &mut coins)),
                Node::Dir(dir) => Node::Dir(dir.left(damage, &mut coins)),
            };
            if let Node::Dir(dir) = &node {
                open.extend(dir.live.values().copied().filter(|child| seen.insert(*child)));
            }
            left.nodes.insert(id, node);
        }
        left
    }
}

fn names_of(path: &Path) -> impl Iterator<Item = &str> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => name.to_str(),
        _ => None,
    })
}

impl Change {
    fn apply(&self, entries: &mut BTreeMap<String, NodeId>) {
        match self {
            Self::Set(name, id) => {
                entries.insert(name.clone(), *id);
            }
            Self::Unset(name) => {
                entries.remove(name);
            }
            Self::Move(from, to, id) => {
                // The old name may be another file by now when an earlier change was lost.
                if entries.get(from) == Some(id) {
                    entries.remove(from);
                }
                entries.insert(to.clone(), *id);
            }
        }
    }

    fn is_kept(&self, damage: Damage, coins: &mut Coins) -> bool {
        match damage {
            Damage::SyncedOnly => false,
            Damage::Nothing => true,
            Damage::LostRenames => !matches!(self, Self::Move(..)),
            Damage::Subset | Damage::Torn512 | Damage::Torn4096 | Damage::LostEntries => coins.toss(),
        }
    }
}

impl DirNode {
    fn left(&self, damage: Damage, coins: &mut Coins) -> Self {
        let mut entries = self.durable.clone();
        for change in &self.pending {
            if change.is_kept(damage, coins) {
                change.apply(&mut entries);
            }
        }
        Self { live: entries.clone(), durable: entries, pending: Vec::new() }
    }
}

impl FileNode {
    fn left(&self, damage: Damage, coins: &mut Coins) -> Self {
        let bytes = match damage {
            Damage::Nothing | Damage::LostEntries | Damage::LostRenames => self.live.to_vec(),
            Damage::Subset if coins.toss() => self.live.to_vec(),
            Damage::SyncedOnly | Damage::Subset => self.live[..self.durable_len].to_vec(),
            Damage::Torn512 => self.torn(512, coins),
            Damage::Torn4096 => self.torn(4096, coins),
        };
        Self { durable_len: bytes.len(), live: Arc::new(bytes), is_lost: false, version: self.version }
    }

    /// The durable bytes, then sectors of the rest: some written, some zero, cut off after a random one.
    fn torn(&self, sector: usize, coins: &mut Coins) -> Vec<u8> {
        let mut bytes = self.live.to_vec();
        let mut start = self.durable_len;
        while start < bytes.len() {
            let end = ((start / sector + 1) * sector).min(bytes.len());
            match coins.next() % 4 {
                0 => bytes[start..end].fill(0),
                1 => {
                    bytes.truncate(start);
                }
                _ => {}
            }
            start = end;
        }
        bytes
    }
}

/// Random bits by seed, damage and count: two kinds of damage toss independently under one seed.
struct Coins {
    seed: u64,
    damage: Damage,
    n_tossed: u64,
}

impl Coins {
    fn next(&mut self) -> u64 {
        self.n_tossed += 1;
        let mut id = self.seed.to_le_bytes().to_vec();
        id.extend_from_slice(&self.n_tossed.to_le_bytes());
        id.push(self.damage as u8);
        keyed_hash("power cut", &id)
    }

    fn toss(&mut self) -> bool {
        self.next() & 1 == 1
    }
}
