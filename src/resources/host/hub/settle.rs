//! Works off what was queued, until nothing follows from anything any more; then says who is to be told what.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Stat};

use super::event::Wants;
use super::kernel::file_type;
use super::node::{Needs, NodeId, State, SubId};
use super::sub::{Action, FileWatch, Hook, NOT_PENDING, Sub, target_of};
use super::tree::{Delivery, Recheck, Tree};
use crate::engine::path_watch::PathEvent;
use crate::resources::host::stamp::stamp_of;

/// As many links the kernel follows on the way to a file.
const MAX_LINKS: usize = 40;

/// Where a path leads.
struct Target {
    path: PathBuf,
    stat: Option<Stat>,
}

impl Tree {
    /// Works off everything queued. Directories go first: what a path is depends on them.
    pub(super) fn settle(&mut self) {
        loop {
            if let Some(id) = self.dirty.pop_front() {
                // Its place may have been freed, or filled anew, since it was queued.
                if let Some(how) = self.nodes.get_mut(id).and_then(|node| node.queued.take()) {
                    self.recheck(id, how);
                }
            } else if let Some(sub) = self.looks.pop() {
                self.look(sub);
            } else {
                break;
            }
        }
    }

    /// Looks at a directory again; once, whatever the number of reasons.
    pub(super) fn queue_recheck(&mut self, id: NodeId, how: Recheck) {
        let Some(node) = self.nodes.get_mut(id) else { return };
        let queued = node.queued;
        node.queued = queued.max(Some(how));
        if queued.is_none() {
            self.dirty.push_back(id);
        }
    }

    /// Looks at the path of a subscription before it is told.
    pub(super) fn queue_look(&mut self, id: SubId) {
        if let Some(sub) = self.subs.get_mut(id)
            && !sub.look_queued
        {
            sub.look_queued = true;
            self.looks.push(id);
        }
    }

    /// Moves out what is to be told.
    pub(super) fn take_deliveries(&mut self, out: &mut Vec<Delivery>) {
        for pending in std::mem::take(&mut self.pending) {
            let Some(sub) = pending.sub.and_then(|sub| self.subs.get_mut(sub)) else { continue };
            sub.pending = NOT_PENDING;
            if pending.told.deliver
                && let Action::Tell(sink) = &sub.action
            {
                let stamp = if pending.told.certain { None } else { pending.stamp };
                out.push((sink.clone(), PathEvent { stamp }));
            }
        }
    }

    /// One `lstat` serves all that must be known of a path: its stamp, whether it is a link, whether it has other names.
    fn look(&mut self, id: SubId) {
        let Some(sub) = self.subs.get_mut(id) else { return };
        sub.look_queued = false;
        let Some(sub) = self.subs.get(id) else { return };
        let follow = sub.follow;
        let path = self.path(sub.at.node, &sub.at.name);
        let stat = self.kernel.lstat(&path);
        let is_link = stat.as_ref().is_some_and(|stat| file_type(stat) == FileType::Symlink);
        let stamp = stamp_of(stat.as_ref());
        let (target, moved) = if follow && is_link {
            self.follow(id, path)
        } else {
            (Target { path, stat }, self.set_hooks(id, Vec::new()))
        };
        self.watch_file(id, &target);
        self.poll_unwatched(id);
        let Some(sub) = self.subs.get(id) else { return };
        let place = sub.pending;
        let around = if let Action::Recheck(node) = sub.action { Some(node) } else { None };
        if let Some(node) = around.filter(|_| moved) {
            // The link may have changed between the look at it and the arming of where it leads.
            self.queue_recheck(node, Recheck::Meanwhile);
        }
        let Some(pending) = self.pending.get_mut(place as usize) else { return };
        pending.stamp = Some(stamp);
        let complete =
            target.stat.is_some_and(|stat| stat.st_nlink > 1 || file_type(&stat) != FileType::RegularFile);
        let told = &mut pending.told;
        told.deliver |= (told.if_target_complete && (complete || moved)) || (told.if_complete && is_link);
    }

