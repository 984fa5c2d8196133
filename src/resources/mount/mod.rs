//! The kind `mount`: file systems, now and at boot.

mod apply;
mod devices;
mod differences;
mod error;
mod foreseen;
mod in_vain;
mod kernel;
mod memory;
mod options;
mod said;
mod spec;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::file::diff::unified;
use super::file::target::Target;
use super::{doc_of, path_asks};
use crate::engine::drift::Shown;
use crate::engine::kind::{Ask, Claim, Uid};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Value, Wakes,
};
use crate::resources::host::Host;
use crate::resources::host::mounts::{fstab, table};
use devices::SystemDevices;
use differences::{Difference, drift};
use foreseen::Knowledge;
use in_vain::InVain;
use memory::Memory;
use said::TOOLS;
use spec::{MountParams, Spec};

/// The kind `mount`.
#[derive(Debug)]
pub struct MountKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl MountKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<MountParams>("mount", Vec::new()) }
    }
}

impl Kind for MountKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let spec = Spec::new(declaration)?;
        let (host, in_vain, memory) = (self.host.clone(), Mutex::default(), Memory::default());
        Ok(Box::new(MountResource { host, spec, in_vain, memory }))
    }

    fn claims(&self, declaration: &Declaration) -> Vec<Claim> {
        let spec = Spec::new(declaration).ok();
        spec.map(|spec| Claim::alone("mount", spec.point, declaration)).into_iter().collect()
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(spec) = Spec::new(declaration) else { return Capabilities::default() };
        let target = Target { path: spec.point.clone(), is_dir: true };
        let above = |sort| target.ancestors().map(|path| Uid::new(sort, path)).collect::<Vec<_>>();
        let mut asks = Vec::new();
        if !spec.present {
            asks.push(Ask::before(above("mount"), "the file system that is mounted on it"));
        } else {
            asks.push(Ask::after(vec![Uid::path(spec.point.clone())], "its mount point"));
            asks.extend(path_asks::of_target(&target));
            let device = &*spec.entry.device;
            if device.starts_with('/') {
                let source = Target { path: device.into(), is_dir: false };
                asks.push(path_asks::of_source(device));
                let mounts: Vec<Uid> = std::iter::once(device)
                    .chain(source.ancestors())
                    .map(|path| Uid::new("mount", path))
                    .collect();
                asks.push(Ask::after(mounts, "the file system of what it mounts"));
            }
            let tools = TOOLS.iter().filter(|(fstype, _)| *fstype == &*spec.entry.fstype);
            let packages = |names: &[&str]| names.iter().map(|name| Uid::new("package", *name)).collect();
            asks.extend(tools.map(|(_, names)| Ask::after(packages(names), "the tools of its file system")));
        }
        asks.retain(|ask| !ask.first_of.is_empty());
        let offers = vec![Uid::new("mount", spec.point)];
        Capabilities { offers, asks, waits: true, reversible: true, ..Capabilities::default() }
    }
}

#[derive(Debug)]
struct MountResource {
    host: Arc<Host>,
    spec: Spec,
    in_vain: Mutex<Option<InVain>>,
    memory: Memory,
}

#[async_trait]
impl Resource for MountResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        self.host.mounts.watch(cx, &*self.host.watch).await
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let state = self.host.mounts.look().await?;
        let found = self.memory.differences(&state, &self.spec, &SystemDevices, cx)?;
        let in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        if in_vain.as_ref().is_some_and(|it| it.holds(&found)) {
            return Err(apply::no_effect(&self.spec, &found).into());
        }
        let mut drift = drift(&self.spec, &found);
        if found.iter().any(|it| matches!(it, Difference::NotMounted | Difference::Other(_))) {
            let point = &*self.spec.point;
            if self.spec.mkdir && !foreseen::has_point(&self.spec) {
                drift.add("mkdir", Shown::Absent, Shown::text(point));
            }
            if cx.noop
                && let Err(error) = foreseen::will_mount(&self.spec, &Knowledge::of_this_host())
            {
                cx.foresee(0, error.into());
            }
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let done = apply::apply(&self.host, &self.spec, &SystemDevices, &self.memory, cx).await;
        let state = self.host.mounts.look_anew().await?;
        let (left, error) = match done {
            Ok(left) if left.is_empty() => (left, None),
            Ok(left) => {
                let error = apply::no_effect(&self.spec, &left).into();
                (left, Some(error))
            }
            // It is mounted, and its line cannot be written: each try is an event by its remount.
            Err(error) => {
                let mut left = self.memory.differences(&state, &self.spec, &SystemDevices, cx)?;
                if !left.iter().all(Difference::is_of_fstab) {
                    left.clear();
                }
                (left, Some(error))
            }
        };
        let mut in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        *in_vain = (!left.is_empty()).then(|| InVain::after(in_vain.as_ref(), left, cx.waker()));
        error.map_or_else(|| Ok(Outputs::none()), Err)
    }

    async fn diff(&self, _: &Cx, _: &Drift) -> Result<Option<String>, ResourceError> {
        if self.spec.secret {
            return Ok(None);
        }
        let state = self.host.mounts.look().await?;
        let text = &state.fstab;
        let wanted = if self.spec.in_fstab {
            fstab::with(text, &self.spec.entry)
        } else {
            fstab::without(text, &self.spec.point)
        };
        Ok((wanted != *text).then(|| unified(self.host.mounts.fstab(), text, &wanted)))
    }

    async fn undo(&self, _: &Cx) -> Result<Option<Params>, ResourceError> {
        let state = self.host.mounts.look_anew().await?;
        let entry = fstab::find(&state.fstab, &self.spec.point);
        let mounted = table::at(&state.mounts, &self.spec.point);
        let mut undo = Params::new();
        let of_table = |it: &table::Mounted| (it.source.clone(), it.fstype.clone(), it.options.join(","));
        let found = match (&entry, mounted) {
            (Some(entry), _) => {
                undo.set("freq", Value::Int(entry.freq.into()));
                undo.set("passno", Value::Int(entry.passno.into()));
                Some((entry.device.clone(), entry.fstype.clone(), entry.options.to_string()))
            }
            (None, mounted) => mounted.map(of_table),
        };
        let Some((device, fstype, options)) = found else {
            undo.set("state", Value::str("absent"));
            return Ok(Some(undo));
        };
        let is_bind = options.split(',').any(|option| option == "bind")
            || (entry.is_none() && mounted.is_some_and(|it| &*it.root != "/" && self.spec.bind));
        let options = options.split(',').filter(|it| !matches!(*it, "bind" | "defaults"));
        undo.set("state", Value::str("exists"));
        undo.set("fs", Value::List(options.map(Value::str).collect()));
        undo.set("bind", Value::Bool(is_bind));
        undo.set("device", Value::str(&*device));
        undo.set("type", Value::str(&*fstype));
        undo.set("fstab", Value::Bool(entry.is_some()));
        undo.set("mounted", Value::Bool(mounted.is_some()));
        Ok(Some(undo))
    }
}
