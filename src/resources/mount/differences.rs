//! How a mount differs from what it should be. Pure, but for what is asked about devices.

use serde::{Deserialize, Serialize};

use super::options::differing;
use super::spec::{HIDDEN, Spec};
use crate::engine::drift::{Drift, Shown};
use crate::resources::host::mounts::fstab::{self, Entry};
use crate::resources::host::mounts::{State, table};

/// What only the machine knows of devices.
pub trait Devices: Sync {
    /// Whether what is declared (`UUID=…`, a link in /dev, an image file) is what the table shows.
    fn is_same(&self, declared: &str, shown: &str) -> bool;
    /// Whether what is seen at a place is on this device, by whatever name the table has it: `/dev/root`.
    fn is_on(&self, declared: &str, point: &str) -> bool;
    /// Whether both paths show the same directory or file.
    fn is_same_place(&self, one: &str, other: &str) -> bool;
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// fstab has another line, or none; or several.
    Fstab(Option<Entry>),
    /// fstab has a line, and should not.
    FstabUnwanted(Entry),
    /// Nothing is mounted.
    NotMounted,
    /// Something is mounted, and nothing should be.
    Mounted(Box<str>),
    /// Something else is mounted.
    Other(Box<str>),
    /// The options are others: as they are, as they should be.
    Options(Vec<(Box<str>, Box<str>)>),
}

impl Difference {
    /// Whether only the line in fstab differs.
    pub fn is_of_fstab(&self) -> bool {
        matches!(self, Self::Fstab(_) | Self::FstabUnwanted(_))
    }
}

/// All differences. `own`: how the table showed our own mount of this declaration; a helper may name it in any way.
pub fn differences(
    state: &State,
    spec: &Spec,
    devices: &dyn Devices,
    own: Option<&Looks>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let entry = fstab::find(&state.fstab, &spec.point);
    match (entry, spec.in_fstab) {
        (Some(entry), true) if entry == spec.entry && fstab::count(&state.fstab, &spec.point) == 1 => {}
        (entry, true) => found.push(Difference::Fstab(entry)),
        (Some(entry), false) => found.push(Difference::FstabUnwanted(entry)),
        (None, false) => {}
    }
    // An automount point is the promise of a mount.
    let mounted = table::at(&state.mounts, &spec.point).filter(|it| &*it.fstype != "autofs");
    match (mounted, spec.mounted) {
        (None, true) => found.push(Difference::NotMounted),
        (Some(mounted), false) => found.push(Difference::Mounted(show(mounted))),
        (None, false) => {}
        (Some(mounted), true) => {
            if !is_same_mount(mounted, spec, devices) && own.is_none_or(|own| *own != Looks::of(mounted)) {
                found.push(Difference::Other(show(mounted)));
            } else if spec.remount {
                let differ = differing(&spec.options, &shown_options(mounted, spec));
                if !differ.is_empty() {
                    found.push(Difference::Options(differ));
                }
            }
        }
    }
    found
}

/// A bind mount has options of its own; those of the file system are not its business.
fn shown_options(mounted: &table::Mounted, spec: &Spec) -> Vec<Box<str>> {
    let count = if spec.bind { mounted.own_options } else { mounted.options.len() };
    let mut shown = mounted.options[..count].to_vec();
    // Read-only on both levels is read-only.
    if shown.iter().any(|option| &**option == "ro") {
        shown.retain(|option| &**option != "rw");
    }
    shown
}

fn is_same_mount(mounted: &table::Mounted, spec: &Spec, devices: &dyn Devices) -> bool {
    if spec.bind {
        return devices.is_same_place(&spec.entry.device, &spec.point);
    }
    let (device, point) = (&*spec.entry.device, &*mounted.point);
    is_same_type(&spec.entry.fstype, &mounted.fstype)
        && (devices.is_same(device, &mounted.source) || devices.is_on(device, point))
}

/// Types whose helper mounts by FUSE, and what the table has for them.
const BY_FUSE: [(&str, &str); 7] = [
    ("ntfs", "fuseblk"),
    ("ntfs-3g", "fuseblk"),
    ("lowntfs-3g", "fuseblk"),
    ("exfat", "fuseblk"),
    ("exfat-fuse", "fuseblk"),
    ("davfs", "fuse"),
    ("davfs2", "fuse"),
];

/// `nfs` is shown as `nfs4`, and mount(8) finds a type out by itself.
fn is_same_type(declared: &str, shown: &str) -> bool {
    declared == shown
        || declared == "auto"
        || (declared == "nfs" && shown == "nfs4")
        || shown.strip_prefix("fuse.").is_some_and(|inner| inner == declared)
        || (declared == "fuse" && shown.starts_with("fuse."))
        || BY_FUSE.contains(&(declared, shown))
        || (declared.contains(',') && declared.split(',').any(|one| one == shown))
}

fn show(mounted: &table::Mounted) -> Box<str> {
    format!("{} ({})", mounted.source, mounted.fstype).into()
}

/// How the table shows a mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
    source: Box<str>,
    fstype: Box<str>,
}

impl Looks {
    /// Those of this mount.
    pub fn of(mounted: &table::Mounted) -> Self {
        Self { source: mounted.source.clone(), fstype: mounted.fstype.clone() }
    }
}

/// The differences for people. Options that are a secret are not shown.
pub fn drift(spec: &Spec, differences: &[Difference]) -> Drift {
    let mut drift = Drift::none();
    let wanted = || Shown::text(format!("{} ({})", spec.entry.device, spec.entry.fstype));
    let secret = || Shown::text(HIDDEN);
    let line = |entry: &Entry| {
        Shown::text(if spec.secret {
            Entry { options: HIDDEN.into(), ..entry.clone() }.line()
        } else {
            entry.line()
        })
    };
    for difference in differences {
        match difference {
            Difference::Fstab(entry) => {
                let is = entry.as_ref().map_or(Shown::Absent, &line);
                drift.add("fstab", is, line(&spec.entry));
            }
            Difference::FstabUnwanted(entry) => drift.add("fstab", line(entry), Shown::Absent),
            Difference::NotMounted => drift.add("mounted", Shown::Absent, wanted()),
            Difference::Mounted(is) => drift.add("mounted", Shown::text(&**is), Shown::Absent),
            Difference::Other(is) => drift.add("mounted", Shown::text(&**is), wanted()),
            Difference::Options(_) if spec.secret => drift.add("options", secret(), secret()),
            Difference::Options(pairs) => {
                let join = |side: fn(&(Box<str>, Box<str>)) -> &str| {
                    Shown::text(pairs.iter().map(side).collect::<Vec<_>>().join(","))
                };
                drift.add("options", join(|pair| &pair.0), join(|pair| &pair.1));
            }
        }
    }
    drift
}
