//! From a report of the kernel to the subscriptions that it concerns.

use rustix::fs::FileType;
use rustix::fs::inotify::ReadFlags;

use super::event::{Change, RawEvent, Verdict};
use super::kernel::file_type;
use super::node::{NodeId, State, SubId};
use super::slab::Few;
use super::sub::{Action, NOT_PENDING, Pending, Told};
use super::tree::{Recheck, Tree};
use crate::resources::host::temp_name::is_temp;

impl Tree {
    /// Takes in one report. What follows from it is queued.
    pub(super) fn handle(&mut self, event: &RawEvent<'_>) {
        if event.flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            return self.overflow();
        }
        if event.flags.contains(ReadFlags::IGNORED) {
            return self.forget_watch(event.wd);
        }
        if is_temp(event.name) {
            return self.own.left(event);
        }
        let Some(change) = self.own.change(event) else { return };
        let Some(watch) = self.watches.get(&event.wd) else { return };
        let (dirs, files) = (watch.dirs.clone(), watch.files.clone());
        let is_dir = event.flags.contains(ReadFlags::ISDIR);
        for dir in dirs.as_slice() {
            if event.name.is_empty() {
                self.handle_self(*dir, change);
            } else {
                self.handle_name(*dir, event.name, change, is_dir);
            }
        }
        for sub in files.as_slice() {
            self.judge(*sub, change, true);
        }
    }

    /// A watched directory itself changed.
    fn handle_self(&mut self, id: NodeId, change: Change) {
        if id == self.root {
            self.judge_all(id, b"", change);
        } else if self.nodes.get(id).is_some_and(|node| node.alias.is_some()) {
            // Any other directory is reported by the one around it too, and by its name.
            self.tell_trees_of(id, b"", change, true);
        }
    }

    fn handle_name(&mut self, id: NodeId, name: &[u8], change: Change, is_dir: bool) {
        let Some(node) = self.nodes.get(id) else { return };
        let deep = node.deep.any();
        let child = node.entries.get(name).and_then(|entry| entry.child);
        match child {
            Some(child) => {
                let barred = |child| {
                    self.nodes.get(child).is_some_and(|child| !matches!(child.state, State::Armed(_)))
                };
                if change.is_of_name() || (change == Change::Attributes && barred(child)) {
                    // Where a directory is made there was none before, and whoever took away the last one was reported.
                    let is_first = change == Change::Attributes || (is_dir && change == Change::Created);
                    self.queue_recheck(child, if is_first { Recheck::Place } else { Recheck::Meanwhile });
                }
            }
            None if deep && is_dir && change.is_of_name() && change != Change::Gone => {
                self.child(id, name);
            }
            None => {}
        }
        self.judge_all(id, name, change);
        if deep {
            self.tell_trees_of(id, name, change, is_dir);
        }
    }

    /// Lets the subscribers of a name judge what happened to it.
    fn judge_all(&mut self, id: NodeId, name: &[u8], change: Change) {
        let Some(entry) = self.nodes.get(id).and_then(|node| node.entries.get(name)) else { return };
        // Ten thousand subscribers of one name are rare enough for a copy.
        let subs: Few<SubId> = entry.subs.clone();
        for sub in subs.as_slice() {
            let primary = self.subs.get(*sub).is_some_and(|sub| sub.at.node == id && *sub.at.name == *name);
            self.judge(*sub, change, primary);
        }
    }

    /// Lets a subscriber judge what happened to its path, or to what its path leads to.
    fn judge(&mut self, id: SubId, change: Change, primary: bool) {
        let Some(sub) = self.subs.get(id) else { return };
        let told = match sub.wants.verdict(change) {
            Verdict::Ignore => return,
            Verdict::Certain => Told::CERTAIN,
            Verdict::Look => return self.look_again(id),
            // The stamp is of the path itself, and says nothing of where a link leads.
            Verdict::MaybeEcho => Told { deliver: true, certain: !primary, ..Told::default() },
            Verdict::IfComplete => {
                Told { certain: !primary, if_complete: primary, if_target_complete: true, ..Told::default() }
            }
        };
        self.tell(id, told);
        // Not for each write: there may be many, and they say nothing of the name.
        if change != Change::Written {
            self.queue_look(id);
        }
    }

    fn look_again(&mut self, id: SubId) {
        if let Some(Action::Recheck(node)) = self.subs.get(id).map(|sub| &sub.action) {
            self.queue_recheck(*node, Recheck::Meanwhile);
        }
        self.queue_look(id);
    }

    /// A name changed below a directory of which somebody wants to know everything. Their own stamp says nothing of
    /// what is below, so this is never an echo.
    fn tell_trees_of(&mut self, id: NodeId, name: &[u8], change: Change, is_dir: bool) {
        let mut complete = is_dir.then_some(true);
        self.each_tree(id, |tree, subs| {
            for sub in subs.as_slice() {
                let Some(wants) = tree.subs.get(*sub).map(|sub| sub.wants) else { continue };
                let tell = match wants.verdict(change) {
                    Verdict::Ignore | Verdict::Look => false,
                    Verdict::Certain | Verdict::MaybeEcho => true,
                    Verdict::IfComplete => *complete.get_or_insert_with(|| tree.is_complete(id, name)),
                };
                if tell {
                    tree.tell(*sub, Told::CERTAIN);
                }
            }
        });
    }

    /// Whether no close will follow on the creation of a name.
    fn is_complete(&self, id: NodeId, name: &[u8]) -> bool {
        let stat = self.kernel.lstat(&self.path(id, name));
        stat.is_some_and(|stat| stat.st_nlink > 1 || file_type(&stat) != FileType::RegularFile)
    }

    /// Notes that a subscription is to be told; several reasons at a time become one event.
    pub(super) fn tell(&mut self, id: SubId, told: Told) {
        let Some(sub) = self.subs.get_mut(id) else { return };
        if let Action::Recheck(node) = sub.action {
            self.queue_recheck(node, Recheck::Meanwhile);
            return;
        }
        if sub.pending == NOT_PENDING {
            sub.pending = self.pending.len() as u32;
            self.pending.push(Pending { sub: Some(id), told, stamp: None });
        } else if let Some(pending) = self.pending.get_mut(sub.pending as usize) {
            pending.told.merge(told);
        }
    }

    /// The kernel has ended a watch: what was watched is deleted or unmounted.
    fn forget_watch(&mut self, wd: i32) {
        let Some(watch) = self.watches.remove(&wd) else { return };
        for dir in watch.dirs.as_slice() {
            self.queue_recheck(*dir, Recheck::Meanwhile);
        }
        for id in watch.files.as_slice() {
            if let Some(sub) = self.subs.get_mut(*id) {
                sub.more().file = None;
            }
            self.queue_look(*id);
        }
    }

    /// Something was mounted or unmounted at a path, which so leads elsewhere, and all below it.
    pub(super) fn remounted(&mut self, point: &[u8]) {
        let mut names = point.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).peekable();
        let (mut at, mut last) = (self.root, &b""[..]);
        while let Some(name) = names.next() {
            last = name;
            if names.peek().is_none() {
                break;
            }
            let entry = self.nodes.get(at).and_then(|node| node.entries.get(name));
            let Some(child) = entry.and_then(|entry| entry.child) else { return };
            at = child;
        }
        let Some(node) = self.nodes.get(at) else { return };
        let entry = node.entries.get(last);
        let (child, deep) = (entry.and_then(|entry| entry.child), node.deep.any());
        let subs = entry.map(|entry| entry.subs.clone()).unwrap_or_default();
        match child {
            _ if last.is_empty() => self.queue_recheck(self.root, Recheck::Meanwhile),
            Some(child) => self.queue_recheck(child, Recheck::Meanwhile),
            None if deep => drop(self.child(at, last)),
            None => {}
        }
        for sub in subs.as_slice() {
            self.tell(*sub, Told::CERTAIN);
            self.queue_look(*sub);
        }
        if deep {
            self.tell_trees(at, Told::CERTAIN);
        }
    }

    /// Reports were lost: everything is looked at again, and everyone is told.
    fn overflow(&mut self) {
        self.overflows += 1;
        tracing::warn!(
            subscriptions = self.subs.len(),
            "the kernel lost events of watched files (fs.inotify.max_queued_events): everything watched is checked"
        );
        let nodes: Vec<NodeId> = self.nodes.keys().collect();
        for node in nodes {
            self.queue_recheck(node, Recheck::Meanwhile);
        }
        let subs: Vec<SubId> = self.subs.keys().collect();
        for sub in subs {
            self.tell(sub, Told::CERTAIN);
            self.queue_look(sub);
        }
    }
}
