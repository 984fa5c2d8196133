//! The keys of who founded a mesh: hosts of the generator get theirs with them, as if they had joined with an invite.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use mgmt::cluster::identity::{
    Administrators, Authority, DenyList, Domain, Grant, HostKeys, Invite, KeyFolder, MeshId, Papers, Pin,
    Signed, SigningKey, SubjectKey,
};
use mgmt::cluster::joining::Enrolled;
use mgmt::cluster::link::Link;
use mgmt::cluster::tls::{self, MeshTls, Passport};
use mgmt::cluster::world::{Grounds, Trust, keys, txn};
use mgmt::engine::world::{Deadline, HostName};

use crate::Failure;
use crate::hosts::PATIENCE;

/// Written at once.
const AT_ONCE: usize = 100;

/// Who founded a mesh, and may do everything in it.
pub struct Founder {
    mesh: MeshId,
    authority: Authority,
    administrator: SigningKey,
    administrators: Administrators,
    passport: Passport,
}

/// Who somebody is, and why it is believed.
pub struct Identity {
    /// What it speaks.
    pub tls: Arc<MeshTls>,
    /// With what it signs, and whom it believes.
    pub trust: Trust,
    /// What the store is to hold of it; `None`: it is an administrator.
    pub enrolled: Option<(HostName, String)>,
}

impl Founder {
    /// From the folder of its keys.
    pub fn load(pki: &Path) -> Result<Founder, Failure> {
        let folder = KeyFolder::at(pki)?;
        let mesh = folder.load_mesh()?.ok_or("no mesh was founded there")?;
        let authority = folder.load_authority(&mesh)?.ok_or("the authority is not there")?;
        let (administrator, _) = folder.load_admin()?.ok_or("the administrator's keys are not there")?;
        let chain = folder.load_administrators()?.ok_or("the administrators are not there")?;
        let administrators = chain.replay(&mesh, &Pin::default())?;
        let passport = Passport::of_administrator(&folder)?.ok_or("the administrator has no certificate")?;
        Ok(Founder { mesh, authority, administrator, administrators, passport })
    }

    /// The administrator itself.
    pub fn administrator(&self) -> Result<Identity, Failure> {
        let trust = Trust::default();
        trust.set(self.grounds("administrator".parse()?, None));
        Ok(Identity { tls: MeshTls::new(self.passport.clone())?, trust, enrolled: None })
    }

    /// A new host, with an invite of its own.
    pub fn host(&self, name: &HostName) -> Result<Identity, Failure> {
        let now = tls::now();
        let (keys, invite_key) = (HostKeys::generate()?, SigningKey::generate()?);
        let invite = Invite {
            key: invite_key.verifying_key(),
            hosts: name.as_str().parse()?,
            uses: 1,
            expires: now.later(PATIENCE),
            zone: String::new(),
            labels: Default::default(),
            serve: false,
        };
        let invite = Signed::new(&invite, Domain::Invite, &self.mesh, &self.administrator)?;
        let statement = keys.statement(name.clone(), false, now);
        let papers = Papers::invited(&statement, &keys.signing, invite, &invite_key, &self.mesh)?;
        let grant = Grant::host(name.clone(), false);
        let certificate = self.authority.issue(&SubjectKey::of(&keys.tls), &grant, now)?;
        let roots = self.authority.roots().clone();
        let enrolled = Enrolled::new(papers, keys.signing.fingerprint(), &certificate, roots.newest());
        let passport = Passport::new(self.mesh, roots, certificate, &keys.tls, DenyList::default())?;
        let trust = Trust::default();
        trust.set(self.grounds(name.clone(), Some(keys.signing)));
        let enrolled = Some((name.clone(), enrolled.to_json()));
        Ok(Identity { tls: MeshTls::new(passport)?, trust, enrolled })
    }

    fn grounds(&self, host: HostName, signing: Option<SigningKey>) -> Grounds {
        Grounds {
            mesh: self.mesh,
            host,
            signing: signing.map(Arc::new),
            recipient: None,
            administrator: None,
            administrators: self.administrators.clone(),
            denied: DenyList::default(),
            lowest_deploy: None,
        }
    }
}

/// Writes down who has an identity; `link` is the administrator's.
pub async fn enrol(link: &Link, identities: &[Identity]) -> Result<(), Failure> {
    let all: Vec<_> = identities.iter().filter_map(|identity| identity.enrolled.as_ref()).collect();
    for some in all.chunks(AT_ONCE) {
        put(link, some.iter().map(|(host, enrolled)| (keys::enrolled(host), enrolled.clone()))).await?;
    }
    Ok(())
}

/// Writes keys.
pub async fn put(
    link: &Link,
    values: impl Iterator<Item = (String, impl Into<Bytes>)>,
) -> Result<(), Failure> {
    let puts = values.map(|(key, value)| txn::put(key, value)).collect();
    link.transact("write", Deadline::after(PATIENCE), txn::always(puts)).await?;
    Ok(())
}
