//! What this host is called.

use crate::engine::world::HostName;

/// The machine's own name, as the kernel has it; `localhost` where that is no name for a host.
pub fn name() -> HostName {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    name.parse().unwrap_or_else(|_| "localhost".parse().expect("it has letters only"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_machine_has_a_name() {
        assert!(!super::name().as_str().is_empty());
    }
}
