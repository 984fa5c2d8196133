//! Every method, by its path: what protoc wrote of them.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, MethodDescriptor};

use super::pb::DESCRIPTORS;

static METHODS: LazyLock<Methods> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(DESCRIPTORS).expect("protoc wrote it at build time");
    let services = pool.services().map(|service| service.full_name().to_owned()).collect();
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let by_path =
        methods.map(|it| (format!("/{}/{}", it.parent_service().full_name(), it.name()), it)).collect();
    Methods { services, by_path }
});

struct Methods {
    services: HashSet<String>,
    by_path: HashMap<String, MethodDescriptor>,
}

/// The method of a path such as `/etcdserverpb.KV/Range`.
pub fn find(path: &str) -> Option<&'static MethodDescriptor> {
    METHODS.by_path.get(path)
}

/// Why there is no method at a path, in the words of etcd's gRPC library.
pub fn missing(path: &str) -> String {
    let Some((service, method)) = path.strip_prefix('/').unwrap_or(path).rsplit_once('/') else {
        return format!("malformed method name: {path:?}");
    };
    if METHODS.services.contains(service) {
        format!("unknown method {method} for service {service}")
    } else {
        format!("unknown service {service}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named_as_etcd_names_it() {
        assert!(find("/etcdserverpb.KV/Range").is_some());
        assert_eq!(missing("/etcdserverpb.KV/Frob"), "unknown method Frob for service etcdserverpb.KV");
        assert_eq!(missing("/foo.Bar/Frob"), "unknown service foo.Bar");
        assert_eq!(missing("nothing"), "malformed method name: \"nothing\"");
    }
}
