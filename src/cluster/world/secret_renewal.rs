//! A secret for those who have joined since it was put: by who has put it, and may read it again.
//!
//! An administrator who puts a secret encrypts it for a key of their own, too, which lies beside their other keys. Nobody else can
//! renew it: a host may read what is for it, and write nothing of it, and other administrators have none of it.

use super::secret_desk::{Change, Recipients, administrator, read_record, recipients, sealed};
use super::{Client, keys, secrets};
use crate::cluster::identity::{AdministratorName, RecipientKey};
use crate::cluster::store::key::KeyRange;
use crate::engine::world::{Deadline, WorldError};

const RENEW: &str = "renew a secret";

impl Client {
    /// Encrypts a secret for the hosts that it is for and that have none yet, or with `all` for each of them anew; returns for which
    /// it did. The secret and its version stay what they are.
    ///
    /// # Errors
    /// When there is no such secret, it was not put last by the administrator whose keys these are, somebody else puts it
    /// meanwhile, or the store does not answer.
    pub async fn renew_secret(
        &self,
        name: &str,
        reader: &RecipientKey,
        all: bool,
        by: Deadline,
    ) -> Result<Recipients, WorldError> {
        let grounds = self.grounds_of_secrets(RENEW)?;
        let me = administrator(&grounds).ok_or(WorldError::NoSigner { operation: RENEW })?;
        let record_key = keys::secret_record(name);
        let unreadable = |key: &str, why: &str| {
            let (key, why) = (key.to_owned(), why.to_owned());
            WorldError::Unreadable { operation: RENEW, key, why }
        };
        let found = self.read_all(RENEW, &KeyRange::One(record_key.clone().into()), by).await?;
        let missing = || WorldError::Missing { what: format!("secret {name:?}") };
        let record = found.into_values().next().ok_or_else(missing)?;
        let said = read_record(&grounds, &record.value).filter(|said| said.name == name);
        let said = said.ok_or_else(|| unreadable(&record_key, "no administrator has signed it"))?;

        let own_key = keys::secret_of_administrator(name, &me);
        let own = self.read_all(RENEW, &KeyRange::One(own_key.clone().into()), by).await?;
        let own = own.into_values().next().filter(|own| own.written >= record.written);
        let own = own.ok_or_else(|| WorldError::Missing { what: unread(name, &me) })?;
        let place = (name, &*keys::secret_reader(&me));
        let opened = secrets::opened(&grounds, place, &own.value, reader);
        let (version, value) = opened.map_err(|error| unreadable(&own_key, &error.to_string()))?;
        if version != said.version {
            return Err(unreadable(&own_key, "it is another version than the secret's record says"));
        }

        let standings = self.standings(&grounds, &said.to, by).await?;
        let (mut renewed, mut keys_of) = recipients(&standings, &said.to);
        if !all {
            let prefix = keys::secrets_named(name);
            for (key, written) in self.read_keys(RENEW, &keys::under(&prefix), by).await? {
                let host = keys::last_part(&prefix, &key).and_then(|host| host.parse().ok());
                if let Some(host) = host.filter(|_| written >= record.written) {
                    keys_of.remove(&host);
                }
            }
            renewed.hosts.retain(|host| keys_of.contains_key(host));
        }
        let sealed = keys_of.iter().map(|(host, key)| {
            Ok((
                keys::secret(name, host),
                Some(sealed(&grounds, (name, host.as_str(), version), &value, key)?),
            ))
        });
        let changes: Vec<Change> = sealed.collect::<Result<_, WorldError>>()?;
        self.write_secrets(name, Some(record.written), changes, by).await?;
        Ok(renewed)
    }
}

fn unread(name: &str, me: &AdministratorName) -> String {
    format!(
        "copy of the secret {name:?} that {me} can read: who has put it last can renew it, and who knows it can put it again"
    )
}
