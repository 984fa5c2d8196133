//! The kind `net`: a network interface, its addresses and routes.

mod error;
mod persist;
mod plan;
mod profile;
mod route;
mod spec;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::io::Errno;

use super::{doc_of, state_file};
use crate::engine::drift::Shown;
use crate::engine::kind::{Ask, Uid};
use crate::engine::path_watch::{Interest, PathSink};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Value, Wake, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::netlink::{Link, Make, NetlinkError, Request, Watchers};
use crate::resources::host::tool;
use crate::resources::small_file::SmallFile;
use error::NetError;
use plan::{Own, Plan, Step, declared, plan};
use route::RouteParam;
use spec::{Persist, State, Wanted};

crate::entry! {
    /// Keeps a network interface as it should be: working or not, its addresses, and the routes through it.
    ///
    /// All is asked of the kernel, and each change of it is noticed at once, whoever makes it. What is missing is added; what was added and is declared no more is taken away again. Addresses and routes of others stay, unless
    /// `exclusive` is given; those with a lifetime, as from DHCP, and IPv6 addresses of the link itself stay always.
    ///
    /// With `kind` a missing interface is made; without, one that is missing is waited for. An interface of the right name
    /// and another kind is an error, and never replaced. An IPv6 address is there once the kernel has asked around and
    /// nobody else has it; if somebody has, that is an error.
    ///
    /// Nothing of this outlives a restart of the host but the agent's own start, unless `persist` says so. Where another
    /// program (systemd-networkd, NetworkManager) manages the interface as well, it may undo what is done here: use
    /// `persist`, which tells it, or have it leave the interface alone.
    ///
    /// ```yaml
    /// resources:
    ///   net:
    ///   - name: br0
    ///     kind: bridge
    ///     state: up
    ///     addrs: [192.0.2.7/24, "2001:db8::7/64"]
    ///     gateway: 192.0.2.1
    ///   - name: eth1
    ///     state: up
    ///     master: br0
    /// ```
    pub struct NetParams {
        /// `up`, `down`, or `absent` to remove it. If not given: as it is.
        state: Arc<str>,
        /// The addresses with their prefixes, of IPv4 and IPv6, such as `192.0.2.7/24`.
        addrs: Vec<Arc<str>>,
        /// The next host of the default route of IPv4. It must be in the net of one of `addrs`, or of a route without `via`,
        /// where there are such.
        gateway: Arc<str>,
        /// The next host of the default route of IPv6.
        gateway6: Arc<str>,
        /// Further routes through it, as in `{to: 10.9.0.0/16, via: 192.0.2.1}`. `to` is a network or `default`; without a
        /// next host, `via`, it is on the link itself; the `metric` is 50 if not given, the `table` the main one.
        routes: Vec<RouteParam>,
        /// Whether IPv4 packets that come in there go on to other interfaces. If not given: as it is.
        ip_forward: Option<bool>,
        /// The longest packet, in bytes.
        mtu: Option<u32>,
        /// The hardware address, such as `02:00:5e:10:00:01`.
        mac: Arc<str>,
        /// What is made if it is missing: `bridge`, `bond`, `vlan`, `veth` or `dummy`.
        kind: Arc<str>,
        /// The bridge or bond that it is a part of; `none`: of nothing. If not given: as it is.
        master: Arc<str>,
        /// The number of a VLAN, from 1 to 4094.
        vlan_id: Option<u16>,
        /// Of a VLAN, the interface that it is on; of a veth, the name of its other end.
        link: Arc<str>,
        /// The mode of a bond: `balance-rr`, `active-backup`, `balance-xor`, `broadcast`, `802.3ad`, `balance-tlb` or
        /// `balance-alb`. If not given: the kernel's choice.
        bond_mode: Arc<str>,
        /// Use IPv6 addresses without asking around whether another host has them.
        nodad: bool = false,
        /// Take away all other addresses, and all other routes through it that a person or program made in the main table.
        exclusive: bool = false,
        /// What else keeps it over a restart of the host: `none`, a file of `networkd`, a profile of `networkmanager`, or a
        /// file of `ifupdown`. What it is a part of, and the interface that a VLAN is on, are to be kept by the same.
        /// `ip_forward` is kept by ifupdown, and by networkd from version 256 on; `kind` and `master` are refused with
        /// ifupdown.
        persist: Arc<str> = Arc::from("none"),
    }
}

