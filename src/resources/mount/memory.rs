//! How the table showed our own mount of a declaration: what a helper mounts may be shown under any source and type.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::differences::{Devices, Difference, Looks, differences};
use super::spec::Spec;
use crate::engine::Cx;
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::mounts::{State, table};
use crate::resources::state_file;

/// The file in the vertex's state folder, so that an agent that starts anew knows.
const OWN: &str = "mounted.json";

/// What was mounted, and how it was shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Own {
    device: Box<str>,
    fstype: Box<str>,
    shown: Looks,
}

/// Our own mount.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Option<Own>>);

impl Memory {
    /// All differences; what was mounted of this very declaration is it, however it is shown.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    pub fn differences(
        &self,
        state: &State,
        spec: &Spec,
        devices: &dyn Devices,
        cx: &Cx,
    ) -> Result<Vec<Difference>, HostError> {
        let found = differences(state, spec, devices, None);
        // A bind mount is shown as the file system that it is of: so is any other one of that.
        if spec.bind || !found.iter().any(|it| matches!(it, Difference::Other(_))) {
            return Ok(found);
        }
        Ok(match self.of(spec, cx)? {
            Some(looks) => differences(state, spec, devices, Some(&looks)),
            None => found,
        })
    }

    fn of(&self, spec: &Spec, cx: &Cx) -> Result<Option<Looks>, HostError> {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if own.is_none() {
            let stored = state_file::read(&state_file::path(cx, OWN))?;
            // A damaged memory is none.
            *own = stored.and_then(|stored| serde_json::from_slice(&stored.bytes).ok());
        }
        let own = own.as_ref().filter(|it| it.device == spec.entry.device && it.fstype == spec.entry.fstype);
        Ok(own.map(|own| own.shown.clone()))
    }

    /// Keeps how the table shows what was just mounted.
    pub fn keep(&self, host: &Host, state: &State, spec: &Spec, cx: &Cx) {
        let Some(mounted) = table::at(&state.mounts, &spec.point) else { return };
        let (device, fstype) = (spec.entry.device.clone(), spec.entry.fstype.clone());
        let own = Own { device, fstype, shown: Looks::of(mounted) };
        let bytes = serde_json::to_vec(&own).expect("texts can be written as JSON");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(own);
        if let Err(error) = state_file::write(&host.fs, cx, OWN, bytes) {
            // Known until the agent ends; the one after it may mount once more.
            tracing::warn!(vertex = %cx.label(), %error, "how it is mounted could not be kept");
        }
    }
}
