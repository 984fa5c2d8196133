//! What the administrator asks of the mesh: kept in the store as JSON, changed with `mgmt mesh set KEY=VALUE`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cluster::store::go_duration;
use crate::engine::registry::did_you_mean;

/// The keys of `mgmt mesh set`.
pub const KEYS: [&str; 5] = ["voters", "relay-per", "dead-after", "zones", "snapshot-every"];

/// Voters at the most. Each write waits for most of them, and nine survive four failures at once.
pub const MOST_VOTERS: u8 = 9;

/// `dead-after` at the least: below it, the time to elect a leader would pass for death.
pub const LEAST_DEAD_AFTER: Duration = Duration::from_secs(1);

/// `dead-after` at the most.
pub const MOST_DEAD_AFTER: Duration = Duration::from_secs(3600);

/// `snapshot-every` at the most: 30 days.
pub const MOST_SNAPSHOT_EVERY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The mesh policy. Fields that this version does not know are kept, so that versions can work together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Policy {
    /// How many hosts vote once there are enough: odd, at most [`MOST_VOTERS`].
    pub voters: u8,
    /// One relay for so many clients; at least 1.
    pub relay_per: u32,
    /// How long a voter may be silent before another takes its vote, in milliseconds.
    pub dead_after_ms: u64,
    /// Whether zones matter.
    pub zones: Zones,
    /// How often each host that carries the store copies it to a file, in milliseconds; 0: never.
    pub snapshot_every_ms: u64,
    /// What a newer version wrote.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Whether zones matter to who votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Zones {
    /// Voters are spread over as many zones as there are.
    #[default]
    Spread,
    /// Zones are not looked at.
    Ignore,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            voters: 5,
            relay_per: 2000,
            dead_after_ms: 3000,
            zones: Zones::Spread,
            snapshot_every_ms: 24 * 60 * 60 * 1000,
            unknown: Map::new(),
        }
    }
}

/// Why something is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// No `=`.
    #[error("{text:?} is no setting: write KEY=VALUE, such as voters=3")]
    NotAPair {
        /// What was written.
        text: String,
    },
    /// No such key.
    #[error("the mesh policy has no {key:?}; {}", advice(.meant))]
    UnknownKey {
        /// What was written.
        key: String,
        /// What may have been meant.
        meant: Option<&'static str>,
    },
    /// It must be a number.
    #[error("{key}={value}: not a whole number")]
    NotANumber {
        /// Of which key.
        key: &'static str,
        /// What was written.
        value: String,
    },
    /// An even number of voters.
    #[error("voters={voters}: must be odd; with {} it survives as many failures", voters - 1)]
    Even {
        /// What was asked for.
        voters: u8,
    },
    /// Too little or too much.
    #[error("{key}={value}: must be from {least} to {most}")]
    OutOfRange {
        /// Of which key.
        key: &'static str,
        /// What was written.
        value: String,
        /// The least.
        least: String,
        /// The most.
        most: String,
    },
    /// It must be a time.
    #[error("{key}={value}: not a time; write 3s, 500ms or 1m30s")]
    NotATime {
        /// Of which key.
        key: &'static str,
        /// What was written.
        value: String,
    },
    /// None of the words.
    #[error("{key}={value}: must be one of {choices}")]
    NotAChoice {
        /// Of which key.
        key: &'static str,
        /// What was written.
        value: String,
        /// The words.
        choices: &'static str,
    },
    /// What the store has is no policy.
    #[error("read the mesh policy: {0}")]
    Json(#[from] serde_json::Error),
}

fn advice(meant: &Option<&str>) -> String {
    match meant {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => format!("it has {}", KEYS.join(", ")),
    }
}

impl Policy {
    /// The policy that the store has. It is checked: what another program wrote there may be anything.
    pub fn from_json(json: &[u8]) -> Result<Self, PolicyError> {
        let policy: Self = serde_json::from_slice(json)?;
        check_voters(policy.voters)?;
        check("relay-per", policy.relay_per, 1, u32::MAX)?;
        check_dead_after(policy.dead_after())?;
        check_snapshot_every(Duration::from_millis(policy.snapshot_every_ms))?;
        Ok(policy)
    }

