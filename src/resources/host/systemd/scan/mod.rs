//! What is to become of units at start-up, read from their files as systemd reads them. Pure, over a listing.
//!
//! systemd answers this too: one call a unit, half a second for three hundred. What a listing cannot settle (instances,
//! links to other names, names outside of the folders) is left to it; see `unit_file_lookup_state` in its install.c.

pub mod text;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{FileState, UnitName, drop_in_folders};
use text::{Setting, settings, words};

/// A folder of unit files, and what is in it.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Whose files they are.
    pub role: Role,
    /// Unit files and links, by name.
    pub entries: BTreeMap<String, Entry>,
    /// What lies in `NAME.wants` and `NAME.requires`: links by name, and where they lead.
    pub pulls: Vec<(String, PathBuf)>,
    /// The names of what lies in each `NAME.d`.
    pub drop_ins: BTreeMap<String, Vec<String>>,
    /// When something came to it or left it last, just before it was looked through: in microseconds since 1970.
    pub touched: u64,
}

/// Whose files a folder holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The administrator's: what is enabled here is enabled.
    Config,
    /// Of this boot.
    Runtime,
    /// Made by generators.
    Generated,
    /// Made by calls.
    Transient,
    /// Those of packages.
    #[default]
    Vendor,
}

impl Role {
    fn is_of_this_boot(self) -> bool {
        matches!(self, Self::Runtime | Self::Generated | Self::Transient)
    }
}

/// A unit file, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File,
    /// A link, and where it leads.
    Link(PathBuf),
}

/// What an `[Install]` section says.
#[derive(Debug, Default)]
struct Install {
    aliases: Vec<String>,
    has_rules: bool,
    also: Vec<String>,
}

impl Install {
    fn of(settings: &[Setting]) -> Self {
        let list =
            |key| -> Vec<String> { words(settings, "Install", key).into_iter().map(str::to_owned).collect() };
        let aliases = list("Alias");
        let is_pulled = ["WantedBy", "RequiredBy", "UpheldBy"].iter().any(|key| !list(key).is_empty());
        Self { has_rules: is_pulled || !aliases.is_empty(), also: list("Also"), aliases }
    }
}

/// The file that counts for a unit: in the first folder that has the name.
pub fn fragment<'a>(folders: &'a [Folder], unit: &str) -> Option<(usize, &'a Entry)> {
    folders.iter().enumerate().find_map(|(at, folder)| Some((at, folder.entries.get(unit)?)))
}

/// The drop-ins that count for a unit, in the order of their names: of equal names the one in the first folder.
pub fn drop_ins(folders: &[Folder], unit: &str) -> Vec<PathBuf> {
    let mut found: BTreeMap<&str, PathBuf> = BTreeMap::new();
    for below in drop_in_folders(unit) {
        for folder in folders {
            for name in folder.drop_ins.get(&below).into_iter().flatten() {
                found.entry(name).or_insert_with(|| folder.path.join(&below).join(name));
            }
        }
    }
    found.into_values().collect()
}

/// The state of a unit's file; `None`: systemd must say. `read` gives the text of a file.
///
/// # Errors
/// Those of `read`.
pub fn state(
    folders: &[Folder],
    unit: &UnitName,
    mut read: impl FnMut(&Path) -> io::Result<String>,
) -> io::Result<Option<FileState>> {
    let name = unit.as_str();
    if name.contains('@') {
        return Ok(None);
    }
    let Some((at, entry)) = fragment(folders, name) else { return Ok(Some(FileState::Missing)) };
    let folder = &folders[at];
    let masked = if folder.role.is_of_this_boot() { FileState::MaskedRuntime } else { FileState::Masked };
    match entry {
        Entry::Link(target) if target == Path::new("/dev/null") => return Ok(Some(masked)),
        Entry::Link(_) => return Ok(None),
        Entry::File => {}
    }
    let text = read(&folder.path.join(name))?;
    if text.is_empty() {
        return Ok(Some(masked));
    }
    match folder.role {
        Role::Generated => return Ok(Some(FileState::Generated)),
        Role::Transient => return Ok(Some(FileState::Transient)),
        _ => {}
    }
    let install = install_of(folders, name, &text, read)?;
    let found = links(folders, at, name, &install);
    Ok(Some(match found {
        Found { known_config: true, .. } => FileState::Enabled,
        Found { known_runtime: true, .. } => FileState::EnabledRuntime,
        Found { other: true, .. } => FileState::Indirect,
        _ if install.has_rules => FileState::Disabled,
        _ if !install.also.is_empty() => FileState::Indirect,
        _ => FileState::Static,
    }))
}

