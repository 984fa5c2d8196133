//! A change on its way to the core.

use tokio::sync::oneshot;

use super::Handle;
use crate::cluster::etcd::admission::Origin;
use crate::cluster::etcd::log_entry;
use crate::cluster::etcd::node::NodeError;
use crate::cluster::node::inbox::{Letter, Returned};
use crate::cluster::node::waiting::Answer;
use crate::cluster::raft::ProposalId;
use crate::cluster::store::request::Command;

impl Handle {
    /// Asks the core for a change: in turn, when it is a client's.
    pub(super) fn ask_core(&self, command: Command) -> Result<oneshot::Receiver<Answer>, NodeError> {
        let data = log_entry::encode(&command);
        let bytes = data.len();
        if bytes > self.shared.config.max_request_bytes + log_entry::header_room(command.caller.as_ref()) {
            return Err(NodeError::RequestTooLarge);
        }
        let origin = Origin::current();
        let class = origin.as_ref().map(|origin| origin.class(&command.change, bytes as u64));
        let (answer, answered) = oneshot::channel();
        let id = ProposalId(command.id);
        let letter = Letter::Propose { id, data, command: Box::new(command), answer };
        let asked = match origin.as_ref().zip(class) {
            None => self.shared.inbox.ask(letter),
            Some((origin, class)) => {
                let asked = self.shared.inbox.ask_in_turn(letter, &origin.identity, class, bytes);
                if matches!(asked, Err(Returned::NoRoom(_))) {
                    origin.refused();
                }
                asked
            }
        };
        asked.map_err(Self::returned)?;
        Ok(answered)
    }
}
