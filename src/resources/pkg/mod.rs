//! The kind `pkg`: software packages.
//!
//! A check asks once what is installed, for all packages of a graph; a repair is one transaction for all that differ.
//! What to do about which package is decided by pure functions (`compare`).

mod apply;
mod compare;
mod contents;
mod error;
mod facts;
mod looked;
mod params;
mod spec;
mod undo;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::{doc_of, path_asks};
use crate::engine::kind::{Ask, Facts, Uid};
use crate::engine::path_watch::{Interest, PathSink};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Shown, Wake, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::packages::{Marks, PackageName, Packages, PackagesError, Terms, settled};
use compare::{differences, needs_offers};
use facts::Knowledge;
use looked::Looked;
use params::PkgParams;
use spec::{Member, Spec, Want};

/// The kind `pkg`.
#[derive(Debug)]
pub struct PkgKind {
    host: Arc<Host>,
    doc: KindDoc,
    knowledge: Arc<Knowledge>,
}

impl PkgKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        let knowledge = Arc::new(Knowledge::new(host.clone()));
        Self { host, doc: doc_of::<PkgParams>("pkg", Vec::new()), knowledge }
    }
}

impl Kind for PkgKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        self.group(std::slice::from_ref(declaration))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(spec) = Spec::new(declaration) else { return Capabilities::default() };
        let repositories =
            Ask::after_every(path_asks::every_repository(), "what says where packages come from");
        let source = spec.member.source.as_ref().and_then(|path| Some(path_asks::of_source(path.to_str()?)));
        // What undoes itself must know how each package stood by itself.
        let group = (!declaration.meta.reverse).then(|| spec.group_key());
        Capabilities {
            offers: vec![Uid::new("package", spec.member.name.name.clone())],
            asks: source.into_iter().chain([repositories]).collect(),
            group,
            waits: true,
            reversible: true,
            ..Capabilities::default()
        }
    }

    fn group(&self, members: &[Declaration]) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let (mut specs, mut errors) = (Vec::new(), Vec::new());
        for declaration in members {
            match Spec::new(declaration) {
                Ok(spec) => specs.push(spec),
                Err(found) => errors.extend(found),
            }
        }
        let (Some(lead), true) = (specs.first(), errors.is_empty()) else { return Err(errors) };
        let undo = members.first().filter(|lead| lead.meta.reverse);
        let undo = undo.map(|declaration| Box::new((lead.clone(), declaration.params.clone())));
        let (terms, backend, update_cache) = (lead.terms.clone(), lead.backend, lead.update_cache);
        let group = Group {
            terms,
            backend,
            update_cache,
            members: specs.into_iter().map(|spec| spec.member).collect(),
        };
        let (host, knowledge) = (self.host.clone(), self.knowledge.clone());
        Ok(Box::new(PkgResource { host, knowledge, group, looked: Arc::default(), undo }))
    }

    fn facts(&self) -> Option<&dyn Facts> {
        Some(&*self.knowledge)
    }
}

/// Packages that are changed together.
#[derive(Debug)]
struct Group {
    terms: Terms,
    backend: Option<&'static str>,
    update_cache: Option<std::time::Duration>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct PkgResource {
    host: Arc<Host>,
    knowledge: Arc<Knowledge>,
    group: Group,
    looked: Arc<Looked>,
    /// What was declared, for an undo.
    undo: Option<Box<(Spec, Params)>>,
}

impl PkgResource {
    fn tool(&self) -> Result<Arc<dyn Packages>, PackagesError> {
        self.host.packages.pick(self.group.backend, &self.host.processes)
    }

    fn members(&self, cx: &Cx) -> impl Iterator<Item = (u32, &Member)> {
        (0..).zip(&self.group.members).filter(|(index, _)| cx.concerns(*index))
    }

    fn differing(&self, cx: &Cx, drift: &Drift) -> Vec<u32> {
        self.members(cx).map(|(index, _)| index).filter(|index| drift.has_member(*index)).collect()
    }

