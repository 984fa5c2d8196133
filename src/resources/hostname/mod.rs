//! The kind `hostname`: what this host is called.

mod names;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::edited_file::{self, Manner, PLAIN};
use super::wake_on::wake_on;
use super::{doc_of, long_work};
use crate::engine::drift::Shown;
use crate::engine::entry::Entry as _;
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Value, Wake, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{Halt, Pace};
use crate::resources::host::poll_file::{PollFile, is_polled};
use names::{of_file, pretty_of, with_pretty, wrong_name};

crate::entry! {
    /// Names this host.
    ///
    /// A host has three names: the *transient* one, which the kernel has now; the *static* one in `/etc/hostname`, which it
    /// gets at boot; and the *pretty* one in `/etc/machine-info`, for people. All three are kept as `hostname` says, unless one
    /// is given by itself. A change by anybody, such as a DHCP client, is noticed at once and put right. This
    /// works with systemd and without.
    ///
    /// With `reverse`, the old names come back.
    ///
    /// ```yaml
    /// resources:
    ///   hostname:
    ///   - name: web-1.example.org
    ///     pretty_hostname: The first web server
    /// ```
    pub struct HostnameParams {
        /// The name; the resource's name if not given.
        hostname: Arc<str>,
        /// The pretty name, of any text; an empty one: none.
        pretty_hostname: Option<Arc<str>>,
        /// The static name; an empty one: no `/etc/hostname`.
        static_hostname: Option<Arc<str>>,
        /// The transient name.
        transient_hostname: Option<Arc<str>>,
    }
}

/// The kind `hostname`.
#[derive(Debug)]
pub struct HostnameKind {
    host: Arc<Host>,
    places: Arc<Places>,
    doc: KindDoc,
}

/// Where the names are.
#[derive(Debug)]
struct Places {
    kernel: PathBuf,
    hostname: PathBuf,
    machine_info: PathBuf,
}

impl HostnameKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self::at(host, "/proc/sys/kernel/hostname".into(), Path::new("/etc"))
    }

    fn at(host: Arc<Host>, kernel: PathBuf, etc: &Path) -> Self {
        let places =
            Places { kernel, hostname: etc.join("hostname"), machine_info: etc.join("machine-info") };
        Self { host, places: Arc::new(places), doc: doc_of::<HostnameParams>("hostname", Vec::new()) }
    }
}

impl Kind for HostnameKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let given = HostnameParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let mut check = |param: Option<&'static str>, name: &str| {
            if let Some(why) = wrong_name(name) {
                let message = format!("{name:?} is no name of a host: {why}");
                errors.push(ParamError { param, message, hint: None });
            }
        };
        let name = if given.hostname.is_empty() { &declaration.label.name } else { &given.hostname };
        let is_needed = [&given.pretty_hostname, &given.static_hostname, &given.transient_hostname]
            .iter()
            .any(|given| given.is_none());
        if is_needed {
            check((!given.hostname.is_empty()).then_some("hostname"), name);
        }
        let fixed = given.static_hostname.as_deref().filter(|name| !name.is_empty());
        fixed.into_iter().for_each(|name| check(Some("static_hostname"), name));
        given.transient_hostname.iter().for_each(|name| check(Some("transient_hostname"), name));
        if given.pretty_hostname.as_deref().is_some_and(|name| name.contains(char::is_control)) {
            errors.push(ParamError::at("pretty_hostname", "it has a line end or the like in it"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let or_name = |given: &Option<Arc<str>>| given.clone().unwrap_or_else(|| name.clone());
        let wanted = Names {
            transient: or_name(&given.transient_hostname).to_string(),
            fixed: or_name(&given.static_hostname).to_string(),
            pretty: or_name(&given.pretty_hostname).to_string(),
        };
        let (host, places) = (self.host.clone(), self.places.clone());
        Ok(Box::new(HostnameResource { host, places, wanted }))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities { reversible: true, ..Capabilities::default() }
    }
}

/// The three names; empty: none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    transient: String,
    fixed: String,
    pretty: String,
}

#[derive(Debug)]
struct HostnameResource {
    host: Arc<Host>,
    places: Arc<Places>,
    wanted: Names,
}

