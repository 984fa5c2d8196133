//! The automatic edges that are wanted by whatever lies at a path.

use std::sync::Arc;

use super::file::target::Target;
use super::svc::edges;
use crate::engine::kind::{Ask, Uid};

/// What lies at `target` comes after its directory, the file system it is on, and the package that brings it or else
/// the directory.
pub fn of_target(target: &Target) -> Vec<Ask> {
    let above: Vec<Arc<str>> = target.ancestors().map(Arc::from).collect();
    let named = |sort, paths: &[Arc<str>]| paths.iter().map(|path| Uid::new(sort, path.clone())).collect();
    let mut owned: Vec<Uid> = named("owned", &above);
    owned.insert(0, Uid::new("owned", target.path.clone()));
    let mut asks = Vec::with_capacity(4);
    if !above.is_empty() {
        asks.push(Ask::after(named("path", &above), "the directory it is in"));
        asks.push(Ask::after(named("mount", &above), "the file system it is on"));
    }
    asks.push(Ask::after(owned, "the package that brings it or its directory"));
    asks.extend(of_unit_file(&target.path));
    asks
}

/// A unit file or drop-in comes before the unit, which asks for its file by itself, but cannot know the names of drop-ins.
fn of_unit_file(path: &str) -> Option<Ask> {
    let unit = edges::unit_of(path)?;
    let reason = "its unit file";
    Some(match unit.is_template() {
        true => Ask::before_every(Uid::new("runs", unit.shared().clone()), reason),
        false => Ask::before(vec![Uid::new("unit", unit.shared().clone())], reason),
    })
}

/// Whether unit files lie at `path` or below, or it is one: they say what their units come after.
pub fn informs(path: &str) -> bool {
    let is_in =
        |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    edges::FOLDERS.iter().any(|folder| path == *folder || is_in(folder, path) || is_in(path, folder))
}

/// What is changed in place at `target` comes after whatever makes the file.
pub fn of_edited(target: &Target) -> Vec<Ask> {
    let mut asks = of_target(target);
    let own = Uid::path(target.path.clone());
    match asks.iter_mut().find(|ask| ask.first_of[0].sort == "path") {
        Some(ask) => ask.first_of.insert(0, own),
        None => asks.push(Ask::after(vec![own], "the file it edits")),
    }
    asks
}

/// What reads `path` comes after whatever makes it.
pub fn of_source(path: impl Into<Arc<str>>) -> Ask {
    Ask::after(vec![Uid::path(path)], "what it reads")
}

/// What belongs to a user and group comes after these; empty names are nobody.
pub fn of_owner(user: &str, group: &str) -> impl Iterator<Item = Ask> {
    let user = (!user.is_empty()).then(|| Ask::after(vec![Uid::new("user", user)], "its owner"));
    let group = (!group.is_empty()).then(|| Ask::after(vec![Uid::new("group", group)], "its group"));
    user.into_iter().chain(group)
}

/// What a file offers to a service of the same name, if it lies where such a service has its configuration:
/// `/etc/NAME/…`, `/etc/NAME.conf`, and the files of variables of Debian's and Red Hat's start scripts.
pub fn config(path: &str) -> Option<Uid> {
    let below = path.strip_prefix("/etc/")?;
    let name = match below.split_once('/') {
        Some(("default" | "sysconfig", name)) => name,
        Some((name, _)) => name,
        None => below.strip_suffix(".conf")?,
    };
    Some(every_config(name))
}

/// What a service asks to come after: its name without the unit's suffix and instance.
pub fn every_config(service: &str) -> Uid {
    Uid::new("config", service)
}

/// Where the tools for packages are told whence packages come, and whom to believe: apt's, dnf's and pacman's folders and
/// files, by their manuals.
const REPOSITORIES: [&str; 15] = [
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d",
    "/etc/apt/keyrings",
    "/etc/apt/trusted.gpg",
    "/etc/apt/trusted.gpg.d",
    "/etc/apt/preferences",
    "/etc/apt/preferences.d",
    "/etc/apt/apt.conf",
    "/etc/apt/apt.conf.d",
    "/etc/apt/auth.conf.d",
    "/usr/share/keyrings",
    "/etc/yum.repos.d",
    "/etc/dnf",
    "/etc/pki/rpm-gpg",
    "/etc/pacman.d",
];

/// What a file offers to all packages, if it says where packages come from.
pub fn repository(path: &str) -> Option<Uid> {
    let is_below =
        |place: &&str| path.strip_prefix(*place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_one = path == "/etc/pacman.conf" || REPOSITORIES.iter().any(is_below);
    is_one.then(every_repository)
}

/// What packages ask to come after.
pub fn every_repository() -> Uid {
    Uid::new("repository", "packages")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::AskOrder;

    #[test]
    fn a_services_configuration_is_known_by_its_place() {
        for (path, service) in [
            ("/etc/nginx/conf.d/site.conf", Some("nginx")),
            ("/etc/chrony.conf", Some("chrony")),
            ("/etc/default/ssh", Some("ssh")),
            ("/etc/hosts", None),
            ("/srv/nginx/x", None),
        ] {
            assert_eq!(config(path), service.map(every_config), "{path}");
        }
    }

    #[test]
    fn files_that_say_where_packages_come_from_are_known_by_their_place() {
        for path in [
            "/etc/apt/sources.list",
            "/etc/apt/keyrings/x.gpg",
            "/etc/yum.repos.d/x.repo",
            "/etc/pacman.conf",
        ] {
            assert!(repository(path).is_some(), "{path}");
        }
        for path in ["/etc/apt", "/etc/apt/sources.list~", "/etc/motd"] {
            assert!(repository(path).is_none(), "{path}");
        }
    }

    #[test]
    fn unit_files_and_drop_ins_come_before_their_units() {
        for (path, unit) in [
            ("/etc/systemd/system/a.service", Some("a.service")),
            ("/usr/lib/systemd/system/a.timer", Some("a.timer")),
            ("/etc/systemd/system/a.service.d/10-x.conf", Some("a.service")),
            ("/etc/systemd/system/a.service.d", None),
            ("/etc/systemd/system/a@.service.d/x.conf", Some("a@.service")),
            ("/etc/systemd/system/multi-user.target.wants/a.service", None),
            ("/etc/systemd/system", None),
            ("/etc/systemd/systemx/a.service", None),
            ("/etc/a.service", None),
        ] {
            let found = of_unit_file(path);
            assert!(found.iter().all(|ask| ask.order == AskOrder::Before));
            let found = found.map(|ask| ask.first_of[0].clone());
            let sort = if path.contains('@') { "runs" } else { "unit" };
            assert_eq!(found, unit.map(|unit| Uid::new(sort, unit)), "{path}");
        }
    }

    #[test]
    fn what_may_hold_unit_files_informs() {
        for path in ["/etc/systemd", "/usr", "/etc/systemd/system/a.service.d/x.conf", "/lib/systemd/system"]
        {
            assert!(informs(path), "{path}");
        }
        for path in ["/etc/systemd/systemx", "/etc/motd", "/us", "/etc/systemd/journald.conf"] {
            assert!(!informs(path), "{path}");
        }
    }
}
