//! The three-host example of examples/yaml: each makes four files and exports two of them.

use std::fs;
use std::path::Path;

/// Its hosts.
pub const HOSTS: [&str; 3] = ["a", "b", "c"];

/// The graph of a host, with another folder for its files.
pub fn graph(host: &str, folder: &Path) -> String {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/yaml/graph3{host}.yaml"));
    let text = fs::read_to_string(example).unwrap();
    text.replace(&format!("/tmp/mgmt{}", host.to_uppercase()), folder.to_str().unwrap())
}

/// The files that a host has in the end, and what they hold.
pub fn files(host: &str) -> Vec<(String, String)> {
    let own =
        ["1", "2"].map(|number| (format!("f{number}{host}"), format!("i am f{number}, of host {host}\n")));
    let shared = |from| {
        ["3", "4"]
            .map(|number| (format!("f{number}{from}"), format!("i am f{number}, exported by host {from}\n")))
    };
    let mut all: Vec<(String, String)> = own.into_iter().chain(HOSTS.into_iter().flat_map(shared)).collect();
    all.sort();
    all
}
