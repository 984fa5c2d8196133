//! All subscriptions and the directories on the way to them: who begins, who ends.
//!
//! Everything here runs under the hub's lock and calls no sink. Work that one change causes elsewhere is queued and done
//! by [`Tree::settle`](super::settle): no recursion over what a file system's users can make deep.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::inotify::WatchFlags;

use super::event::{OwnRenames, Wants};
use super::kernel::Kernel;
use super::node::{Name, Node, NodeId, State, SubId};
use super::poll::Poller;
use super::slab::{Few, Key, Slab};
use super::sub::{Action, Hook, NOT_PENDING, Pending, Sub};
use crate::engine::path_watch::{Interest, PathEvent, PathSink};

/// A watch of the kernel's, and what it serves.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) dirs: Few<NodeId>,
    pub(super) files: Few<SubId>,
    pub(super) mask: WatchFlags,
}

/// How much of a node must be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Recheck {
    /// Only what its subscribers need.
    Needs,
    /// Whether it is still the same directory.
    Place,
    /// Which directories are in it, too.
    Entries,
    /// All of that; and it may have been something else meanwhile, even if it is the same again: whoever looked at that
    /// moment has seen what no longer is, so all below are told.
    Meanwhile,
}

/// An event for a sink.
pub(super) type Delivery = (PathSink, PathEvent);

/// All subscriptions.
pub(super) struct Tree {
    pub(super) kernel: Box<dyn Kernel>,
    pub(super) nodes: Slab<NodeId, Node>,
    pub(super) subs: Slab<SubId, Sub>,
    pub(super) root: NodeId,
    pub(super) watches: HashMap<i32, Watch>,
    pub(super) own: OwnRenames,
    /// Nodes to look at again.
    pub(super) dirty: VecDeque<NodeId>,
    /// Subscriptions whose path must be looked at.
    pub(super) looks: Vec<SubId>,
    pub(super) pending: Vec<Pending>,
    pub(super) poller: Arc<Poller>,
    pub(super) overflows: u64,
    /// The watch limit was reported.
    pub(super) warned: bool,
}

impl Tree {
    pub(super) fn new(kernel: Box<dyn Kernel>, poller: Arc<Poller>) -> Self {
        let mut nodes = Slab::new();
        let root = NodeId::from_index(0);
        nodes.insert(Node::new(root, Arc::from(&b""[..])));
        Self {
            kernel,
            nodes,
            subs: Slab::new(),
            root,
            watches: HashMap::new(),
            own: OwnRenames::new(),
            dirty: VecDeque::new(),
            looks: Vec::new(),
            pending: Vec::new(),
            poller,
            overflows: 0,
            warned: false,
        }
    }

    /// Watches an absolute path. What others are to be told because of that is in `pending` afterwards.
    pub(super) fn subscribe(&mut self, path: &Path, interest: Interest, sink: PathSink) -> SubId {
        let wants = if interest.closed_writes { Wants::Contents } else { Wants::Changes };
        // Who repairs a path replaces a link that is in the way; who reads it reads what the link leads to.
        let bytes = path.as_os_str().as_bytes();
        let named_as_dir = bytes.ends_with(b"/") || bytes.ends_with(b"/.");
        let follow = interest.closed_writes || interest.recursive || named_as_dir;
        let sub = self.insert(path, Action::Tell(sink), wants, interest.recursive, follow);
        // What a link leads to is found by nobody but us.
        if follow || !interest.looked_at {
            self.queue_look(sub);
        }
        self.settle();
        self.poll_unwatched(sub);
        // What arming found is not news: the subscriber looks for itself after this.
        self.forget_pending(sub);
        sub
    }

    /// Ends a subscription; what is left of it must be dropped outside of the hub's lock.
    pub(super) fn unsubscribe(&mut self, sub: SubId) -> Option<Sub> {
        let ended = self.remove(sub);
        self.settle();
        ended
    }

    /// A subscription, still to be looked at and settled.
    pub(super) fn insert(
        &mut self,
        path: &Path,
        action: Action,
        wants: Wants,
        recursive: bool,
        follow: bool,
    ) -> SubId {
        let at = self.walk(path);
        let id = self.subs.insert(Sub::new(action, at.clone(), wants, recursive, follow));
        self.hook(id, &at, wants);
        if recursive {
            let tree = if at.name.is_empty() { self.root } else { self.child(at.node, &at.name) };
            if let Some(node) = self.nodes.get_mut(tree) {
                node.tree.insert(id);
            }
            if let Some(sub) = self.subs.get_mut(id) {
                sub.more().tree = Some(tree);
            }
            self.queue_recheck(tree, Recheck::Entries);
        }
        id
    }

    /// Undoes [`insert`](Self::insert), still to be settled.
    pub(super) fn remove(&mut self, id: SubId) -> Option<Sub> {
        self.forget_pending(id);
        let mut sub = self.subs.remove(id)?;
        if let Some(more) = sub.more.take() {
            if let Some(file) = more.file {
                self.release_file(file.wd, id);
            }
            if let Some(polled) = more.polled {
                self.poller.remove(polled);
            }
            if let Some(tree) = more.tree {
                if let Some(node) = self.nodes.get_mut(tree) {
                    node.tree.remove(id);
                }
                self.queue_recheck(tree, Recheck::Needs);
            }
            for hook in &more.hooks {
                self.unhook(id, hook, sub.wants);
            }
        }
        self.unhook(id, &sub.at, sub.wants);
        Some(sub)
    }