/// The file in the vertex's state folder that says what was added.
const OWN: &str = "added.json";
/// So many times in a row it is put right in one run: others change it, or one thing follows from another.
const ROUNDS: usize = 6;
/// So long an IPv6 address may take to be known as free: the kernel asks for one to two seconds.
const DAD: Duration = Duration::from_secs(5);

/// The kind `net`.
#[derive(Debug)]
pub struct NetKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl NetKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<NetParams>("net", Vec::new()) }
    }
}

impl Kind for NetKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let wanted = Wanted::new(declaration)?;
        Ok(Box::new(NetResource { host: self.host.clone(), watchers: self.host.netlink.clone(), wanted }))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(wanted) = Wanted::new(declaration) else { return Capabilities::default() };
        let mut offers = vec![Uid::new("interface", wanted.name.clone())];
        offers.extend(wanted.addrs.iter().map(|net| Uid::new("address", net.ip.to_string())));
        let mut asks = Vec::new();
        if let Some(Some(master)) = &wanted.master {
            asks.push(Ask::after(vec![Uid::new("interface", master.clone())], "what it is a part of"));
        }
        match &wanted.make {
            Some(Make::Vlan(parent, _)) => {
                asks.push(Ask::after(vec![Uid::new("interface", parent.as_str())], "the interface it is on"));
            }
            Some(Make::Veth(peer)) => offers.push(Uid::new("interface", peer.as_str())),
            _ => {}
        }
        if wanted.persist != Persist::None {
            asks.extend(persist::files(&wanted, false).iter().filter_map(|file| {
                let dir = file.path.parent()?.to_str()?;
                Some(Ask::after(vec![Uid::path(dir)], "the directory of its file"))
            }));
            asks.dedup();
        }
        Capabilities { offers, asks, waits: true, reversible: true, ..Capabilities::default() }
    }
}

/// One interface.
#[derive(Debug)]
struct NetResource {
    host: Arc<Host>,
    watchers: Arc<Watchers>,
    wanted: Wanted,
}

fn own(cx: &Cx) -> Result<Own, HostError> {
    let stored = state_file::read(&state_file::path(cx, OWN))?;
    // A damaged memory is none: nothing is taken away then.
    Ok(stored.and_then(|stored| serde_json::from_slice(&stored.bytes).ok()).unwrap_or_default())
}

fn show(side: Option<&String>) -> Shown {
    side.map_or(Shown::Absent, |text| Shown::text(text.as_str()))
}

impl NetResource {
    async fn plan(&self, own: &Own) -> Result<Plan, NetError> {
        let network = self.watchers.network().await?;
        let is_there = network.links.iter().any(|link| *link.name == *self.wanted.name);
        let forwards = match self.wanted.forward {
            Some(_) if is_there => Some(self.watchers.netlink.forwards(&self.wanted.name)?),
            _ => None,
        };
        plan(&self.wanted, &network, own, forwards)
    }

    /// Keeps what is about to be added, so that it is known even if the agent is killed right after.
    fn intend(&self, cx: &Cx, own: &mut Own, steps: &[Step]) -> Result<(), ResourceError> {
        let before = own.clone();
        for step in steps {
            match &step.request {
                Request::AddAddress(_, net, _) => drop(own.addresses.insert(*net)),
                Request::AddRoute(_, key) => drop(own.routes.insert(key.clone())),
                _ => {}
            }
        }
        self.keep(cx, &before, own)
    }

    /// Forgets what was taken away.
    fn settle(&self, cx: &Cx, own: &mut Own) -> Result<(), ResourceError> {
        let before = own.clone();
        own.addresses.retain(|net| self.wanted.addrs.contains(net));
        own.routes.retain(|key| self.wanted.routes.contains(key));
        self.keep(cx, &before, own)
    }