/// The `[Install]` section of a unit with this text in its file, and with its drop-ins.
fn install_of(
    folders: &[Folder],
    unit: &str,
    text: &str,
    mut read: impl FnMut(&Path) -> io::Result<String>,
) -> io::Result<Install> {
    let mut all = settings(text);
    for path in drop_ins(folders, unit) {
        all.extend(settings(&read(&path)?));
    }
    Ok(Install::of(&all))
}

/// The units that a plain unit enables in its place; `None`: it has links of its own, or its file lies elsewhere. `read` gives
/// the text of a file.
///
/// # Errors
/// Those of `read`.
pub fn only_also(
    folders: &[Folder],
    unit: &UnitName,
    mut read: impl FnMut(&Path) -> io::Result<String>,
) -> io::Result<Option<Vec<String>>> {
    let name = unit.as_str();
    let Some((at, Entry::File)) = fragment(folders, name) else { return Ok(None) };
    let text = read(&folders[at].path.join(name))?;
    let install = install_of(folders, name, &text, read)?;
    Ok((!install.has_rules).then_some(install.also))
}

/// Which links lead to a unit.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// Under a name of its own, in the administrator's folder.
    known_config: bool,
    /// Under a name of its own, until the next boot.
    known_runtime: bool,
    /// Under another name, in one of these.
    other: bool,
}