    /// As the store keeps it.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("its keys are strings")
    }

    /// Changes one setting, as `mgmt mesh set voters=3` gives it. On an error nothing has changed.
    pub fn set(&mut self, setting: &str) -> Result<(), PolicyError> {
        let (key, value) = setting
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()))
            .ok_or_else(|| PolicyError::NotAPair { text: setting.to_owned() })?;
        match key {
            "voters" => {
                let voters: u32 = number("voters", value)?;
                let voters = u8::try_from(voters).unwrap_or(u8::MAX);
                check_voters(voters)?;
                self.voters = voters;
            }
            "relay-per" => {
                let clients = number("relay-per", value)?;
                check("relay-per", clients, 1, u32::MAX)?;
                self.relay_per = clients;
            }
            "dead-after" => {
                let time = time("dead-after", value)?;
                check_dead_after(time)?;
                self.dead_after_ms = u64::try_from(time.as_millis()).expect("it is an hour at the most");
            }
            "snapshot-every" => {
                let time = time("snapshot-every", value)?;
                check_snapshot_every(time)?;
                self.snapshot_every_ms = u64::try_from(time.as_millis()).expect("it is a month at the most");
            }
            "zones" => self.zones = zones(value)?,
            _ => {
                let meant = did_you_mean(key, KEYS);
                return Err(PolicyError::UnknownKey { key: key.to_owned(), meant });
            }
        }
        Ok(())
    }

    /// Keys and values, each as [`set`](Self::set) takes them.
    pub fn settings(&self) -> [(&'static str, String); 5] {
        let zones = match self.zones {
            Zones::Spread => "spread",
            Zones::Ignore => "ignore",
        };
        let [voters, relay_per, dead_after, zones_key, snapshot_every] = KEYS;
        [
            (voters, self.voters.to_string()),
            (relay_per, self.relay_per.to_string()),
            (dead_after, format!("{}ms", self.dead_after_ms)),
            (zones_key, zones.to_owned()),
            (snapshot_every, format!("{}s", self.snapshot_every_ms / 1000)),
        ]
    }

    /// How often each host that carries the store copies it to a file; `None`: never.
    pub fn snapshot_every(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.snapshot_every_ms)).filter(|every| !every.is_zero())
    }

    /// How long a voter may be silent before another takes its vote.
    pub fn dead_after(&self) -> Duration {
        Duration::from_millis(self.dead_after_ms)
    }
}

fn number<N: std::str::FromStr>(key: &'static str, value: &str) -> Result<N, PolicyError> {
    value.parse().map_err(|_| PolicyError::NotANumber { key, value: value.to_owned() })
}

fn time(key: &'static str, value: &str) -> Result<Duration, PolicyError> {
    go_duration::parse(value).ok_or_else(|| PolicyError::NotATime { key, value: value.to_owned() })
}

fn zones(value: &str) -> Result<Zones, PolicyError> {
    match value {
        "spread" => Ok(Zones::Spread),
        "ignore" => Ok(Zones::Ignore),
        _ => {
            Err(PolicyError::NotAChoice { key: "zones", value: value.to_owned(), choices: "spread, ignore" })
        }
    }
}

fn check<N: PartialOrd + fmt::Display>(
    key: &'static str,
    value: N,
    least: N,
    most: N,
) -> Result<(), PolicyError> {
    if value >= least && value <= most {
        return Ok(());
    }
    let [value, least, most] = [value, least, most].map(|number| number.to_string());
    Err(PolicyError::OutOfRange { key, value, least, most })
}

fn check_voters(voters: u8) -> Result<(), PolicyError> {
    check("voters", voters, 1, MOST_VOTERS)?;
    if voters.is_multiple_of(2) { Err(PolicyError::Even { voters }) } else { Ok(()) }
}