    fn keep(&self, cx: &Cx, before: &Own, own: &Own) -> Result<(), ResourceError> {
        if before == own {
            return Ok(());
        }
        let bytes = serde_json::to_vec(own).expect("addresses and routes can be written as JSON");
        state_file::write(&self.host.fs, cx, OWN, bytes)
    }

    /// Has the kernel do it. What is so already is no error: somebody else was quicker.
    async fn carry_out(&self, request: &Request) -> Result<(), NetlinkError> {
        let done = self.watchers.netlink.request(request).await;
        self.watchers.changed();
        let Err(error) = done else { return Ok(()) };
        let is_so = match request {
            Request::AddRoute(..) | Request::AddAddress(..) | Request::Create(..) => error.is(Errno::EXIST),
            Request::RemoveRoute(..) => error.is(Errno::SRCH),
            Request::RemoveAddress(..) => error.is(Errno::ADDRNOTAVAIL),
            Request::Remove(_) => error.is(Errno::NODEV),
            _ => false,
        };
        if is_so { Ok(()) } else { Err(error) }
    }

    fn cancelled(&self) -> NetError {
        NetError::Cancelled { name: self.wanted.name.to_string() }
    }

    /// Waits until the kernel says something.
    async fn heard(
        &self,
        cx: &Cx,
        plan: &Plan,
        events: &mut tokio::sync::watch::Receiver<u64>,
    ) -> Result<(), NetError> {
        let net = plan.tentative[0];
        tokio::select! {
            changed = tokio::time::timeout(DAD, events.changed()) => match changed {
                Ok(_) => Ok(()),
                Err(_) => Err(NetError::Tentative { name: self.wanted.name.to_string(), net }),
            },
            () = cx.cancel.cancelled() => Err(self.cancelled()),
        }
    }

    async fn put_right(&self, cx: &Cx, own: &mut Own) -> Result<(), ResourceError> {
        // Heard from before the first look on, so that no event is waited for that has been.
        let _member = self.watchers.join(None).map_err(NetError::from)?;
        let mut events = self.watchers.events();
        let mut rounds = 0;
        loop {
            events.borrow_and_update();
            let plan = self.plan(own).await?;
            if plan.is_empty() {
                return self.settle(cx, own);
            }
            if plan.steps.is_empty() {
                self.heard(cx, &plan, &mut events).await?;
                continue;
            }
            rounds += 1;
            if rounds > ROUNDS {
                return Err(NetError::Contended { name: self.wanted.name.to_string(), rounds: ROUNDS }.into());
            }
            self.intend(cx, own, &plan.steps)?;
            for step in &plan.steps {
                if cx.cancel.is_cancelled() {
                    return Err(self.cancelled().into());
                }
                self.carry_out(&step.request).await.map_err(NetError::from)?;
            }
        }
    }

    /// The files that keep it.
    async fn files(&self) -> Result<Vec<SmallFile>, NetError> {
        let in_bond = match (&self.wanted.master, self.wanted.persist) {
            (Some(Some(master)), Persist::Networkd | Persist::NetworkManager) => {
                let network = self.watchers.network().await?;
                let is_bond = |link: &Link| *link.name == **master && link.kind.as_deref() == Some("bond");
                network.links.iter().any(is_bond)
            }
            _ => false,
        };
        Ok(persist::files(&self.wanted, in_bond))
    }

    /// Whether any was written or removed.
    async fn write_files(&self) -> Result<bool, ResourceError> {
        let mut changed = false;
        for file in self.files().await? {
            if file.is_met_by(file.look()?.as_ref()) {
                continue;
            }
            changed = true;
            // That of a drop-in is ours alone.
            if let Some(folder) =
                file.path.parent().filter(|path| path.extension().is_some_and(|end| end == "d"))
                && file.path.extension().is_some_and(|end| end == "conf")
                && file.text.is_some()
                && let Err(error) = std::fs::create_dir(folder)
                && error.kind() != std::io::ErrorKind::AlreadyExists
            {
                return Err(HostError::io("create", folder, error).into());
            }
            file.put(&self.host.fs)?;
        }
        Ok(changed)
    }

