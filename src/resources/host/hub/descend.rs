//! Keeps each directory path of the tree true to what is there: descends as directories appear, falls back as they go.
//!
//! The order is what loses no event: a directory is armed first, then the next one is looked for in it, then those who
//! wait for it are told. They are told even if all is as it was, once something else may have been there in between: a
//! subscriber may look at any time, and who looked in between must look again.

use std::path::Path;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::event::Wants;
use super::file_system::FileSystem;
use super::kernel::file_type;
use super::node::{Alias, Needs, Node, NodeId, State};
use super::slab::Few;
use super::sub::{Action, Told, target_of};
use super::tree::{Recheck, Tree};

/// What a node was found to be.
struct Place {
    state: State,
    deep: Needs,
    inherits: bool,
}

impl Tree {
    /// Looks at a node again, and queues what follows from it.
    pub(super) fn recheck(&mut self, id: NodeId, how: Recheck) {
        let Some(node) = self.nodes.get(id) else { return };
        let (old_state, old_deep) = (node.state, node.deep);
        let Place { state, deep, inherits } = self.place(id, how);
        let Some(node) = self.nodes.get_mut(id) else { return };
        (node.state, node.deep, node.inherits) = (state, deep, inherits);
        let moved = state != old_state;
        let told = moved || how == Recheck::Meanwhile;
        if moved && let State::Armed(wd) = old_state {
            self.release_dir(wd, id);
        }
        if deep != old_deep {
            self.refresh_mask(id);
        }
        if told {
            self.tell_all_in(id);
            self.tell_trees(id, Told::CERTAIN);
        }
        if told || deep != old_deep {
            let follow = if told { Recheck::Meanwhile } else { Recheck::Needs };
            let children: Vec<NodeId> = self.nodes.get(id).into_iter().flat_map(Node::children).collect();
            for child in children {
                self.queue_recheck(child, follow);
            }
        }
        let scan = told || how == Recheck::Entries || (deep != old_deep && deep.any());
        if scan && deep.any() && matches!(state, State::Armed(_)) {
            self.scan(id);
        }
        if state == State::Polled {
            self.poll_trees(id);
        }
        self.free_idle(id);
    }

    /// What a node is now.
    fn place(&mut self, id: NodeId, how: Recheck) -> Place {
        let own = self.tree_needs(id);
        let Some(node) = self.nodes.get(id) else {
            return Place { state: State::Absent, deep: own, inherits: false };
        };
        let around = self.nodes.get(node.parent).filter(|_| id != self.root);
        let around_deep = around.map_or_else(Needs::default, |around| around.deep);
        let around_state = around.map_or(State::Blind, |around| around.state);
        let (old, was_link) = (node.state, node.alias.is_some());
        let outside = node.is_up();
        let inherited = |link: bool| if link || outside { Needs::default() } else { around_deep };
        let (state, link) = match around_state {
            _ if how == Recheck::Needs => (old, was_link),
            State::Absent | State::Polled => {
                self.set_alias(id, None);
                (around_state, false)
            }
            State::Armed(_) | State::Blind => {
                let path = self.path(id, b"");
                let kind = self.kernel.lstat(&path).map(|stat| file_type(&stat));
                let link = kind == Some(FileType::Symlink);
                let deep = own.or(inherited(link));
                (self.place_at(id, &path, kind, deep), link)
            }
        };
        let inherits = inherited(link).any() && matches!(state, State::Armed(_));
        let deep = if inherits { own.or(around_deep) } else { own };
        Place { state, deep, inherits }
    }

    fn place_at(&mut self, id: NodeId, path: &Path, kind: Option<FileType>, deep: Needs) -> State {
        let link = kind == Some(FileType::Symlink);
        if !link {
            self.set_alias(id, None);
        }
        if !link && kind != Some(FileType::Directory) {
            return State::Absent;
        }
        let file_system = self.kernel.file_system(path);
        if file_system == Err(Errno::LOOP) {
            // Links in a circle: any of them may be put right, so this is not worth following.
            self.set_alias(id, None);
            return State::Polled;
        }
        if link {
            self.set_alias(id, Some(path));
        }
        match file_system {
            Ok(FileSystem::Events) => {
                let needs = self.nodes.get(id).map_or(deep, |node| node.needs().or(deep));
                self.arm_dir(id, path, link, needs)
            }
            Ok(FileSystem::Timed | FileSystem::Synthetic) => State::Polled,
            Err(_) => State::Absent,
        }
    }

    /// Subscribes to where the link at `path` leads, in place of where it led before; `None`: it is no link.
    fn set_alias(&mut self, id: NodeId, path: Option<&Path>) {
        let target = path.and_then(|path| Some(target_of(path, self.kernel.read_link(path)?)));
        let Some(node) = self.nodes.get_mut(id) else { return };
        if node.alias.as_ref().map(|alias| &alias.target) == target.as_ref() {
            return;
        }
        let old = node.alias.take();
        if let Some(target) = target {
            let sub = self.insert(&target, Action::Recheck(id), Wants::Names, false, true);
            self.queue_look(sub);
            if let Some(node) = self.nodes.get_mut(id) {
                node.alias = Some(Box::new(Alias { sub, target }));
            }
        }
        // The new first: what both need stays watched.
        if let Some(old) = old {
            self.remove(old.sub);
        }
    }

    /// What those need who want to know of everything below a node.
    fn tree_needs(&self, id: NodeId) -> Needs {
        let Some(node) = self.nodes.get(id) else { return Needs::default() };
        let subs = node.tree.as_slice().iter().filter_map(|sub| self.subs.get(*sub));
        subs.fold(Needs::default(), |needs, sub| {
            needs.or(Needs { changes: sub.wants == Wants::Changes, contents: sub.wants == Wants::Contents })
        })
    }

    /// Takes the directories in a directory of a tree into the tree.
    fn scan(&mut self, id: NodeId) {
        for name in self.kernel.directories(&self.path(id, b"")) {
            let child = self.child(id, &name);
            self.queue_recheck(child, Recheck::Place);
        }
    }

    /// Each name in a directory may mean something else now.
    fn tell_all_in(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get(id) else { return };
        let subs: Vec<_> =
            node.entries.values().flat_map(|entry| entry.subs.as_slice().iter().copied()).collect();
        for sub in subs {
            let primary = self.subs.get(sub).is_some_and(|sub| sub.at.node == id);
            self.tell(sub, Told { deliver: true, certain: !primary, ..Told::default() });
            self.queue_look(sub);
        }
    }

    /// Tells those who want to know of everything around.
    pub(super) fn tell_trees(&mut self, id: NodeId, told: Told) {
        self.each_tree(id, |tree, subs| {
            for sub in subs.as_slice() {
                tree.tell(*sub, told);
            }
        });
    }

    fn poll_trees(&mut self, id: NodeId) {
        self.each_tree(id, |tree, subs| {
            for sub in subs.as_slice() {
                tree.poll(*sub);
            }
        });
    }

    /// The subscribers of the trees that a directory is in, innermost first.
    pub(super) fn each_tree(&mut self, id: NodeId, mut act: impl FnMut(&mut Self, Few<super::node::SubId>)) {
        let mut at = id;
        let mut inherits = true;
        // A directory that has just appeared or gone does not inherit yet, or any more: its parent says.
        while inherits && let Some(node) = self.nodes.get(at) {
            inherits =
                at != self.root && (node.inherits || (at == id && node.alias.is_none() && !node.is_up()));
            let (subs, parent) = (node.tree.clone(), node.parent);
            let inside = at == id || node.deep.any();
            if !inside {
                break;
            }
            act(self, subs);
            at = parent;
        }
    }
}
