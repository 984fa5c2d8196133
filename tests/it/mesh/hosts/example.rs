//! The three-host example, over real interfaces.

use std::fs;

use super::fleet::Fleet;
use crate::mesh::{example, files};

#[test]
fn three_hosts_exchange_files_over_their_network() {
    let Some(mut fleet) = Fleet::new(3) else { return };
    for (host, name) in example::HOSTS.into_iter().enumerate() {
        let folder = fleet.path(host, "files");
        fs::create_dir_all(&folder).unwrap();
        fs::write(fleet.path(host, "site.yaml"), example::graph(name, &folder)).unwrap();
        fleet.start_again(host).says("the graph runs");
    }
    for (host, name) in example::HOSTS.into_iter().enumerate() {
        let wanted = example::files(name);
        wanted.iter().for_each(|(file, text)| fleet.wait_for(host, file, text));
        let names: Vec<&String> = wanted.iter().map(|(file, _)| file).collect();
        assert_eq!(files::names(&fleet.path(host, "files")).iter().collect::<Vec<_>>(), names);
    }
}