    /// Tells the program that keeps it of its new file, if it runs. Whatever it does, the kernel is asked after.
    async fn reload(&self, cx: &Cx) {
        let profile = format!("mgmt-{}", self.wanted.name);
        let (runs, commands): (&str, &[&[&str]]) = match self.wanted.persist {
            Persist::Networkd => ("/run/systemd/netif/links", &[&["networkctl", "reload"]]),
            // A new profile is not used before somebody asks for it where there is another.
            Persist::NetworkManager if self.wanted.state == State::Up => (
                "/run/NetworkManager",
                &[
                    &["nmcli", "connection", "reload"],
                    &["nmcli", "--wait", "10", "connection", "up", &profile],
                ],
            ),
            Persist::NetworkManager => ("/run/NetworkManager", &[&["nmcli", "connection", "reload"]]),
            Persist::None | Persist::Ifupdown => return,
        };
        if !Path::new(runs).is_dir() {
            return;
        }
        for words in commands {
            if let Err(error) = tool::run(&*self.host.processes, words, None, &cx.cancel).await {
                let vertex = cx.label().to_string();
                tracing::warn!(vertex, command = words.join(" "), %error, "what keeps the interface was not told");
            }
        }
    }
}

#[async_trait]
impl Resource for NetResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let member = self.watchers.join(Some(cx.waker().clone())).map_err(NetError::from)?;
        let waker = cx.waker().clone();
        let sink: PathSink = Arc::new(move |event| waker.wake(Wake { stamp: event.stamp }));
        let arm = |path: &Path| self.host.watch.watch(path, Interest::CONTENT, sink.clone());
        let files = persist::files(&self.wanted, false);
        let files = files.iter().map(|file| arm(&file.path).map_err(HostError::from));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        Ok(Wakes::pushed((member, files)))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let plan = self.plan(&own(cx)?).await?;
        let mut drift = Drift::none();
        for step in &plan.steps {
            drift.add(step.what, show(step.found.as_ref()), show(step.wanted.as_ref()));
            if let Request::Create(..) = step.request {
                for (what, wanted) in declared(&self.wanted) {
                    drift.add(what, Shown::Absent, Shown::text(wanted));
                }
            }
        }
        for net in &plan.tentative {
            drift.add("addrs", Shown::text(format!("{net}, tentative")), Shown::text(net.to_string()));
        }
        for file in self.files().await? {
            file.compare(&mut drift)?;
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        if self.write_files().await? {
            self.reload(cx).await;
        }
        let mut own = own(cx)?;
        self.put_right(cx, &mut own).await?;
        Ok(Outputs::none())
    }

    async fn undo(&self, _: &Cx) -> Result<Option<Params>, ResourceError> {
        let network = self.watchers.network().await.map_err(NetError::from)?;
        let mut undo = Params::new();
        let Some(link) = network.links.iter().find(|link| *link.name == *self.wanted.name) else {
            undo.set("state", Value::str("absent"));
            // With it go its files.
            undo.set("persist", Value::str(self.wanted.persist.word()));
            return Ok(Some(undo));
        };
        // Addresses and routes need not be named: those that were added, and are declared no more, go by themselves.
        let wanted = &self.wanted;
        if wanted.state != State::Any {
            undo.set("state", Value::str(if link.up { "up" } else { "down" }));
        }
        if wanted.mtu.is_some() {
            undo.set("mtu", Value::Int(link.mtu.into()));
        }
        if let (Some(_), Some(mac)) = (wanted.mac, link.mac) {
            undo.set("mac", Value::str(spec::mac_text(mac)));
        }
        if wanted.master.is_some() {
            let master = network.links.iter().find(|it| Some(it.index) == link.master);
            undo.set("master", Value::str(master.map_or("none", |it| it.name.as_str())));
        }
        if wanted.forward.is_some() {
            let now = self.watchers.netlink.forwards(&wanted.name).map_err(NetError::from)?;
            undo.set("ip_forward", Value::Bool(now));
        }
        Ok(Some(undo))
    }
}
