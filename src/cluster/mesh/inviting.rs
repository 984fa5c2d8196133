//! Inviting a host: an administrator's key signs, and the store keeps it.

use std::path::Path;

use zeroize::Zeroizing;

use super::MeshError;
use super::administering::{OwnPapers, own_papers};
use crate::cluster::identity::{KeyFolder, MOST_SEEDS, key_files};
use crate::cluster::joining::{self, Inviting, Terms};
use crate::cluster::world::{Client, txn};
use crate::engine::world::{Deadline, DeployId, World as _};

/// How long the store may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(8);

/// Makes an invite with the administrator's key that lies in a folder, writes it into the store, and returns its token.
///
/// # Errors
/// When no administrator's key lies there, or the store does not answer.
pub async fn invite(
    client: &Client,
    folder: &KeyFolder,
    terms: Terms,
) -> Result<Zeroizing<String>, MeshError> {
    let OwnPapers { mesh, signing, roots, administrators, .. } = own_papers(folder)?;
    let by = Deadline::after(PATIENCE);
    client.link().line("invite a host", by).await?;
    let mut seeds = client.link().places();
    seeds.truncate(MOST_SEEDS);
    let inviting = Inviting {
        mesh: &mesh,
        administrator: &signing,
        administrators: &administrators,
        roots: roots.roots(),
        seeds: &seeds,
        lowest_deploy: newest_deploy(client, by).await?,
    };
    let invitation = joining::invite(&inviting, terms)?;
    let write = txn::always(vec![txn::put(&invitation.key, invitation.value)]);
    client.link().transact("write an invite", by, write).await?;
    Ok(invitation.token.to_text()?)
}

/// The folder of the administrator of this host's mesh, among those of this user: this host's own, or that of another agent
/// of the same machine.
///
/// # Errors
/// When there is none.
pub fn administrators_folder(prefix: &Path) -> Result<KeyFolder, MeshError> {
    let own = KeyFolder::open(prefix)?;
    let missing = || own.missing(key_files::ADMIN_KEY);
    let mesh = own.load_mesh()?.ok_or_else(missing)?;
    let above = prefix.parent().unwrap_or(prefix);
    let beside = std::fs::read_dir(above).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut prefixes = vec![prefix.to_owned(), above.to_owned()];
    prefixes.extend(beside);
    let is_it = |folder: &KeyFolder| {
        folder.load_mesh().is_ok_and(|found| found == Some(mesh))
            && folder.load_admin().is_ok_and(|it| it.is_some())
    };
    let folders = prefixes.iter().filter_map(|prefix| KeyFolder::at(&prefix.join("pki")).ok());
    folders.into_iter().find(is_it).ok_or_else(|| missing().into())
}

/// The newest deploy: a host that joins runs none that is older.
async fn newest_deploy(client: &Client, by: Deadline) -> Result<DeployId, MeshError> {
    let deploys = client.deploys().list(by).await?;
    Ok(deploys.iter().map(|deploy| deploy.id).max().unwrap_or(DeployId(0)))
}
