//! What a unit comes after.

use std::path::Path;
use std::sync::Arc;

use super::spec::Whose;
use crate::engine::kind::{Ask, Uid};
use crate::resources::file::target::normalize;
use crate::resources::host::systemd::scan::text::{Setting, last, settings, words};
use crate::resources::host::systemd::{UnitName, settings_of};
use crate::resources::path_asks;

/// Where people and packages put unit files of the system, those that win first.
pub const FOLDERS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The keys of a service that name a program: systemd.service(5).
const PROGRAMS: [&str; 4] = ["ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost"];

/// What a unit comes after, whatever its files say.
pub fn asks(unit: &UnitName, whose: &Whose) -> Vec<Ask> {
    match whose {
        Whose::System => of_file(unit),
        Whose::Session(None) => Vec::new(),
        Whose::Session(Some(user)) => {
            vec![Ask::after(vec![Uid::new("user", user.clone())], "whose session it is in")]
        }
    }
}

/// What the files of a unit of the system that are there ask for. `root`: `/`, or where a test has its files.
pub fn on_disk(unit: &UnitName, root: &Path) -> Vec<Ask> {
    of_settings(&settings_of(unit, root))
}

/// What a unit offers to the files that make it: its name, and that of its template.
pub fn runs(unit: &UnitName) -> impl Iterator<Item = Uid> {
    let names = [Some(unit.as_str().to_owned()), unit.template()];
    names.into_iter().flatten().map(|name| Uid::new("runs", name))
}

/// The unit that a path is a unit file or a drop-in of.
pub fn unit_of(path: &str) -> Option<UnitName> {
    let below = FOLDERS.iter().find_map(|folder| path.strip_prefix(folder)?.strip_prefix('/'))?;
    let unit = match below.split_once('/') {
        Some((folder, drop_in)) if !drop_in.contains('/') => folder.strip_suffix(".d")?,
        Some(_) => return None,
        None => below,
    };
    UnitName::new(unit).ok().filter(|name| name.as_str() == unit)
}

/// What the text of a unit file or drop-in, as declared, asks for in the name of the units that it is of.
pub fn of_declared(path: &str, text: &str) -> Vec<Ask> {
    let Some(unit) = unit_of(path) else { return Vec::new() };
    let of = Uid::new("runs", unit.shared().clone());
    of_settings(&settings(text)).into_iter().map(|ask| ask.of(of.clone())).collect()
}

/// The unit file itself, and the package that brings it.
fn of_file(unit: &UnitName) -> Vec<Ask> {
    let names: Vec<String> =
        [Some(unit.as_str().to_owned()), unit.template()].into_iter().flatten().collect();
    let in_folders = |folders: &[&str], end: &str| -> Vec<Arc<str>> {
        let of = |name: &String| {
            folders.iter().map(|folder| format!("{folder}/{name}{end}").into()).collect::<Vec<_>>()
        };
        names.iter().flat_map(of).collect()
    };
    let paths = in_folders(&FOLDERS, "").into_iter().map(Uid::path).collect();
    let drop_ins = in_folders(&FOLDERS[..2], ".d").into_iter().map(Uid::path).collect();
    let mut owned: Vec<Uid> =
        in_folders(&FOLDERS[3..], "").into_iter().map(|path| Uid::new("owned", path)).collect();
    let stem = unit.stem().split_once('@').map_or(unit.stem(), |(stem, _)| stem);
    owned.push(Uid::new("package", stem));
    vec![
        Ask::after(paths, "its unit file"),
        Ask::after(drop_ins, "the folder of its drop-ins"),
        Ask::after(owned, "the package that brings its unit file"),
        Ask::after_every(path_asks::every_config(stem), "its configuration"),
    ]
}

