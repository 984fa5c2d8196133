//! Packages, on a bench with a fake host.

mod applied;
mod edges;
mod looked_at;
mod refused;

use std::sync::Arc;

use super::PkgKind;
use crate::engine::Value;
use crate::resources::host::packages::{FakePackages, Holder, PackageTools};
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Given, Subject};

/// A bench with packages.
struct Shop {
    bench: Bench,
    fake: Arc<FakePackages>,
    watch: FakeWatch,
    host: Arc<Host>,
    kind: PkgKind,
}

impl Shop {
    fn new() -> Self {
        let (fake, watch) = (Arc::new(FakePackages::default()), FakeWatch::new());
        let packages = PackageTools::of(fake.clone());
        let host = Arc::new(Host { packages, ..Host::over(Arc::new(watch.clone())) });
        let kind = PkgKind::new(host.clone());
        Self { bench: Bench::new(), fake, watch, host, kind }
    }

    /// A repository with `tiny` 1.0 and 2.0, and `other` 1.0.
    fn stocked() -> Self {
        let shop = Self::new();
        let mut host = shop.fake.host();
        host.repository.insert("tiny".into(), vec!["2.0", "1.0"]);
        host.repository.insert("other".into(), vec!["1.0"]);
        drop(host);
        shop
    }

    fn pkg(&self, name: &str, params: Given<'_>) -> Subject {
        self.bench.build(&self.kind, name, params)
    }

    fn group(&self, members: &[(&str, Given<'_>)]) -> Subject {
        self.bench.group(&self.kind, members)
    }

    fn version(&self, name: &str) -> Option<String> {
        self.fake.host().installed.get(name).map(|row| row.version.to_string())
    }

    fn hold_lock(&self, held: bool) {
        self.fake.host().holder = held.then(|| Holder { process: 7, program: "apt-get".into() });
    }

    fn calls(&self) -> Vec<String> {
        self.fake.take_calls()
    }

    fn transactions(&self) -> Vec<String> {
        self.calls().into_iter().filter(|call| call.starts_with("transact")).collect()
    }
}

fn text(text: &str) -> Value {
    Value::str(text)
}
