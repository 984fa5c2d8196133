//! Putting packages right: one transaction for all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compare::{decide, differences};
use super::error::{PkgError, Refusal};
use super::looked::Looked;
use super::spec::{Member, Pattern, Want};
use super::{Group, PkgResource};
use crate::engine::{Cancel, Cx, ResourceError, Wake};
use crate::resources::host::packages::{
    Change, Installed, Offered, PackageName, Packages, PackagesError, Standing, Status, Terms, settled,
};

/// A repair under way.
pub(super) struct Repair<'a> {
    group: &'a Group,
    packages: &'a dyn Packages,
    looked: &'a Looked,
    cancel: &'a Cancel,
    /// Nothing is fetched.
    only_looks: bool,
    /// The members that differ, by their index, with the version in their file if they have one.
    members: Vec<(u32, Member)>,
    refused: Vec<(u32, PkgError)>,
    /// Why the lists at hand may not be the newest.
    not_fetched: Option<Arc<str>>,
}

/// Those that are not as wanted after a repair.
type Failed = Vec<(u32, ResourceError)>;

/// What came of a repair.
struct Repaired {
    failed: Failed,
    /// The tool says that all is well, and it is not.
    is_contradicted: bool,
    /// What is installed then.
    installed: Installed,
}

/// What a transaction came to.
type Ended = Result<(), PackagesError>;

impl PkgResource {
    /// Puts these members right: those that cannot be, and why. The others are.
    ///
    /// # Errors
    /// When nothing can be done for any of them.
    pub(super) async fn repair(&self, cx: &Cx, members: &[u32]) -> Result<Failed, ResourceError> {
        let host = &self.host;
        let packages = self.tool()?;
        let _turn = tokio::select! {
            turn = host.packages.turn.lock() => turn,
            () = cx.cancel.cancelled() => return Err(PackagesError::Cancelled.into()),
        };
        settled(&*packages, &*host.watch, self.group.terms.lock_timeout, &cx.cancel).await?;
        let repair = self.begin(cx, &*packages, members, false).await;
        let repairing = self.looked.begin();
        let mut result = repair.run().await;
        // Somebody has undone it before it was looked at, or the tool does not say the truth: once more shows which.
        if result.as_ref().is_ok_and(|repaired| repaired.is_contradicted)
            && settled(&*packages, &*host.watch, self.group.terms.lock_timeout, &cx.cancel).await.is_ok()
        {
            result = self.begin(cx, &*packages, members, false).await.run().await;
        }
        let lost = result.as_ref().is_ok_and(|repaired| self.loses(members, repaired));
        let result = result.map(|repaired| repaired.failed);
        if repairing.end(&*packages, result.as_ref().is_ok_and(Vec::is_empty)) || lost {
            cx.waker().wake(Wake::default());
        }
        // Even if it failed, or was broken off.
        host.packages.seen(&*packages).changed();
        cx.edges_derived().await;
        result
    }

    /// Judges the members of a repair. Whether one of the others is not as wanted any more: what happens during a repair is
    /// no event.
    fn loses(&self, members: &[u32], repaired: &Repaired) -> bool {
        for index in members {
            self.looked.judge(*index, !repaired.failed.iter().any(|(failed, _)| failed == index));
        }
        let is_lost = |(index, member): (u32, &Member)| {
            !members.contains(&index)
                && self.looked.was_fine(index)
                && !differences(member, &repaired.installed.standing(&member.name), None).is_empty()
        };
        (0..).zip(&self.group.members).any(is_lost)
    }

    /// What would be done about these members, as the tool itself says.
    ///
    /// # Errors
    /// When the tool cannot be asked, or says that it cannot be done.
    pub(super) async fn simulation(&self, cx: &Cx, members: &[u32]) -> Result<Option<String>, ResourceError> {
        let packages = self.tool()?;
        let mut repair = self.begin(cx, &*packages, members, true).await;
        let installed = packages.installed(&cx.cancel).await?;
        let offered = repair.offered(&installed).await?;
        let (changes, change_held) = repair.decide(&installed, &offered);
        if changes.is_empty() {
            return Ok(None);
        }
        let terms = Terms { change_held, ..self.group.terms.clone() };
        let lines = packages.simulate(&changes, &terms, &cx.cancel).await?;
        Ok(lines.filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n") + "\n"))
    }

    /// Says which of these cannot be as wanted, by the lists that are here. Where these would be fetched anew, what is
    /// not in them may still come.
    pub(super) async fn foresee(&self, cx: &Cx, packages: &dyn Packages, members: &[u32]) {
        let mut repair = self.begin(cx, packages, members, true).await;
        let Ok(installed) = packages.installed(&cx.cancel).await else { return };
        let Ok(offered) = repair.offered(&installed).await else { return };
        repair.decide(&installed, &offered);
        let lists_are_final = self.group.update_cache.is_none() && !packages.lists_are_outdated();
        for (member, refused) in repair.refused {
            if lists_are_final || !refused.refusal.is_of_lists() {
                cx.foresee(member, refused.into());
            }
        }
    }

    async fn begin<'a>(
        &'a self,
        cx: &'a Cx,
        packages: &'a dyn Packages,
        members: &[u32],
        only_looks: bool,
    ) -> Repair<'a> {
        let mut repair = Repair {
            group: &self.group,
            packages,
            looked: &self.looked,
            cancel: &cx.cancel,
            only_looks,
            members: Vec::new(),
            refused: Vec::new(),
            not_fetched: None,
        };
        for index in members {
            let member = &self.group.members[*index as usize];
            match resolved(member, packages, &cx.cancel).await {
                Ok(member) => repair.members.push((*index, member)),
                Err(refusal) => repair.refuse(*index, member, refusal),
            }
        }
        repair
    }
}