/// Accounts, mounts and files that unit files name. Of several files it is all that any of them names, as none of it does
/// harm.
fn of_settings(settings: &[Setting]) -> Vec<Ask> {
    let mut asks = of_accounts(settings);
    let is_plain = |path: &&str| path.starts_with('/') && !path.contains(['%', '$', '*', '?', '[']);
    for path in words(settings, "Unit", "RequiresMountsFor").into_iter().map(|it| it.trim_matches('"')) {
        if is_plain(&path) {
            asks.push(of_mounts(path, "a file system that it requires"));
        }
    }
    let values = |keys: &'static [&'static str]| {
        let of = settings.iter().filter(move |it| it.section == "Service" && keys.contains(&&*it.key));
        of.map(|it| &*it.value)
    };
    let optional = |path: &'_ str| path.trim_start_matches('-').trim_matches('"').to_owned();
    let folders = values(&["WorkingDirectory", "RootDirectory"]).map(optional);
    let environments = values(&["EnvironmentFile"]).map(optional);
    let programs = values(&PROGRAMS).filter_map(program);
    let named = (folders.map(|path| (path, "the directory it works in")))
        .chain(environments.map(|path| (path, "the file of its environment")))
        .chain(programs.map(|path| (path, "the program it runs")));
    for (path, reason) in named.filter(|(path, _)| is_plain(&path.as_str())) {
        let Ok(target) = normalize(&path, None) else { continue };
        let above = || std::iter::once(&*target.path).chain(target.ancestors());
        asks.push(Ask::after(above().map(Uid::path).collect(), reason));
        asks.push(Ask::after(vec![Uid::new("owned", target.path.clone())], reason));
        asks.push(of_mounts(&target.path, "the file system of what it names"));
    }
    asks
}

fn of_mounts(path: &str, reason: &'static str) -> Ask {
    let above = Path::new(path).ancestors().filter_map(Path::to_str);
    Ask::after(above.map(|at| Uid::new("mount", at)).collect(), reason)
}

/// The users and groups that unit files name.
fn of_accounts(settings: &[Setting]) -> Vec<Ask> {
    let is_on = |it: &str| matches!(it, "yes" | "true" | "1" | "on");
    if last(settings, "Service", "DynamicUser").is_some_and(is_on) {
        return Vec::new();
    }
    let account = |key| last(settings, "Service", key).into_iter();
    let users = account("User").map(|name| ("user", name, "whom it runs as"));
    let groups = account("Group").chain(words(settings, "Service", "SupplementaryGroups"));
    let named = users.chain(groups.map(|name| ("group", name, "the group it runs as")));
    let named = named.filter(|(_, name, _)| !name.is_empty() && !name.contains('%'));
    named.map(|(sort, name, reason)| Ask::after(vec![Uid::new(sort, name)], reason)).collect()
}

