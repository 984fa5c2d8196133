//! What clients want in the log, in as few bytes as will do.

use bytes::Bytes;
use mgmt::cluster::raft::ProposalId;

/// A write to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Put,
    /// Only if the key has this value; `None`: if it has none.
    Swap(Option<u64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    pub id: ProposalId,
    pub key: u8,
    pub write: Write,
    /// Never the same twice, and never 0.
    pub value: u64,
}

const LENGTH: usize = 26;

impl Command {
    /// With so many bytes behind it that mean nothing.
    pub fn encode(&self, padding: usize) -> Bytes {
        let (kind, expected) = match self.write {
            Write::Put => (0, 0),
            Write::Swap(expected) => (1, expected.unwrap_or(0)),
        };
        let mut bytes = Vec::with_capacity(LENGTH + padding);
        bytes.extend(self.id.0.to_le_bytes());
        bytes.extend([kind, self.key]);
        bytes.extend(expected.to_le_bytes());
        bytes.extend(self.value.to_le_bytes());
        bytes.resize(LENGTH + padding, 0xa5);
        bytes.into()
    }

    pub fn decode(bytes: &[u8]) -> Self {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let write = match bytes[8] {
            0 => Write::Put,
            _ => Write::Swap(Some(word(10)).filter(|value| *value != 0)),
        };
        Self { id: ProposalId(word(0)), key: bytes[9], write, value: word(18) }
    }
}

/// The id of what is in the log.
pub fn identify(data: &Bytes) -> Option<ProposalId> {
    Some(ProposalId(u64::from_le_bytes(data.get(..8)?.try_into().ok()?)))
}

#[test]
fn a_command_is_read_as_it_was_written() {
    for write in [Write::Put, Write::Swap(None), Write::Swap(Some(7))] {
        let command = Command { id: ProposalId(9), key: 2, write, value: 5 };
        assert_eq!(Command::decode(&command.encode(3)), command);
        assert_eq!(identify(&command.encode(3)), Some(command.id));
    }
}