    /// The directory and the name that a path is; directories not known yet are queued to be looked at.
    pub(super) fn walk(&mut self, path: &Path) -> Hook {
        if self.nodes.get(self.root).is_some_and(|root| root.state == State::Absent) {
            self.queue_recheck(self.root, Recheck::Place);
        }
        // `..` stays a component: after a link it is not the directory before the link.
        let mut parts = path
            .as_os_str()
            .as_bytes()
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty() && *part != b".");
        let mut node = self.root;
        let Some(mut name) = parts.next() else { return Hook { node, name: Arc::from(&b""[..]) } };
        for next in parts {
            node = self.child(node, name);
            name = next;
        }
        let known = self.nodes.get(node).and_then(|node| node.entries.get_key_value(name));
        let name: Name = known.map_or_else(|| Arc::from(name), |(name, _)| name.clone());
        Hook { node, name }
    }

    /// The directory of a name in a directory.
    pub(super) fn child(&mut self, parent: NodeId, name: &[u8]) -> NodeId {
        let known = self.nodes.get(parent).and_then(|node| node.entries.get_key_value(name));
        let name: Name = match known {
            Some((_, entry)) if entry.child.is_some() => return entry.child.expect("was just seen"),
            Some((name, _)) => name.clone(),
            None => Arc::from(name),
        };
        let child = self.nodes.insert(Node::new(parent, name.clone()));
        if let Some(node) = self.nodes.get_mut(parent) {
            node.entries.entry(name).or_default().child = Some(child);
        }
        self.queue_recheck(child, Recheck::Place);
        child
    }

    /// Lets a subscription hear of a name.
    pub(super) fn hook(&mut self, id: SubId, hook: &Hook, wants: Wants) {
        let Some(node) = self.nodes.get_mut(hook.node) else { return };
        node.entries.entry(hook.name.clone()).or_default().subs.insert(id);
        let count = match wants {
            Wants::Changes => &mut node.changes,
            Wants::Contents => &mut node.contents,
            Wants::Names => return,
        };
        *count += 1;
        if *count == 1 {
            self.refresh_mask(hook.node);
        }
    }

    /// Undoes [`hook`](Self::hook); a directory that nobody needs any more is forgotten.
    pub(super) fn unhook(&mut self, id: SubId, hook: &Hook, wants: Wants) {
        let Some(node) = self.nodes.get_mut(hook.node) else { return };
        if let Some(entry) = node.entries.get_mut(&hook.name) {
            entry.subs.remove(id);
            if entry.subs.is_empty() && entry.child.is_none() {
                node.entries.remove(&hook.name);
            }
        }
        let count = match wants {
            Wants::Changes => Some(&mut node.changes),
            Wants::Contents => Some(&mut node.contents),
            Wants::Names => None,
        };
        let none_left = count.is_some_and(|count| {
            *count -= 1;
            *count == 0
        });
        if self.free_idle(hook.node) && none_left {
            self.refresh_mask(hook.node);
        }
    }

    /// Forgets a directory that nobody needs any more, and those around it; `true`: it is still needed.
    pub(super) fn free_idle(&mut self, mut id: NodeId) -> bool {
        let mut first = true;
        while let Some(node) = self.nodes.get_mut(id).filter(|node| node.is_idle()) {
            first = false;
            let (state, alias) = (std::mem::replace(&mut node.state, State::Absent), node.alias.take());
            let (parent, name) = (node.parent, node.name.clone());
            if let State::Armed(wd) = state {
                self.release_dir(wd, id);
            }
            if id == self.root {
                break;
            }
            self.nodes.remove(id);
            if let Some(alias) = alias {
                self.remove(alias.sub);
            }
            if let Some(around) = self.nodes.get_mut(parent)
                && let Some(entry) = around.entries.get_mut(&name)
            {
                entry.child = None;
                if entry.subs.is_empty() {
                    around.entries.remove(&name);
                }
            }
            id = parent;
        }
        first
    }

    /// The path of a name in a directory; an empty name: of the directory.
    pub(super) fn path(&self, id: NodeId, name: &[u8]) -> PathBuf {
        let mut parts = vec![name];
        let mut length = name.len() + 1;
        let mut at = id;
        while at != self.root {
            let Some(node) = self.nodes.get(at) else { break };
            parts.push(&node.name);
            length += node.name.len() + 1;
            at = node.parent;
        }
        let mut path = Vec::with_capacity(length);
        for part in parts.iter().rev().filter(|part| !part.is_empty()) {
            path.push(b'/');
            path.extend_from_slice(part);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        PathBuf::from(OsStr::from_bytes(&path))
    }

    fn forget_pending(&mut self, id: SubId) {
        let Some(sub) = self.subs.get_mut(id) else { return };
        let place = std::mem::replace(&mut sub.pending, NOT_PENDING);
        if let Some(pending) = self.pending.get_mut(place as usize) {
            pending.sub = None;
        }
    }
}