/// The program of a command line.
fn program(line: &str) -> Option<String> {
    let word = line.trim_start_matches(['@', '-', ':', '+', '!', '|']).split_whitespace().next()?;
    Some(word.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_file_the_package_and_the_accounts_in_it_come_first() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/systemd/system");
        std::fs::create_dir_all(&folder).unwrap();
        let text = "[Unit]\nRequiresMountsFor=/srv/a\n[Service]\nUser=anna\nGroup=staff\n";
        std::fs::write(folder.join("x@.service"), text).unwrap();
        let unit = UnitName::new("x@one").unwrap();
        let asks = [asks(&unit, &Whose::System), on_disk(&unit, root.path())].concat();
        let first = |at: usize| asks[at].first_of[0].clone();
        assert_eq!(first(0), Uid::path("/etc/systemd/system/x@one.service"));
        assert!(asks[0].first_of.contains(&Uid::path("/usr/lib/systemd/system/x@.service")));
        assert_eq!(first(1), Uid::path("/etc/systemd/system/x@one.service.d"));
        assert_eq!(first(2), Uid::new("owned", "/usr/lib/systemd/system/x@one.service"));
        assert_eq!(asks[2].first_of.last(), Some(&Uid::new("package", "x")));
        assert_eq!(first(3), path_asks::every_config("x"));
        assert_eq!((first(4), first(5)), (Uid::new("user", "anna"), Uid::new("group", "staff")));
        assert_eq!(asks[6].first_of, ["/srv/a", "/srv", "/"].map(|at| Uid::new("mount", at)));
    }

    #[test]
    fn dynamic_users_are_nobody_and_a_session_is_its_users() {
        let settings = settings("[Service]\nUser=x\nDynamicUser=yes\n");
        assert!(of_settings(&settings).is_empty());
        let whose = Whose::Session(Some("anna".into()));
        let asks = asks(&UnitName::new("x").unwrap(), &whose);
        assert_eq!(asks[0].first_of, [Uid::new("user", "anna")]);
        assert_eq!(asks.len(), 1);
    }

    #[test]
    fn what_a_unit_file_names_comes_first_also_in_drop_ins() {
        let text = "[Service]\nWorkingDirectory=-/srv/w\nEnvironmentFile=/etc/x/env\nExecStart=-/opt/x/run -a\n\
                    ExecStartPre=/bin/%i\nExecStop=/bin/no\nSupplementaryGroups=a b\nEnvironmentFile=/e/*.env\n";
        let asks = of_settings(&settings(text));
        let first: Vec<String> =
            asks.iter().map(|ask| format!("{} {}", ask.first_of[0].sort, ask.first_of[0].id)).collect();
        let of = |path: &str| ["path", "owned", "mount"].map(|sort| format!("{sort} {path}"));
        let paths = ["/srv/w", "/etc/x/env", "/opt/x/run"].map(of).concat();
        assert_eq!(first, [vec!["group a".to_owned(), "group b".to_owned()], paths].concat());
        assert_eq!(asks[2].first_of, ["/srv/w", "/srv"].map(Uid::path));

        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("usr/lib/systemd/system/x@.service.d");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.conf"), "[Service]\nUser=anna\n").unwrap();
        std::fs::write(folder.join("a.txt"), "[Service]\nUser=bob\n").unwrap();
        let whom = |user: &str| [Ask::after(vec![Uid::new("user", user)], "whom it runs as")];
        let asks = |unit: &str| on_disk(&UnitName::new(unit).unwrap(), root.path());
        assert_eq!(asks("x@1"), whom("anna"));
        // Of one name only the file that wins counts, and drop-ins of prefixes and types do, too.
        for (folder, user) in [
            ("etc/systemd/system/x@.service.d", "bob"),
            ("etc/systemd/system/a-.service.d", "carl"),
            ("run/systemd/system/service.d", "dora"),
        ] {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            let name = if user == "dora" { "0.conf" } else { "a.conf" };
            std::fs::write(folder.join(name), format!("[Service]\nUser={user}\n")).unwrap();
        }
        assert_eq!(asks("x@1"), whom("bob"));
        assert_eq!(asks("a-b"), whom("carl"));
        assert_eq!(asks("c"), whom("dora"));
    }

    #[test]
    fn declared_unit_files_ask_in_the_name_of_their_units() {
        let text = "[Service]\nUser=anna\n";
        let user = Ask::after(vec![Uid::new("user", "anna")], "whom it runs as");
        for (path, unit) in [
            ("/etc/systemd/system/x.service", "x.service"),
            ("/etc/systemd/system/x@.service", "x@.service"),
            ("/run/systemd/system/x.service.d/10-a.conf", "x.service"),
        ] {
            assert_eq!(of_declared(path, text), [user.clone().of(Uid::new("runs", unit))], "{path}");
        }
        assert!(of_declared("/etc/x.service", text).is_empty());
        let unit = UnitName::new("x@1").unwrap();
        assert_eq!(
            runs(&unit).collect::<Vec<_>>(),
            ["x@1.service", "x@.service"].map(|name| Uid::new("runs", name))
        );
    }
}