    /// Follows a link, link by link, and subscribes to each name on the way; also whether that changed anything.
    fn follow(&mut self, id: SubId, link: PathBuf) -> (Target, bool) {
        let mut hooks: Vec<Hook> = Vec::new();
        let mut target = Target { path: link, stat: None };
        while hooks.len() < MAX_LINKS {
            let Some(to) = self.kernel.read_link(&target.path) else { break };
            let path = target_of(&target.path, to);
            let hook = self.walk(&path);
            // In a circle, or a link to itself.
            if hooks.contains(&hook) || self.subs.get(id).is_none_or(|sub| sub.at == hook) {
                self.free_idle(hook.node);
                break;
            }
            hooks.push(hook);
            target = Target { stat: self.kernel.lstat(&path), path };
        }
        (target, self.set_hooks(id, hooks))
    }

    /// Subscribes to where a path leads in place of where it led before; `false`: it leads where it did.
    fn set_hooks(&mut self, id: SubId, hooks: Vec<Hook>) -> bool {
        let Some(sub) = self.subs.get_mut(id) else { return false };
        if sub.hooks() == hooks {
            return false;
        }
        let wants = sub.wants;
        let old = std::mem::replace(&mut sub.more().hooks, hooks.clone());
        let fresh = |hook: &&Hook| !old.contains(hook);
        for hook in hooks.iter().filter(fresh) {
            self.hook(id, hook, wants);
        }
        for hook in old.iter().filter(|hook| !hooks.contains(hook)) {
            self.unhook(id, hook, wants);
        }
        true
    }

    /// A file with several names changes through any of them: it is watched itself.
    fn watch_file(&mut self, id: SubId, target: &Target) {
        let Some(sub) = self.subs.get(id) else { return };
        let old = sub.more.as_ref().and_then(|more| more.file);
        let linked = target.stat.filter(|stat| stat.st_nlink > 1 && file_type(stat) == FileType::RegularFile);
        let needs = Needs { changes: sub.wants == Wants::Changes, contents: sub.wants == Wants::Contents };
        let same = |file: FileWatch, stat: Stat| (file.dev, file.ino) == (stat.st_dev, stat.st_ino);
        match (old, linked) {
            (None, None) => return,
            (Some(old), Some(stat)) if same(old, stat) => return,
            _ if !needs.any() => return,
            _ => {}
        }
        let fresh = linked.and_then(|stat| {
            let wd = self.arm_file(id, &target.path, needs).ok()?;
            Some(FileWatch { wd, dev: stat.st_dev, ino: stat.st_ino })
        });
        if let Some(sub) = self.subs.get_mut(id) {
            sub.more().file = fresh;
        }
        if let Some(old) = old
            && fresh.is_none_or(|fresh| fresh.wd != old.wd)
        {
            self.release_file(old.wd, id);
        }
        if linked.is_some() && fresh.is_none() && self.still_is(target) {
            self.poll(id);
        }
    }

    /// Whether a target is still what it was: one that was replaced meanwhile has another event coming.
    fn still_is(&self, target: &Target) -> bool {
        let now = self.kernel.lstat(&target.path);
        now.map(|stat| (stat.st_dev, stat.st_ino)) == target.stat.map(|stat| (stat.st_dev, stat.st_ino))
    }

    /// Polls a path if a directory that would report its changes cannot be watched.
    pub(super) fn poll_unwatched(&mut self, id: SubId) {
        let Some(sub) = self.subs.get(id) else { return };
        let unwatched = |node: Option<&super::node::Node>| {
            node.is_some_and(|node| matches!(node.state, State::Polled | State::Blind))
        };
        let hooks = std::iter::once(&sub.at).chain(sub.hooks());
        let tree = sub.more.as_ref().and_then(|more| more.tree);
        let nodes = hooks.map(|hook| hook.node).chain(tree);
        if nodes.into_iter().any(|node| unwatched(self.nodes.get(node))) {
            self.poll(id);
        }
    }

    /// Polls the path of a subscription from now on. It is never watched again: polling is right everywhere.
    pub(super) fn poll(&mut self, id: SubId) {
        let Some(sub) = self.subs.get(id) else { return };
        let Action::Tell(sink) = &sub.action else { return };
        if sub.more.as_ref().is_some_and(|more| more.polled.is_some()) {
            return;
        }
        let path: Arc<Path> = self.path(sub.at.node, &sub.at.name).into();
        let polled = self.poller.add(path, sub.recursive, sub.follow, sink.clone());
        if let Some(sub) = self.subs.get_mut(id) {
            Sub::more(sub).polled = Some(polled);
        }
    }
}
