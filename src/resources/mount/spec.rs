//! What users can say of a mount, checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::options::name;
use crate::engine::entry::Entry as _;
use crate::engine::{Declaration, ParamError};
use crate::resources::file::target::normalize;
use crate::resources::host::mounts::fstab::Entry;
use crate::resources::state_choice::is_present;

crate::entry! {
    /// Mounts a file system, now and at boot, or keeps it unmounted.
    ///
    /// The resource's name is the mount point. Its line in `/etc/fstab` is edited in place: all other lines and all comments
    /// stay as they are to the byte. It is written once the system has mounted it so: what is refused leaves fstab as it was.
    /// What is mounted is compared with device, type and those options that the kernel
    /// shows; when only options differ it is remounted, when the device or type differ it is unmounted and
    /// mounted anew. A change by anybody is noticed at once.
    ///
    /// With `absent`, it is unmounted first, and then its line removed. A file system that is in use is not unmounted by
    /// force: the error names the processes. systemd is told of a changed fstab once for all mounts.
    ///
    /// Directories, parent mounts, a bind mount's source and the package with the file system's tools are applied
    /// before; whatever lies below the mount point after. With `reverse`, line and mount come back as they were.
    ///
    /// ```yaml
    /// resources:
    ///   mount:
    ///   - name: /srv/cache
    ///     device: tmpfs
    ///     type: tmpfs
    ///     options: {size: 64m, noexec: ""}
    ///     mkdir: true
    /// ```
    pub struct MountParams {
        /// `exists` or `absent`.
        state: Arc<str> = Arc::from("exists"),
        /// What is mounted: a device, `UUID=`, `LABEL=`, `host:/path`, a directory with `bind`. Required if it is to
        /// exist.
        device: Arc<str>,
        /// The type of the file system, as in fstab(5); found out by mount(8) if not given.
        r#type: Arc<str>,
        /// Mount options; those without a value have an empty text. `defaults` if there are none. Everybody on the host
        /// can read a password given here: it is in fstab, and in the arguments of mount(8). For cifs give
        /// `credentials`, a file that only root can read.
        options: BTreeMap<Arc<str>, Arc<str>>,
        /// Further options, each as fstab has it: `noatime`, `size=64m`.
        fs: Vec<Arc<str>>,
        /// For dump(8): the fifth field of fstab.
        freq: u32,
        /// When it is checked at boot: the sixth field of fstab; 0: never.
        passno: u32,
        /// Whether it has a line in `/etc/fstab`.
        fstab: bool = true,
        /// Whether it is mounted.
        mounted: bool = true,
        /// Let the machine boot even if the device is missing: the option `nofail`.
        nofail: bool = false,
        /// Show another directory here, given as `device`: the option `bind`.
        bind: bool = false,
        /// Make the mount point, and directories above it, where it is missing. It is not removed again.
        mkdir: bool = false,
        /// Put differing options right by a remount. Otherwise those of a mount that is there are left as they are.
        remount: bool = true,
        /// How long mounting, remounting and unmounting may take, in milliseconds: a server or device may never
        /// answer.
        timeout_ms: u32 = 10_000,
    }
}

/// A mount, checked.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The mount point.
    pub point: Arc<str>,
    /// Whether it should be mounted.
    pub mounted: bool,
    /// Whether fstab should have it.
    pub in_fstab: bool,
    /// Whether the declaration is that it exists.
    pub present: bool,
    /// The line of fstab.
    pub entry: Entry,
    /// The options, one by one.
    pub options: Vec<Box<str>>,
    /// It shows another directory.
    pub bind: bool,
    /// Make the mount point.
    pub mkdir: bool,
    /// Put right options of what is mounted.
    pub remount: bool,
    /// How long a tool may take.
    pub timeout: Duration,
    /// The options are a secret.
    pub secret: bool,
}

/// What stands for a secret.
pub const HIDDEN: &str = "(sensitive)";

impl Spec {
    /// What a tool said, without the values of options that are a secret.
    pub fn without_secrets(&self, said: String) -> String {
        let values = self.options.iter().filter_map(|option| option.split_once('='));
        let values = values.map(|(_, value)| value).filter(|value| self.secret && !value.is_empty());
        values.fold(said, |said, value| said.replace(value, HIDDEN))
    }