/// A member with the version that is in its file.
///
/// # Errors
/// When the file is not there, or holds something else.
pub(super) async fn resolved(
    member: &Member,
    packages: &dyn Packages,
    cancel: &Cancel,
) -> Result<Member, Refusal> {
    let Some(path) = &member.source else { return Ok(member.clone()) };
    let found = packages.describe(path, cancel).await;
    let found = found.map_err(|source| Refusal::Source { path: path.clone(), source })?;
    if found.name != member.name.name {
        return Err(Refusal::WrongPackage { path: path.clone(), found: found.name });
    }
    Ok(Member { version: Some(Pattern::Exact(found.version)), ..member.clone() })
}

impl Repair<'_> {
    fn refuse(&mut self, index: u32, member: &Member, refusal: Refusal) {
        let refusal = match &self.not_fetched {
            Some(cause) if refusal.is_of_lists() => {
                Refusal::NotFetched { refusal: Box::new(refusal), cause: cause.clone() }
            }
            _ => refusal,
        };
        self.refused.push((index, PkgError { name: member.name.clone(), refusal }));
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().map(|(_, member)| member)
    }

    async fn run(mut self) -> Result<Repaired, ResourceError> {
        let mut installed = self.packages.installed(self.cancel).await?;
        let is_half = |member: &Member| match installed.standing(&member.name) {
            Standing::Known(row) => matches!(row.status, Status::Half(_)),
            _ => false,
        };
        let mut ended: Ended = Ok(());
        if installed.interrupted || self.members().any(is_half) {
            ended = self.packages.repair(&self.group.terms, self.cancel).await;
            installed = self.packages.installed(self.cancel).await?;
        }
        let offered = self.offered(&installed).await?;
        let (changes, change_held) = self.decide(&installed, &offered);
        // Before the transaction: what is let go may be changed by it. The rest is held after it.
        self.set_hold(&installed, false).await?;
        if !changes.is_empty() {
            let terms = Terms { change_held, ..self.group.terms.clone() };
            ended = self.transact(&changes, &terms).await;
            if let Err(
                error @ (PackagesError::Locked { .. }
                | PackagesError::Cancelled
                | PackagesError::Start { .. }),
            ) = ended
            {
                return Err(error.into());
            }
            self.looked.look_at_database(self.packages);
            installed = self.packages.installed(self.cancel).await?;
        }
        if self.set_hold(&installed, true).await? {
            self.looked.look_at_database(self.packages);
            installed = self.packages.installed(self.cancel).await?;
        }
        Ok(self.judge(installed, &offered, ended))
    }

    fn differs(
        &self,
        member: &Member,
        installed: &Installed,
        offered: &BTreeMap<PackageName, Offered>,
    ) -> bool {
        let found = differences(member, &installed.standing(&member.name), offered.get(&member.name));
        found.iter().any(|difference| difference.what != "hold")
    }

    /// What could be installed of those that are to be, from lists that are new enough.
    async fn offered(
        &mut self,
        installed: &Installed,
    ) -> Result<BTreeMap<PackageName, Offered>, PackagesError> {
        let none = BTreeMap::new();
        let wanted = self.members().filter(|member| {
            let by_name = member.source.is_none() && !matches!(member.want, Want::Absent { .. });
            by_name && (member.want == Want::Newest || self.differs(member, installed, &none))
        });
        let wanted: Vec<&Member> = wanted.collect();
        // What a package file depends on comes from the repositories too.
        let has_file =
            self.members().any(|member| member.source.is_some() && self.differs(member, installed, &none));
        if wanted.is_empty() && !has_file {
            return Ok(none);
        }
        let names: Vec<PackageName> = wanted.iter().map(|member| member.name.clone()).collect();
        let terms = &self.group.terms;
        let mut offered = BTreeMap::new();
        let is_old = self
            .group
            .update_cache
            .is_some_and(|most| self.packages.lists_age().is_none_or(|age| age > most));
        let is_old = is_old || (has_file && self.packages.lists_are_outdated());
        if !is_old || self.only_looks {
            if !names.is_empty() {
                offered = self.packages.offered(&names, terms, self.cancel).await?;
            }
            let is_missing = |member: &&Member| {
                let refusal = decide(member, &installed.standing(&member.name), offered.get(&member.name));
                refusal.is_err_and(|refusal| refusal.is_of_lists())
            };
            let is_old = || self.packages.lists_are_outdated() || self.looked.not_fetched();
            let may_be_there = wanted.iter().any(is_missing) && is_old();
            if self.only_looks || !may_be_there {
                return Ok(offered);
            }
        }
        if let Err(error) = self.packages.refresh(terms, self.cancel).await {
            // One repository that does not answer is no reason to leave the others alone.
            tracing::warn!(vertex = &*terms.log, %error, "cannot fetch all lists of packages; those at hand are used");
            self.not_fetched = Some(error.to_string().into());
        }
        self.looked.look_at_lists(self.packages);
        if self.cancel.is_cancelled() {
            return Ok(offered);
        }
        match names.is_empty() {
            true => Ok(offered),
            false => self.packages.offered(&names, terms, self.cancel).await,
        }
    }

    /// What is to be done, and whether something that is held is changed. What cannot be done is refused.
    fn decide(
        &mut self,
        installed: &Installed,
        offered: &BTreeMap<PackageName, Offered>,
    ) -> (Vec<Change>, bool) {
        let (mut changes, mut change_held) = (Vec::new(), false);
        let mut possible = Vec::new();
        for (index, member) in std::mem::take(&mut self.members) {
            let standing = installed.standing(&member.name);
            match decide(&member, &standing, offered.get(&member.name)) {
                Err(refusal) => {
                    self.refuse(index, &member, refusal);
                    continue;
                }
                Ok(None) => {}
                Ok(Some(to)) => {
                    change_held |=
                        matches!(standing, Standing::Known(row) if row.held) && member.hold == Some(true);
                    changes.push(Change { name: member.name.clone(), to });
                }
            }
            possible.push((index, member));
        }
        self.members = possible;
        (changes, change_held)
    }

    /// One transaction; if that would take others along, what only comes is brought all the same.
    async fn transact(&self, changes: &[Change], terms: &Terms) -> Ended {
        let ended = self.packages.transact(changes, terms, self.cancel).await;
        let comes: Vec<Change> = changes.iter().filter(|change| !change.to.is_removal()).cloned().collect();
        if !matches!(ended, Err(PackagesError::TakesOthers { .. })) || comes.is_empty() {
            return ended;
        }
        self.packages.transact(&comes, terms, self.cancel).await?;
        ended
    }

    /// Holds the members that are to be held, or lets those go that are not. Whether something was changed.
    ///
    /// # Errors
    /// When others are in the way; those that cannot be held are refused.
    async fn set_hold(&mut self, installed: &Installed, wanted: bool) -> Result<bool, PackagesError> {
        let differs = |member: &Member| match installed.standing(&member.name) {
            Standing::Known(row) => row.held != wanted && row.status != Status::ConfigFiles,
            _ => false,
        };
        let is_due = |member: &Member| member.hold == Some(wanted) && differs(member);
        let (due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.members).into_iter().partition(|(_, member)| is_due(member));
        self.members = rest;
        if due.is_empty() {
            return Ok(false);
        }
        let names: Vec<PackageName> = due.iter().map(|(_, member)| member.name.clone()).collect();
        match self.packages.hold(&names, wanted, &self.group.terms, self.cancel).await {
            Ok(()) => self.members.extend(due),
            Err(error @ (PackagesError::Locked { .. } | PackagesError::Cancelled)) => return Err(error),
            Err(error) => {
                let source = Arc::new(error);
                for (index, member) in &due {
                    self.refuse(*index, member, Refusal::Hold { wanted, source: source.clone() });
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Which members are as wanted now, whatever the tool says of the whole.
    fn judge(
        mut self,
        installed: Installed,
        offered: &BTreeMap<PackageName, Offered>,
        ended: Ended,
    ) -> Repaired {
        let cause = ended.as_ref().err().map(ToString::to_string);
        let mut undone = Vec::new();
        for (index, member) in std::mem::take(&mut self.members) {
            let found = differences(&member, &installed.standing(&member.name), offered.get(&member.name));
            let Some(first) = found.into_iter().find(|difference| difference.what != "hold") else {
                continue;
            };
            let (found, wanted) = (first.found.to_string(), first.wanted.to_string());
            let refusal = Refusal::Undone { what: first.what, found, wanted, cause: cause.clone() };
            self.refuse(index, &member, refusal);
            undone.push(index);
        }
        let is_contradicted = ended.is_ok() && !undone.is_empty();
        let error = ended.err();
        if let (Some(error), true) = (&error, undone.is_empty()) {
            tracing::warn!(vertex = &*self.group.terms.log, %error, "all is as wanted, though the package tool failed");
        }
        let misses = self.refused.iter().any(|(_, refused)| refused.refusal.is_of_lists());
        self.looked.miss_lists(misses, self.not_fetched.is_some());
        // The words of the tool are long: one of those that they may be about has them.
        let mut hint = error.and_then(|error| error.hint());
        let failed = self.refused.into_iter().map(|(index, refused)| {
            let of = ResourceError::from(refused);
            let hint = hint.take_if(|_| undone.contains(&index));
            (index, hint.into_iter().fold(of, ResourceError::with_hint))
        });
        Repaired { failed: failed.collect(), is_contradicted, installed }
    }
}
