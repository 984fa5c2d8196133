//! What the automatic edges of units were derived from.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::edges;
use crate::engine::kind::Ask;
use crate::resources::host::systemd::UnitName;

/// By unit, what its files asked for when the graph was made.
#[derive(Debug, Default)]
pub struct Derived(Mutex<HashMap<UnitName, Vec<Ask>>>);

impl Derived {
    /// What a unit's files ask for now, of which edges are derived.
    pub fn derive(&self, unit: &UnitName, root: &Path) -> Vec<Ask> {
        let asks = edges::on_disk(unit, root);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(unit.clone(), asks.clone());
        asks
    }

    /// Whether a unit's files ask for other things than edges were derived of; that is told once.
    pub fn is_outdated(&self, unit: &UnitName, root: &Path) -> bool {
        let asks = edges::on_disk(unit, root);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_mut(unit).is_some_and(|known| std::mem::replace(known, asks.clone()) != asks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_wishes_of_a_unit_file_are_told_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/systemd/system");
        std::fs::create_dir_all(&folder).unwrap();
        let (derived, unit) = (Derived::default(), UnitName::new("x").unwrap());
        assert!(!derived.is_outdated(&unit, root.path()), "nothing was derived");
        derived.derive(&unit, root.path());
        std::fs::write(folder.join("x.service"), "[Unit]\nDescription=x\n").unwrap();
        assert!(!derived.is_outdated(&unit, root.path()), "it asks for nothing");
        std::fs::write(folder.join("x.service"), "[Service]\nUser=anna\n").unwrap();
        assert!(derived.is_outdated(&unit, root.path()));
        assert!(!derived.is_outdated(&unit, root.path()));
    }
}