fn check_dead_after(time: Duration) -> Result<(), PolicyError> {
    if time >= LEAST_DEAD_AFTER && time <= MOST_DEAD_AFTER {
        return Ok(());
    }
    let [value, least, most] = [time, LEAST_DEAD_AFTER, MOST_DEAD_AFTER].map(|time| format!("{time:?}"));
    Err(PolicyError::OutOfRange { key: "dead-after", value, least, most })
}

fn check_snapshot_every(time: Duration) -> Result<(), PolicyError> {
    let least = Duration::from_secs(1);
    if time.is_zero() || (time >= least && time <= MOST_SNAPSHOT_EVERY) {
        return Ok(());
    }
    let [value, least, most] = [time, least, MOST_SNAPSHOT_EVERY].map(|time| format!("{time:?}"));
    Err(PolicyError::OutOfRange { key: "snapshot-every", value, least, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(setting: &str) -> String {
        let mut policy = Policy::default();
        let error = policy.set(setting).unwrap_err().to_string();
        assert_eq!(policy, Policy::default(), "{setting} changed something");
        error
    }

    #[test]
    fn settings_are_read_as_they_are_shown() {
        let mut policy = Policy::default();
        for setting in
            ["voters=3", "relay-per = 500", "dead-after=1m30s", "zones=ignore", "snapshot-every=6h"]
        {
            policy.set(setting).unwrap();
        }
        assert_eq!((policy.voters, policy.relay_per, policy.zones), (3, 500, Zones::Ignore));
        assert_eq!(policy.dead_after(), Duration::from_secs(90));
        assert_eq!(policy.snapshot_every(), Some(Duration::from_secs(6 * 60 * 60)));
        let mut again = Policy::default();
        for (key, value) in policy.settings() {
            again.set(&format!("{key}={value}")).unwrap();
        }
        assert_eq!(again, policy);
    }

    #[test]
    fn what_is_no_setting_is_refused_with_what_to_write() {
        assert_eq!(refused("voters=4"), "voters=4: must be odd; with 3 it survives as many failures");
        assert_eq!(refused("voters=0"), "voters=0: must be from 1 to 9");
        assert_eq!(refused("voters=many"), "voters=many: not a whole number");
        assert_eq!(refused("votres=3"), "the mesh policy has no \"votres\"; did you mean \"voters\"?");
        assert_eq!(
            refused("x=3"),
            "the mesh policy has no \"x\"; it has voters, relay-per, dead-after, zones, snapshot-every"
        );
        assert_eq!(refused("voters"), "\"voters\" is no setting: write KEY=VALUE, such as voters=3");
        assert_eq!(refused("relay-per=0"), "relay-per=0: must be from 1 to 4294967295");
        assert_eq!(refused("dead-after=3"), "dead-after=3: not a time; write 3s, 500ms or 1m30s");
        assert_eq!(refused("dead-after=10ms"), "dead-after=10ms: must be from 1s to 3600s");
        assert_eq!(refused("snapshot-every=9ms"), "snapshot-every=9ms: must be from 1s to 2592000s");
        assert_eq!(refused("zones=some"), "zones=some: must be one of spread, ignore");
    }

    #[test]
    fn what_a_newer_version_wrote_is_kept() {
        let policy = Policy::from_json(br#"{"voters":3,"colour":{"a":1}}"#).unwrap();
        assert_eq!((policy.voters, policy.relay_per), (3, 2000));
        let written: Value = serde_json::from_slice(&policy.to_json()).unwrap();
        assert_eq!(written["colour"]["a"], 1);
        assert_eq!(Policy::from_json(&policy.to_json()).unwrap(), policy);
    }

    #[test]
    fn a_policy_in_the_store_is_checked_as_well() {
        for bad in [
            r#"{"voters":2}"#,
            r#"{"voters":11}"#,
            r#"{"relay-per":0}"#,
            r#"{"dead-after-ms":0}"#,
            r#"{"zones":"?"}"#,
            "[",
        ] {
            assert!(Policy::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