    /// What differs, member by member.
    async fn compare(&self, cx: &Cx, packages: &dyn Packages) -> Result<Drift, ResourceError> {
        let look = packages.installed(&cx.cancel);
        let installed = self.host.packages.seen(packages).state(false, look).await?;
        let newest: Vec<PackageName> = self
            .members(cx)
            .filter(|(_, member)| needs_offers(member))
            .map(|(_, member)| member.name.clone())
            .collect();
        let offered = match newest.is_empty() {
            true => BTreeMap::new(),
            false => packages.offered(&newest, &self.group.terms, &cx.cancel).await?,
        };
        let mut drift = Drift::none();
        for (index, member) in self.members(cx) {
            let member = match apply::resolved(member, packages, &cx.cancel).await {
                Ok(member) => member,
                Err(refusal) => {
                    // The others are looked at all the same; the repair says why this one cannot be.
                    drift.add_member(
                        index,
                        "source",
                        Shown::text(refusal.to_string()),
                        Shown::text("a package file"),
                    );
                    continue;
                }
            };
            let standing = installed.standing(&member.name);
            for difference in differences(&member, &standing, offered.get(&member.name)) {
                drift.add_member(index, difference.what, difference.found, difference.wanted);
            }
        }
        Ok(drift)
    }
}

#[async_trait]
impl Resource for PkgResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let packages = self.tool()?;
        let newest = self.group.members.iter().any(|member| member.want == Want::Newest);
        let arm = |path: &Path, interest: Interest, marks: Option<Marks>| {
            let (host, packages, waker) = (self.host.clone(), packages.clone(), cx.waker().clone());
            let looked = self.looked.clone();
            let sink: PathSink = Arc::new(move |_| {
                let counts = |marks| newest || marks != Marks::Lists || looked.misses_lists();
                if marks.is_none_or(|marks| counts(marks) && looked.is_news(marks, &*packages)) {
                    host.packages.seen(&*packages).changed();
                    waker.wake(Wake::default());
                }
            });
            self.host.watch.watch(path, interest, sink).map_err(HostError::from)
        };
        let mut guards = Vec::new();
        for watched in packages.watched() {
            guards.push(arm(&watched.path, watched.interest, Some(watched.marks))?);
        }
        for source in self.group.members.iter().filter_map(|member| member.source.as_deref()) {
            guards.push(arm(source, Interest::CONTENT, None)?);
        }
        Ok(Wakes::pushed(guards))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let packages = self.tool()?;
        if !cx.noop {
            // Our own transaction may take its time; others are waited for as long as was said.
            tokio::select! {
                turn = self.host.packages.turn.lock() => drop(turn),
                () = cx.cancel.cancelled() => return Err(PackagesError::Cancelled.into()),
            }
            settled(&*packages, &*self.host.watch, self.group.terms.lock_timeout, &cx.cancel).await?;
        }
        self.looked.look(&*packages);
        let drift = self.compare(cx, &*packages).await?;
        for (index, _) in self.members(cx) {
            self.looked.judge(index, !drift.has_member(index));
        }
        if cx.noop && !drift.is_empty() {
            self.foresee(cx, &*packages, &self.differing(cx, &drift)).await;
        }
        if self.knowledge.gather(cx.waker()) {
            cx.facts_changed();
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        for (member, error) in self.repair(cx, &self.differing(cx, &drift)).await? {
            if self.group.members.len() == 1 {
                return Err(error);
            }
            cx.member_failed(member, error);
        }
        Ok(Outputs::none())
    }

    async fn diff(&self, cx: &Cx, drift: &Drift) -> Result<Option<String>, ResourceError> {
        self.simulation(cx, &self.differing(cx, drift)).await
    }

    async fn undo(&self, cx: &Cx) -> Result<Option<Params>, ResourceError> {
        let Some(undo) = &self.undo else { return Ok(None) };
        let (spec, given) = &**undo;
        let packages = self.tool()?;
        let installed = packages.installed(&cx.cancel).await?;
        Ok(Some(undo::undo(spec, given, &installed.standing(&spec.member.name))))
    }
}
