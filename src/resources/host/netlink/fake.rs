//! A network without a kernel: requests are carried out as the kernel would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rustix::io::Errno;

use super::{Address, Link, Listening, Make, Netlink, NetlinkError, NetlinkSink, Network, Request, Route};

/// A network in memory.
#[derive(Clone, Default)]
pub struct FakeNetlink(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    network: Network,
    forwards: BTreeSet<String>,
    asked: Vec<Request>,
    refusals: Vec<Errno>,
    sinks: BTreeMap<u64, NetlinkSink>,
    next: u64,
    dumps: usize,
}

impl std::fmt::Debug for FakeNetlink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeNetlink")
    }
}

impl FakeNetlink {
    /// With an interface that is down.
    pub fn with_link(name: &str) -> Self {
        let fake = Self::default();
        fake.change(|network| network.links.push(link(network, name, None)));
        fake
    }

    /// Somebody else changes something, and all who listen hear of it.
    pub fn change(&self, change: impl FnOnce(&mut Network)) {
        change(&mut self.lock().network);
        self.tell();
    }

    /// What there is.
    pub fn network(&self) -> Network {
        self.lock().network.clone()
    }

    /// What was asked for since the last call.
    pub fn take_asked(&self) -> Vec<Request> {
        std::mem::take(&mut self.lock().asked)
    }

    /// How often all was read.
    pub fn dumps(&self) -> usize {
        self.lock().dumps
    }

    /// The next request is answered so, and not carried out.
    pub fn refuse(&self, answer: Errno) {
        self.lock().refusals.push(answer);
    }

    fn tell(&self) {
        let sinks: Vec<NetlinkSink> = self.lock().sinks.values().cloned().collect();
        for sink in sinks {
            sink();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn link(network: &Network, name: &str, kind: Option<&str>) -> Link {
    let index = network.links.iter().map(|link| link.index).max().unwrap_or(0) + 1;
    Link {
        index,
        name: name.to_owned(),
        kind: kind.map(str::to_owned),
        carrier: true,
        mtu: 1500,
        mac: Some([2, 0, 0, 0, 0, u8::try_from(index).unwrap_or(0)]),
        ..Link::default()
    }
}

impl State {
    fn index(&self, name: &str) -> Result<u32, Errno> {
        let found = self.network.links.iter().find(|link| link.name == name);
        found.map(|link| link.index).ok_or(Errno::NODEV)
    }

    fn link(&mut self, name: &str) -> Result<&mut Link, Errno> {
        self.network.links.iter_mut().find(|link| link.name == name).ok_or(Errno::NODEV)
    }

    fn carry_out(&mut self, request: &Request) -> Result<(), Errno> {
        match request {
            Request::Create(name, make) => self.create(name, make)?,
            Request::Remove(name) => {
                let index = self.index(name)?;
                self.network.links.retain(|link| link.index != index);
                self.network.addresses.retain(|address| address.index != index);
                self.network.routes.retain(|route| route.index != Some(index));
            }
            Request::Master(name, master) => {
                let master = master.as_deref().map(|master| self.index(master)).transpose()?;
                self.link(name)?.master = master;
            }
            Request::Mtu(name, mtu) => self.link(name)?.mtu = *mtu,
            Request::Mac(name, mac) => self.link(name)?.mac = Some(*mac),
            Request::Up(name) => self.link(name)?.up = true,
            Request::Down(name) => {
                let index = self.index(name)?;
                self.link(name)?.up = false;
                // The kernel says nothing of these.
                self.network.routes.retain(|route| route.index != Some(index));
            }
            Request::AddAddress(name, net, _) => {
                let index = self.index(name)?;
                let net = *net;
                self.network.addresses.retain(|it| (it.index, it.net) != (index, net));
                let address = Address { index, net, dynamic: false, tentative: false, duplicate: false };
                self.network.addresses.push(address);
            }
            Request::RemoveAddress(name, net) => {
                let index = self.index(name)?;
                let before = self.network.addresses.len();
                self.network.addresses.retain(|it| (it.index, it.net) != (index, *net));
                if self.network.addresses.len() == before {
                    return Err(Errno::ADDRNOTAVAIL);
                }
            }
            Request::AddRoute(name, key) => {
                let index = self.index(name)?;
                if !self.link(name)?.up {
                    return Err(Errno::NETDOWN);
                }
                let route = Route { index: Some(index), key: key.clone(), by_hand: true };
                if self.network.routes.contains(&route) {
                    return Err(Errno::EXIST);
                }
                self.network.routes.push(route);
            }
            Request::RemoveRoute(name, key) => {
                let index = self.index(name)?;
                self.network.routes.retain(|it| it.index != Some(index) || it.key != *key);
            }
            Request::Forward(name, true) => drop(self.forwards.insert(name.clone())),
            Request::Forward(name, false) => drop(self.forwards.remove(name)),
        }
        Ok(())
    }

    fn create(&mut self, name: &str, make: &Make) -> Result<(), Errno> {
        if self.index(name).is_ok() {
            return Err(Errno::EXIST);
        }
        let mut made = link(&self.network, name, Some(make.kind()));
        match make {
            Make::Vlan(parent, id) => {
                made.below = Some(self.index(parent)?);
                made.vlan_id = Some(*id);
            }
            Make::Bond(mode) => made.bond_mode = Some(mode.unwrap_or(0)),
            Make::Veth(peer) => {
                let mut other = link(&self.network, peer, Some("veth"));
                (other.index, other.below) = (made.index + 1, Some(made.index));
                made.below = Some(other.index);
                self.network.links.push(other);
            }
            Make::Bridge | Make::Dummy => {}
        }
        self.network.links.push(made);
        Ok(())
    }
}

#[async_trait]
impl Netlink for FakeNetlink {
    async fn dump(&self) -> Result<Network, NetlinkError> {
        let mut state = self.lock();
        state.dumps += 1;
        Ok(state.network.clone())
    }

    fn forwards(&self, name: &str) -> Result<bool, NetlinkError> {
        Ok(self.lock().forwards.contains(name))
    }

    async fn request(&self, request: &Request) -> Result<(), NetlinkError> {
        let done = {
            let mut state = self.lock();
            state.asked.push(request.clone());
            match state.refusals.pop() {
                Some(answer) => Err(answer),
                None => state.carry_out(request),
            }
        };
        self.tell();
        done.map_err(|answer| NetlinkError { op: format!("{request:?}"), source: answer.into() })
    }

    fn listen(&self, sink: NetlinkSink) -> Result<Listening, NetlinkError> {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.sinks.insert(number, sink);
        Ok(Listening::new(Leave(self.clone(), number)))
    }
}

struct Leave(FakeNetlink, u64);

impl Drop for Leave {
    fn drop(&mut self) {
        let ended = self.0.lock().sinks.remove(&self.1);
        drop(ended);
    }
}
