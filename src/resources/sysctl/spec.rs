//! What users can say of kernel parameters, checked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::key::Key;
use crate::engine::entry::Entry as _;
use crate::engine::{Declaration, ParamError};
use crate::resources::file::target::normalize;

crate::entry! {
    /// Sets kernel parameters, now and at boot.
    ///
    /// The resource's name is the parameter, and `value` what it is set to; or `values` sets several, and the name is free.
    /// Values are compared word by word. A parameter that somebody sets otherwise is set back: at once where the kernel
    /// tells, or else within half a minute.
    ///
    /// Once the kernel has taken all values, a line of each is kept in a file of `/etc/sysctl.d`, for the next boot; other
    /// lines of it stay. A value that the kernel refuses leaves the file as it was; one that it does not have, as its module
    /// is not loaded, is written all the same. Files are read in the order of their names, over all directories: a warning
    /// is logged where a later one sets the parameter otherwise.
    ///
    /// The network interface that a parameter is of is applied before. With `reverse`, the old values come back and the
    /// lines are removed.
    ///
    /// ```yaml
    /// resources:
    ///   sysctl:
    ///   - name: vm.swappiness
    ///     value: "10"
    /// ```
    pub struct SysctlParams {
        /// The value; several words with blanks between them. Required, unless there are `values`.
        value: Arc<str>,
        /// Set it in the running kernel.
        runtime: bool = true,
        /// Keep it in a file, for the next boot. Otherwise a line of it in `path` is removed.
        persist: bool = true,
        /// The file, an absolute path; `/etc/sysctl.d/99-NAME.conf` if not given, with dots for slashes in the name.
        path: Arc<str>,
        /// Write the file only: the same as `runtime: false`.
        file_only: bool = false,
        /// A parameter that this kernel does not have is no error: only the file is written.
        ignore_missing: bool = false,
        /// Several parameters, each with its value.
        values: BTreeMap<Arc<str>, Arc<str>>,
    }
}

/// Kernel parameters, checked.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Each with its value.
    pub settings: Vec<(Key, Box<str>)>,
    /// Set them in the running kernel.
    pub runtime: bool,
    /// Keep them in the file.
    pub persist: bool,
    /// The file.
    pub path: Arc<str>,
    /// A missing one is no error.
    pub ignore_missing: bool,
}

impl Spec {
    /// Reads a declaration; `folder` is where the file is if none is named.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(declaration: &Declaration, folder: &Path) -> Result<Self, Vec<ParamError>> {
        let given = SysctlParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let mut settings = Vec::new();
        let mut add = |param: Option<&'static str>, name: &str, value: &str| {
            let at = |message: String| ParamError { param, message, hint: None };
            match Key::parse(name) {
                Err(why) => errors.push(at(format!("{name:?} is no kernel parameter: {why}"))),
                Ok(key) if settings.iter().any(|(known, _)| *known == key) => {
                    errors.push(at(format!("{name:?} is set twice")));
                }
                Ok(key) => settings.push((key, value.trim().into())),
            }
            if value.trim().is_empty() || value.trim().contains(['\n', '\0']) {
                let param = param.unwrap_or("value");
                errors.push(
                    ParamError::at(param, format!("{name:?} needs a value, on one line"))
                        .hint("such as `value: \"1\"`"),
                );
            }
        };
        let is_received = declaration.receives.iter().any(|it| it.param == "value");
        let name = &*declaration.label.name;
        if given.values.is_empty() {
            let value = if is_received && given.value.is_empty() { "?" } else { &given.value };
            add(None, name, value);
        } else {
            given.values.iter().for_each(|(name, value)| add(Some("values"), name, value));
            if !given.value.is_empty() {
                let error = ParamError::at("value", "there are `values` already");
                errors.push(error.hint(format!("add {name:?} to them")));
            }
        }
        let path = if given.path.is_empty() {
            let file: String =
                name.chars().map(|it| if it == '/' || it.is_whitespace() { '.' } else { it }).collect();
            folder.join(format!("99-{file}.conf")).to_string_lossy().into()
        } else {
            let target = normalize(&given.path, Some("path")).map_err(|error| errors.push(error)).ok();
            target.map_or_else(|| given.path.clone(), |target| target.path)
        };
        let runtime = given.runtime && !given.file_only;
        if !runtime && !given.persist {
            errors.push(
                ParamError::at("persist", "neither kernel nor file are to be changed")
                    .hint("leave out `persist`, `runtime` or `file_only`"),
            );
        }
        let (persist, ignore_missing) = (given.persist, given.ignore_missing);
        if errors.is_empty() {
            Ok(Self { settings, runtime, persist, path, ignore_missing })
        } else {
            Err(errors)
        }
    }
}
