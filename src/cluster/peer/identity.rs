//! Who calls whom: what each call says of it, and who is let in.

use tonic::Request;
use tonic::metadata::{MetadataMap, MetadataValue};

use super::Refusal;
use crate::cluster::store::id::{ClusterId, MemberId};

const CLUSTER: &str = "mgmt-cluster";
const FROM: &str = "mgmt-from";
const TO: &str = "mgmt-to";

/// Who this member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its id.
    pub member: MemberId,
}

impl PeerIdentity {
    /// A call to a member.
    pub(super) fn call<T>(self, to: MemberId, body: T) -> Request<T> {
        let mut request = Request::new(body);
        let metadata = request.metadata_mut();
        for (key, number) in [(CLUSTER, self.cluster.0), (FROM, self.member.0), (TO, to.0)] {
            let value = MetadataValue::try_from(format!("{number:x}")).expect("hexadecimal digits are ASCII");
            metadata.insert(key, value);
        }
        request
    }

    /// Who calls, if this member is meant.
    pub(super) fn admit(self, metadata: &MetadataMap) -> Result<MemberId, Refusal> {
        let number = |key| {
            let value = metadata.get(key)?.to_str().ok()?;
            u64::from_str_radix(value, 16).ok()
        };
        let (Some(cluster), Some(from), Some(to)) = (number(CLUSTER), number(FROM), number(TO)) else {
            return Err(Refusal::Malformed);
        };
        if cluster != self.cluster.0 {
            return Err(Refusal::WrongCluster);
        }
        if to != self.member.0 {
            return Err(Refusal::WrongMember);
        }
        Ok(MemberId(from))
    }
}

/// The cluster and the member that a caller says it is of, as it writes them.
pub(super) fn claimed(metadata: &MetadataMap) -> (&str, &str) {
    let said = |key| metadata.get(key).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    (said(CLUSTER), said(FROM))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(cluster: u64, member: u64) -> PeerIdentity {
        PeerIdentity { cluster: ClusterId(cluster), member: MemberId(member) }
    }

    #[test]
    fn a_member_is_let_in_by_the_one_that_it_means() {
        let caller = identity(7, u64::MAX);
        let call = caller.call(MemberId(2), ());
        assert_eq!(identity(7, 2).admit(call.metadata()), Ok(MemberId(u64::MAX)));
        assert_eq!(identity(7, 3).admit(call.metadata()), Err(Refusal::WrongMember));
        assert_eq!(identity(8, 2).admit(call.metadata()), Err(Refusal::WrongCluster));
        assert_eq!(identity(7, 2).admit(&MetadataMap::new()), Err(Refusal::Malformed));
    }
}