    /// Reads a declaration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let given = MountParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let present = state(&given.state).map_err(|error| errors.push(error)).unwrap_or(true);
        let name = &*declaration.label.name;
        let point: Arc<str> = match name {
            "/" => "/".into(),
            _ => normalize(name, None)
                .map_err(|error| errors.push(error))
                .map_or_else(|()| name.into(), |it| it.path),
        };
        if present && given.device.is_empty() && !declaration.receives.iter().any(|it| it.param == "device") {
            let error = ParamError::at("device", "a mount needs to know what is mounted");
            errors.push(error.hint("for a file system without a device, give its type, such as `tmpfs`"));
        }
        let is_somewhere = given.bind || given.device.is_empty() || given.device.contains(['/', '=', ':']);
        if present && given.r#type.is_empty() && !is_somewhere {
            let error = ParamError::at("device", format!("{:?} is no device, and has no type", given.device));
            errors
                .push(error.hint(format!("for a file system without a device add `type: {}`", given.device)));
        }
        for (param, text) in [("device", &given.device), ("type", &given.r#type)] {
            if text.contains(char::is_control) {
                errors.push(ParamError::at(param, "it has a line end or the like in it"));
            }
        }
        if &*given.r#type == "swap" {
            let error = ParamError::at("type", "swap space is not mounted");
            errors.push(error.hint("use a line resource for its line in fstab"));
        }
        if given.bind && !given.device.starts_with('/') {
            errors
                .push(ParamError::at("device", "what is bound is a directory or file, by its absolute path"));
        }
        if !present && point.len() == 1 {
            errors.push(ParamError::whole("the root file system cannot be absent"));
        }
        contradictions(declaration, present, &given, &mut errors);
        if given.timeout_ms == 0 {
            errors.push(ParamError::at("timeout_ms", "in no time nothing is mounted"));
        }
        let sensitive = |param: &str| declaration.meta.sensitive.iter().any(|it| **it == *param);
        let options = options(&given, &sensitive, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let fstype = match (&*given.r#type, given.bind) {
            ("", true) => "none".into(),
            ("", false) => "auto".into(),
            (other, _) => other.into(),
        };
        let joined = if options.is_empty() { "defaults".into() } else { options.join(",").into() };
        let (device, freq, passno) = ((&*given.device).into(), given.freq, given.passno);
        let entry = Entry { device, point: (&*point).into(), fstype, options: joined, freq, passno };
        Ok(Self {
            point,
            mounted: present && given.mounted,
            in_fstab: present && given.fstab,
            present,
            entry,
            options,
            bind: given.bind,
            mkdir: given.mkdir,
            remount: given.remount,
            timeout: Duration::from_millis(given.timeout_ms.into()),
            secret: sensitive("options") || sensitive("fs"),
        })
    }
}

/// What cannot be together.
fn contradictions(
    declaration: &Declaration,
    present: bool,
    given: &MountParams,
    errors: &mut Vec<ParamError>,
) {
    if present && !given.fstab && !given.mounted {
        let error =
            ParamError::at("mounted", "it is neither to be mounted nor in fstab: nothing of it would exist");
        errors.push(error.hint("that is `state: absent`"));
    }
    let is = |param| declaration.params.get(param) == Some(&crate::engine::Value::Bool(true));
    for param in ["fstab", "mounted"].into_iter().filter(|param| !present && is(param)) {
        let error = ParamError::at(param, format!("what is absent is not `{param}`"));
        errors.push(error.hint(format!("remove `{param}`, or have it exist")));
    }
}

fn state(given: &str) -> Result<bool, ParamError> {
    is_present(given).map_err(|error| match given {
        "mounted" => error.hint("`state: exists` mounts it, now and at boot"),
        "unmounted" => error
            .hint("`mounted: false` unmounts it and keeps its line in fstab, `state: absent` removes both"),
        _ => error,
    })
}

/// All options in a fixed order, each once.
fn options(
    given: &MountParams,
    sensitive: &dyn Fn(&str) -> bool,
    errors: &mut Vec<ParamError>,
) -> Vec<Box<str>> {
    let mut options: Vec<Box<str>> = Vec::new();
    let flags = [(given.bind, "bind"), (given.nofail, "nofail")];
    options.extend(flags.iter().filter(|(is, _)| *is).map(|(_, flag)| Box::from(*flag)));
    for (key, value) in &given.options {
        let option: Box<str> =
            if value.is_empty() { (&**key).into() } else { format!("{key}={value}").into() };
        check(&option, "options", sensitive("options"), errors);
        options.push(option);
    }
    for option in &given.fs {
        check(option, "fs", sensitive("fs"), errors);
        options.push((&**option).into());
    }
    // `defaults` says nothing beside others.
    if options.len() > 1 {
        options.retain(|option| &**option != "defaults");
    }
    let mut seen: Vec<Box<str>> = Vec::new();
    for option in options {
        match seen.iter().find(|it| name(it) == name(&option)) {
            Some(same) if *same == option => {}
            Some(_) => {
                errors.push(ParamError::at("fs", format!("the option {:?} is given twice", name(&option))))
            }
            None => seen.push(option),
        }
    }
    seen
}

fn check(option: &str, param: &'static str, is_secret: bool, errors: &mut Vec<ParamError>) {
    let shown = if is_secret { name(option) } else { option };
    let is_quoted = option.matches('"').count() >= 2;
    if option.is_empty() || option.starts_with('=') {
        errors.push(ParamError::at(param, "an option needs a name"));
    } else if option.contains(char::is_control) || (option.contains(',') && !is_quoted) {
        let error =
            ParamError::at(param, format!("{shown:?} is no option: it has a comma or a line end in it"));
        errors.push(error.hint("write one option an item"));
    }
}
