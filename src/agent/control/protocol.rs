//! Requests and replies: one JSON object a line.
//!
//! ```text
//!   > {"mgmt_control":1,"request":"snapshot","rows":"notable"}
//!   < {"mgmt_control":1,"reply":"status","agent":{…},"snapshot":{…}}
//! ```
//!
//! A new field does not change the version; a field whose meaning changes does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ControlError;
use crate::engine::id::Label;
use crate::engine::runtime::look::Look;
use crate::engine::runtime::snapshot::{Rows, Snapshot};
use crate::engine::world::{HostName, HostStanding};

/// The version of the protocol.
pub const VERSION: u32 = 1;
/// Rows in an answer, unless the request says how many.
pub const DEFAULT_LIMIT: u32 = 1000;

/// What one may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase")]
pub enum Request {
    /// Who is there?
    Hello,
    /// How is it now?
    Snapshot(Asked),
    /// How is it, again and again: at each interval, and when it changes, but not more than four times a second.
    Watch {
        /// In milliseconds; at least 100.
        #[serde(default = "default_interval_ms")]
        interval_ms: u64,
        /// What to see.
        #[serde(flatten)]
        asked: Asked,
    },
    /// Read the graph again, as SIGHUP does.
    Reload,
    /// Where is its mesh?
    Mesh {
        /// Whether to wait for a moment, should it be looking for it right now.
        #[serde(default)]
        soon: bool,
    },
    /// How are the hosts of its mesh?
    Hosts,
    /// Leave the mesh, and end.
    Leave,
    /// A token with which this host may join its mesh.
    Invite {
        /// What it is called.
        host: HostName,
    },
}

/// The requests' names, for those who misspell them.
const REQUESTS: [&str; 8] = ["hello", "snapshot", "watch", "reload", "mesh", "hosts", "leave", "invite"];

fn default_interval_ms() -> u64 {
    1000
}

/// Which rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// All, or those that matter.
    #[serde(default = "notable")]
    pub rows: Rows,
    /// At most so many, the most urgent first; absent: [`DEFAULT_LIMIT`] of those that matter, or really all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// So many of the slowest besides, at most 100.
    #[serde(default)]
    pub slowest: u32,
    /// Only those whose label contains this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find: Option<String>,
}

fn notable() -> Rows {
    Rows::Notable
}

impl Asked {
    /// These rows, with the usual limits.
    pub fn rows(rows: Rows) -> Self {
        Self { rows, limit: None, slowest: 0, find: None }
    }

    pub(super) fn look(&self) -> Look {
        let usual = (self.rows == Rows::Notable).then_some(DEFAULT_LIMIT);
        Look {
            rows: self.rows,
            limit: self.limit.or(usual),
            slowest: self.slowest.min(100),
            find: self.find.clone().filter(|find| !find.is_empty()),
        }
    }
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "lowercase")]
pub enum Reply {
    /// To `hello`.
    Hello {
        /// Who answers.
        agent: AgentFacts,
    },
    /// To `snapshot` and `watch`.
    Status(Box<Status>),
    /// To `reload`: it was passed on.
    Reloading,
    /// To `leave`: it has left, and ends.
    Left,
    /// To `invite`. Who reads this could read the keys as well.
    Invited {
        /// The token.
        token: String,
    },
    /// To `hosts`.
    Hosts {
        /// How they are.
        hosts: HostsFacts,
    },
    /// To `mesh`.
    Mesh {
        /// Its part in a mesh; absent: it has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mesh: Option<MeshFacts>,
    },
    /// It cannot be answered.
    Error {
        /// Why.
        message: String,
    },
}

/// What an agent is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFacts {
    /// Its process.
    pub pid: u32,
    /// Its program's version.
    pub version: String,
    /// Its folder.
    pub prefix: String,
    /// The text of its graph; absent: the empty graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// It changes nothing.
    pub noop: bool,
    /// Someone wants to know when the graph has converged: `--converged-timeout`.
    pub converges: bool,
}

/// An agent's part in a mesh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeshFacts {
    /// What it is called there.
    pub host: String,
    /// Whether it carries the store.
    pub carries: bool,
    /// Where others reach it.
    pub addresses: Vec<String>,
    /// Where the store is.
    pub endpoints: Vec<String>,
    /// Which member it is connected to; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// The store's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// For how many seconds the store has been away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away_s: Option<u64>,
    /// How many writes wait for it.
    pub waiting: usize,
    /// When its certificate is over, in seconds since 1970; absent: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_until: Option<u64>,
    /// How many exports of others were dropped since it takes part: who they say they are from has not signed them.
    #[serde(default)]
    pub dropped_exports: u64,
    /// Why it cannot take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// The hosts of a mesh, and how their graphs stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsFacts {
    /// How many belong to it.
    pub hosts: usize,
    /// How many of them are there.
    pub present: usize,
    /// How many of those have converged.
    pub converged: usize,
    /// Those of them where something has failed, [`HostsFacts::NAMED`] at the most.
    pub failing: Vec<FailingHost>,
    /// How many these are.
    pub failing_count: usize,
    /// Those that are not there, as many at the most.
    pub away: Vec<String>,
}