/// The text of a file; empty where there is none.
fn read(path: &Path) -> Result<String, HostError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(HostError::io("read", path, error)),
    }
}

impl HostnameResource {
    fn look(&self) -> Result<Names, HostError> {
        Ok(Names {
            transient: read(&self.places.kernel)?.trim().to_owned(),
            fixed: of_file(&read(&self.places.hostname)?).unwrap_or_default().to_owned(),
            pretty: pretty_of(&read(&self.places.machine_info)?).unwrap_or_default(),
        })
    }

    /// Edits a file, or removes it where nothing is to be in it.
    fn edit(&self, path: &Path, cx: &Cx, edit: &dyn Fn(&str) -> String) -> Result<(), ResourceError> {
        let manner = Manner { empty_goes: true, ..PLAIN };
        let rewrite = |found: Option<&[u8]>| {
            let wanted = edit(&String::from_utf8_lossy(found.unwrap_or_default())).into_bytes();
            Ok::<_, Infallible>((found.unwrap_or_default() != wanted).then_some((wanted, ())))
        };
        match edited_file::repair(&self.host, path, Pace::Long(&cx.cancel), manner, &rewrite) {
            Ok(Ok(stamp)) => stamp.into_iter().for_each(|stamp| cx.wrote(stamp)),
            Err(Halt::Failed(error)) => return Err(error.into()),
            Err(Halt::Long) => return Err(HostError::Worker { op: "edit", path: path.into() }.into()),
        }
        Ok(())
    }

    fn set_kernel(&self) -> Result<(), HostError> {
        let (path, name) = (&self.places.kernel, &self.wanted.transient);
        if is_polled(path) {
            // Works where /proc/sys is read-only, as in containers.
            return rustix::system::sethostname(name.as_bytes())
                .map_err(|answer| HostError::io("set the name in", path, answer));
        }
        std::fs::write(path, name).map_err(|error| HostError::io("set the name in", path, error))
    }
}

#[async_trait]
impl Resource for HostnameResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        long_work::reach_runtime().await;
        let places = &*self.places;
        let mut paths = vec![&places.hostname, &places.machine_info];
        let mut poll = None;
        if is_polled(&places.kernel) {
            let waker = cx.waker().clone();
            let armed = PollFile::arm(&places.kernel, move || waker.wake(Wake::default()));
            poll = Some(armed.map_err(|error| HostError::io("poll", &places.kernel, error))?);
        } else {
            paths.push(&places.kernel);
        }
        let paths = paths.into_iter().map(|path| (path.as_path(), Interest::CONTENT));
        let files = wake_on(cx, &*self.host.watch, paths)?;
        Ok(Wakes::pushed((poll, files.guard)))
    }

    async fn check(&self, _: &Cx) -> Result<Found, ResourceError> {
        let (is, wanted) = (self.look()?, &self.wanted);
        let mut drift = Drift::none();
        let show = |name: &str| if name.is_empty() { Shown::Absent } else { Shown::text(name) };
        for (what, is, wanted) in [
            ("transient_hostname", &is.transient, &wanted.transient),
            ("static_hostname", &is.fixed, &wanted.fixed),
            ("pretty_hostname", &is.pretty, &wanted.pretty),
        ] {
            if is != wanted {
                drift.add(what, show(is), show(wanted));
            }
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        // The files first: a host that is cut off in between boots with the new name.
        if drift.has("static_hostname") {
            let text =
                if self.wanted.fixed.is_empty() { String::new() } else { format!("{}\n", self.wanted.fixed) };
            self.edit(&self.places.hostname, cx, &|_| text.clone())?;
        }
        if drift.has("pretty_hostname") {
            self.edit(&self.places.machine_info, cx, &|text| with_pretty(text, &self.wanted.pretty))?;
        }
        if drift.has("transient_hostname") {
            self.set_kernel()?;
        }
        Ok(Outputs::none())
    }

    async fn undo(&self, _: &Cx) -> Result<Option<Params>, ResourceError> {
        let is = self.look()?;
        let mut undo = Params::new();
        undo.set("transient_hostname", Value::str(is.transient));
        undo.set("static_hostname", Value::str(is.fixed));
        undo.set("pretty_hostname", Value::str(is.pretty));
        Ok(Some(undo))
    }
}
