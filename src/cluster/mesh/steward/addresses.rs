//! Members whose address has changed, or belongs to another host now. No two members may have the same.

use super::command::Command;
use super::draft::Draft;
use super::host::DataDir;
use super::reason::Reason;
use super::scene::{Known, Scene, Standing};
use crate::cluster::mesh::HostName;
use crate::cluster::store::id::MemberId;

/// Whether an address is free for a member.
pub(super) enum Address<'s, 'a> {
    /// No other member has it.
    Free,
    /// A member has it that is not there any more.
    Stale(&'s Known<'a>),
    /// A member is there.
    Taken,
}

impl<'a> Scene<'a> {
    /// Whether an address is free, for this member or for a new one.
    pub fn address(&self, peer: &str, of: Option<MemberId>) -> Address<'_, 'a> {
        let Some(holder) = self.at(peer).filter(|known| Some(known.id) != of) else {
            return Address::Free;
        };
        let elsewhere = holder.host.is_some_and(|host| host.peer.as_deref() != Some(peer));
        let gone = holder.is_dead() && holder.host.is_none_or(|host| !host.alive);
        if elsewhere || gone || holder.standing == Standing::Lost {
            Address::Stale(holder)
        } else {
            Address::Taken
        }
    }

    /// Plans changes of addresses.
    pub fn plan_addresses(&self, draft: &mut Draft) {
        for known in &self.members {
            let Some(host) = known.host.filter(|host| host.alive && host.data == DataDir::Of(known.id))
            else {
                continue;
            };
            let Some(peer) = host.peer.as_ref().filter(|peer| **peer != known.member.peer) else { continue };
            match self.address(peer, Some(known.id)) {
                Address::Free => {
                    let command = Command::Readdress { member: known.id, peer: Some(peer.clone()) };
                    draft.change(command, Reason::AddressChanged { host: known.name.clone() });
                }
                Address::Stale(holder) => self.plan_clearing(holder, &known.name, draft),
                Address::Taken => {}
            }
        }
    }

    /// Takes a member's address away, for another host has it.
    pub fn plan_clearing(&self, holder: &Known<'a>, by: &HostName, draft: &mut Draft) {
        let command = Command::Readdress { member: holder.id, peer: None };
        draft.change(command, Reason::AddressTaken { host: holder.name.clone(), by: by.clone() });
    }
}