/// A host where something has failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingHost {
    /// What it is called.
    pub host: String,
    /// How many vertices have failed.
    pub failed: u32,
    /// How many wait for those in vain.
    pub blocked: u32,
}

impl HostsFacts {
    /// How many hosts are named.
    pub const NAMED: usize = 50;

    /// In short.
    pub fn of(standings: &BTreeMap<HostName, HostStanding>) -> Self {
        let present = || standings.iter().filter(|(_, standing)| standing.present);
        let states = || present().filter_map(|(host, standing)| Some((host, standing.state.as_ref()?)));
        let failing = || states().filter(|(_, state)| state.failed + state.blocked > 0);
        let named = failing().take(Self::NAMED).map(|(host, state)| FailingHost {
            host: host.to_string(),
            failed: state.failed,
            blocked: state.blocked,
        });
        let away = standings.iter().filter(|(_, standing)| !standing.present);
        Self {
            hosts: standings.len(),
            present: present().count(),
            converged: states().filter(|(_, state)| state.converged).count(),
            failing: named.collect(),
            failing_count: failing().count(),
            away: away.take(Self::NAMED).map(|(host, _)| host.to_string()).collect(),
        }
    }
}

/// An agent and its vertices at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The agent.
    pub agent: AgentFacts,
    /// Its part in a mesh; absent: its graph has not needed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh: Option<MeshFacts>,
    /// Those that are put right, or fail, over and over, and so are tried once a second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contended: Vec<Label>,
    /// Its vertices.
    #[serde(flatten)]
    pub snapshot: Snapshot,
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    mgmt_control: u32,
    #[serde(flatten)]
    body: T,
}

/// A request or reply as a line, with its end.
pub(in crate::agent) fn to_line<T: Serialize>(body: T) -> Vec<u8> {
    let mut line = serde_json::to_vec(&Envelope { mgmt_control: VERSION, body })
        .expect("maps with string keys are always JSON");
    line.push(b'\n');
    line
}

/// Understands a request; the error is a sentence for the other side.
pub(super) fn request(line: &[u8]) -> Result<Request, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    match value.get("mgmt_control").map(Value::as_u64) {
        Some(Some(version)) if version == u64::from(VERSION) => {}
        Some(Some(theirs)) => {
            return Err(format!("this agent speaks version {VERSION} of the control protocol, not {theirs}"));
        }
        _ => return Err(format!("\"mgmt_control\": {VERSION} is missing")),
    }
    let Some(name) = value.get("request").and_then(Value::as_str) else {
        return Err("\"request\" is missing".to_owned());
    };
    if !REQUESTS.contains(&name) {
        return Err(format!("unknown request {name:?}; there are: {}", REQUESTS.join(", ")));
    }
    let name = name.to_owned();
    serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))
}

/// Understands a reply.
pub(in crate::agent) fn reply(line: &[u8]) -> Result<Reply, ControlError> {
    let unclear = |error: serde_json::Error| ControlError::Answer { what: error.to_string() };
    let value: Value = serde_json::from_slice(line).map_err(unclear)?;
    match value.get("mgmt_control").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(theirs) => return Err(ControlError::Version { theirs, ours: VERSION }),
        None => return Err(ControlError::Answer { what: "it has no version".to_owned() }),
    }
    match serde_json::from_value(value).map_err(unclear)? {
        Reply::Error { message } => Err(ControlError::Refused { message }),
        reply => Ok(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_wire() {
        let asked = Asked { find: Some("motd".into()), ..Asked::rows(Rows::All) };
        for sent in [
            Request::Hello,
            Request::Snapshot(asked.clone()),
            Request::Watch { interval_ms: 250, asked },
            Request::Reload,
        ] {
            assert_eq!(request(&to_line(&sent)), Ok(sent));
        }
    }

    #[test]
    fn what_is_left_out_has_its_usual_value() {
        let got = request(br#"{"mgmt_control":1,"request":"snapshot"}"#);
        assert_eq!(got, Ok(Request::Snapshot(Asked::rows(Rows::Notable))));
    }

    #[test]
    fn what_is_wrong_with_a_request_is_said() {
        let wrong = |line: &str| request(line.as_bytes()).unwrap_err();
        assert_eq!(
            wrong(r#"{"mgmt_control":2,"request":"hello"}"#),
            "this agent speaks version 1 of the control protocol, not 2"
        );
        assert_eq!(wrong(r#"{"request":"hello"}"#), "\"mgmt_control\": 1 is missing");
        assert_eq!(wrong(r#"{"mgmt_control":1}"#), "\"request\" is missing");
        assert_eq!(
            wrong(r#"{"mgmt_control":1,"request":"halt"}"#),
            "unknown request \"halt\"; there are: hello, snapshot, watch, reload, mesh, hosts, leave, invite"
        );
        assert!(wrong("GET / HTTP/1.1").starts_with("not JSON: "));
        assert!(wrong(r#"{"mgmt_control":1,"request":"snapshot","rows":"some"}"#).starts_with("snapshot: "));
    }

    #[test]
    fn a_reply_of_another_version_is_no_answer() {
        let error = reply(br#"{"mgmt_control":9,"reply":"hello"}"#).unwrap_err();
        assert!(matches!(error, ControlError::Version { theirs: 9, ours: 1 }), "{error}");
    }
}
