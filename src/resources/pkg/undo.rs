//! The declaration that brings back what is there now.

use super::spec::Spec;
use crate::engine::{Params, Value};
use crate::resources::host::packages::{Standing, Status};

/// Parameters that an undo keeps: how the work is done, not what is wanted.
const KEPT: [&str; 10] = [
    "arch",
    "allow_downgrade",
    "allowdowngrade",
    "allowuntrusted",
    "backend",
    "confnew",
    "confold",
    "lock_timeout_ms",
    "options",
    "recommends",
];

/// The parameters of a package of the same name that bring back how it stands now.
pub(super) fn undo(spec: &Spec, given: &Params, standing: &Standing<'_>) -> Params {
    let mut undo: Params = given
        .iter()
        .filter(|(name, _)| KEPT.contains(name))
        .map(|(name, value)| (name, value.clone()))
        .collect();
    let row = match standing {
        Standing::Known(row) if row.status != Status::ConfigFiles => row,
        // What only another package provides stays to whoever brought that.
        _ => {
            undo.set("state", Value::str("uninstalled"));
            return undo;
        }
    };
    undo.set("state", Value::str("installed"));
    if spec.member.allow_downgrade {
        undo.set("version", Value::Str(row.version.clone()));
    }
    if spec.member.hold.is_some() {
        undo.set("hold", Value::Bool(row.held));
    }
    undo
}