fn links(folders: &[Folder], fragment_at: usize, unit: &str, install: &Install) -> Found {
    let mut found = Found::default();
    for (at, folder) in folders.iter().enumerate() {
        // Below the folder of the file itself, a link of the same name is hidden by it.
        let is_hidden = at > fragment_at;
        let tops = folder.entries.iter().filter_map(|(name, entry)| match entry {
            Entry::Link(target) => Some((name, target, true)),
            Entry::File => None,
        });
        let pulls = folder.pulls.iter().map(|(name, target)| (name, target, false));
        for (name, target, is_top) in tops.chain(pulls) {
            let by_name = !is_hidden && name == unit;
            let by_target = target.file_name().is_some_and(|end| end == unit);
            if !by_name && !by_target || is_top && by_name && by_target {
                continue;
            }
            let is_known = name == unit || install.aliases.iter().any(|alias| alias == name);
            match folder.role {
                Role::Config if is_known => found.known_config = true,
                Role::Vendor => {}
                Role::Config => found.other = true,
                _ if is_known => found.known_runtime = true,
                _ => found.other = true,
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str =
        "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlias=b.service\n";

    fn scene() -> Vec<Folder> {
        let folder = |path: &str, role| Folder { path: path.into(), role, ..Folder::default() };
        vec![
            folder("/etc/systemd/system", Role::Config),
            folder("/run/systemd/system", Role::Runtime),
            folder("/run/systemd/generator", Role::Generated),
            folder("/usr/lib/systemd/system", Role::Vendor),
        ]
    }

    fn state_of(folders: &[Folder], texts: &[(&str, &str)]) -> Option<FileState> {
        let read = |path: &Path| {
            let text = texts.iter().find(|(known, _)| path == Path::new(known));
            text.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        state(folders, &UnitName::new("a.service").unwrap(), read).unwrap()
    }

    const VENDOR: &str = "/usr/lib/systemd/system/a.service";

    #[test]
    fn links_in_the_folder_that_counts_say_what_is_enabled() {
        let mut folders = scene();
        assert_eq!(state_of(&folders, &[]), Some(FileState::Missing));
        folders[3].entries.insert("a.service".into(), Entry::File);
        let state = |folders: &[Folder]| state_of(folders, &[(VENDOR, WANTED)]);
        assert_eq!(state(&folders), Some(FileState::Disabled));
        folders[3].pulls.push(("a.service".into(), "../a.service".into()));
        assert_eq!(state(&folders), Some(FileState::Disabled), "a package's own link does not count");
        folders[1].pulls.push(("a.service".into(), VENDOR.into()));
        assert_eq!(state(&folders), Some(FileState::EnabledRuntime));
        folders[0].pulls.push(("a.service".into(), VENDOR.into()));
        assert_eq!(state(&folders), Some(FileState::Enabled));
    }

    #[test]
    fn aliases_count_if_the_file_names_them() {
        let mut folders = scene();
        folders[3].entries.insert("a.service".into(), Entry::File);
        folders[0].entries.insert("b.service".into(), Entry::Link(VENDOR.into()));
        assert_eq!(state_of(&folders, &[(VENDOR, WANTED)]), Some(FileState::Enabled));
        assert_eq!(state_of(&folders, &[(VENDOR, "[Install]\nWantedBy=x\n")]), Some(FileState::Indirect));
    }

    #[test]
    fn masks_hide_the_file_and_generated_ones_are_told() {
        let mut folders = scene();
        folders[3].entries.insert("a.service".into(), Entry::File);
        folders[1].entries.insert("a.service".into(), Entry::Link("/dev/null".into()));
        assert_eq!(state_of(&folders, &[]), Some(FileState::MaskedRuntime));
        folders[0].entries.insert("a.service".into(), Entry::Link("/dev/null".into()));
        assert_eq!(state_of(&folders, &[]), Some(FileState::Masked));
        folders[0].entries.insert("a.service".into(), Entry::Link("/opt/a.service".into()));
        assert_eq!(state_of(&folders, &[]), None, "systemd must say");
        folders[0].entries.insert("a.service".into(), Entry::File);
        assert_eq!(state_of(&folders, &[("/etc/systemd/system/a.service", "")]), Some(FileState::Masked));
        let mut folders = scene();
        folders[2].entries.insert("a.service".into(), Entry::File);
        let generated = [("/run/systemd/generator/a.service", WANTED)];
        assert_eq!(state_of(&folders, &generated), Some(FileState::Generated));
    }

    #[test]
    fn without_an_install_section_it_is_static_or_indirect_unless_linked_by_hand() {
        let mut folders = scene();
        folders[3].entries.insert("a.service".into(), Entry::File);
        assert_eq!(state_of(&folders, &[(VENDOR, "[Unit]\n")]), Some(FileState::Static));
        assert_eq!(state_of(&folders, &[(VENDOR, "[Install]\nAlso=c\n")]), Some(FileState::Indirect));
        folders[0].pulls.push(("a.service".into(), VENDOR.into()));
        assert_eq!(state_of(&folders, &[(VENDOR, "[Unit]\n")]), Some(FileState::Enabled));
        assert!(state(&folders, &UnitName::new("a@b").unwrap(), |_| Ok(String::new())).unwrap().is_none());
    }

    #[test]
    fn drop_ins_count_once_a_name_and_may_bring_an_install_section() {
        let mut folders = scene();
        folders[3].entries.insert("a.service".into(), Entry::File);
        folders[3].drop_ins.insert("a.service.d".into(), vec!["10.conf".into(), "20.conf".into()]);
        folders[0].drop_ins.insert("a.service.d".into(), vec!["20.conf".into()]);
        let found = drop_ins(&folders, "a.service");
        let etc = "/etc/systemd/system/a.service.d/20.conf";
        let usr = "/usr/lib/systemd/system/a.service.d/10.conf";
        assert_eq!(found, [Path::new(usr), Path::new(etc)]);
        let texts = [(VENDOR, "[Unit]\n"), (usr, "[Unit]\n"), (etc, "[Install]\nWantedBy=x\n")];
        assert_eq!(state_of(&folders, &texts), Some(FileState::Disabled));
    }
}
