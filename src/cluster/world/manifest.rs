//! What an administrator signs when they deploy, and when a host goes by it.
//!
//! ```text
//! {"v":1,"as":"deploy","signed":{"statement":{"deploy":{…},"rollout":{…}},"by":"SHA256:…","signature":"…"}}
//! ```
//!
//! Signed is all of the deploy (number, parent, hashes of its content, time), and all of its rollout as it begins: its stages, for
//! whom it is, and what hosts run that it does not reach, or that go back. How far it has gone is not signed: the leader takes it
//! on, so a host believes of a rollout in the store only what leads to one of the two outcomes that the manifest has for it.

use serde::{Deserialize, Serialize};

use super::trust::Grounds;
use crate::cluster::identity::{Domain, IdentityError, Signed};
use crate::engine::world::{Deploy, DeployId, HostName, Passed, Rollout, Turn, WorldError, rollout};

/// The version of the form, and the newest that is read.
const VERSION: u32 = 1;

/// What an administrator signs when they deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The deploy.
    pub deploy: Deploy,
    /// How it begins to go out.
    pub rollout: Rollout,
    /// Of a roll-back only: it is for hosts that have gone by deploys up to this one, also if its own number is not above that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_from: Option<DeployId>,
}

/// As what it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum As {
    Deploy,
    Rollback,
}

impl As {
    fn domain(self) -> Domain {
        match self {
            Self::Deploy => Domain::Deploy,
            Self::Rollback => Domain::Rollback,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Record {
    v: u32,
    #[serde(rename = "as")]
    signed_as: As,
    signed: Signed<Manifest>,
}

impl Manifest {
    /// As it is stored: signed.
    ///
    /// # Errors
    /// When no administrator's key is here, or it is too large.
    pub fn sign(&self, grounds: &Grounds) -> Result<Vec<u8>, WorldError> {
        let operation = "deploy";
        let key = grounds.administrator.as_ref().ok_or(WorldError::NoSigner { operation })?;
        let signed_as = if self.back_from.is_some() { As::Rollback } else { As::Deploy };
        let signed = Signed::new(self, signed_as.domain(), &grounds.mesh, key).map_err(|error| match error {
            IdentityError::StatementTooLarge { bytes, limit } => WorldError::TooLarge { operation, bytes, limit },
            error => WorldError::Refused { operation, why: error.to_string() },
        })?;
        let record = Record { v: VERSION, signed_as, signed };
        Ok(serde_json::to_vec(&record).expect("structs of texts and numbers can be written"))
    }

    /// What is stored under the number of a deploy, if an administrator of this mesh has signed it as that.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verified(id: DeployId, stored: &[u8], grounds: &Grounds) -> Result<Self, WorldError> {
        let refused = |why: String| WorldError::Unbelieved { what: format!("deploy {id}"), why };
        let record: Record =
            serde_json::from_slice(stored).map_err(|_| refused("it is not signed".to_owned()))?;
        if record.v > VERSION {
            return Err(refused(format!("a newer version signed it, in format {}", record.v)));
        }
        let domain = record.signed_as.domain();
        let verified = grounds.administrators.verify(&record.signed, domain, &grounds.mesh);
        let mut manifest = verified.map_err(|error| refused(error.to_string()))?;
        if manifest.deploy.id != id || manifest.rollout.deploy != id {
            return Err(refused(format!("it was signed as deploy {}", manifest.deploy.id)));
        }
        if record.signed_as == As::Deploy {
            manifest.back_from = None;
        }
        Ok(manifest)
    }

    /// Whether a host may take a turn by the rollout of this deploy; returns what it then went by last.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(
        &self,
        turn: Turn<'_>,
        host: &HostName,
        lowest: Option<DeployId>,
    ) -> Result<Passed, WorldError> {
        let Deploy { id, made_at_s: at_s, .. } = self.deploy;
        let refused = |what: Option<DeployId>, why: String| {
            let what = what.map_or_else(|| "to run no deploy".to_owned(), |id| format!("deploy {id}"));
            Err(WorldError::Unbelieved { what, why })
        };
        if let Some(lowest) = lowest.filter(|lowest| id < *lowest) {
            return refused(
                Some(id),
                format!("this host has joined with deploy {lowest}, and runs none that is older"),
            );
        }
        if let Some(last) = turn.last {
            let is_same = id == last.id && at_s == last.at_s;
            let is_later = id > last.id && at_s >= last.at_s;
            let is_back = at_s >= last.at_s && self.back_from.is_some_and(|from| from >= last.id);
            if !is_same && !is_later && !is_back {
                let why = format!("this host has gone by deploy {} already, and no roll-back is signed", last.id);
                return refused(Some(id), why);
            }
        }
        if !rollout::outcomes(&self.rollout, host, turn.labels).contains(&turn.due) {
            let why = format!("deploy {id} was not signed to lead there on this host");
            return refused(turn.due, why);
        }
        Ok(Passed { id, at_s })
    }
}
