//! A repository of tiny packages on a test host: all that apt there knows.

use super::machine::Machine;

/// Where the repository is on its host.
const FOLDER: &str = "/srv/repository";

/// A repository of tiny packages, in a folder of a test host.
pub struct Repository<'a> {
    host: &'a Machine,
}

/// A package to be built.
pub struct Deb<'a> {
    name: &'a str,
    version: &'a str,
    fields: String,
    files: String,
}

impl<'a> Deb<'a> {
    /// An empty package.
    pub fn new(name: &'a str, version: &'a str) -> Self {
        Self { name, version, fields: String::new(), files: String::new() }
    }

    /// With one more field, such as `Depends: x`.
    pub fn field(mut self, field: &str) -> Self {
        self.fields += &format!("{field}\n");
        self
    }

    /// With a file.
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files += &format!("mkdir -p \"$(dirname .{path})\"; printf '%s\\n' '{text}' > .{path}\n");
        self
    }

    /// With a file that its users change.
    pub fn conffile(self, path: &str, text: &str) -> Self {
        let mut deb = self.file(path, text);
        deb.files += &format!("echo {path} >> DEBIAN/conffiles\n");
        deb
    }

    /// With a script that is run once it is unpacked.
    pub fn postinst(mut self, script: &str) -> Self {
        self.files +=
            &format!("printf '%s\\n' '#!/bin/sh' '{script}' > DEBIAN/postinst; chmod 755 DEBIAN/postinst\n");
        self
    }

    fn build(&self) -> String {
        let Self { name, version, fields, files } = self;
        format!(
            "rm -rf /tmp/deb; mkdir -p /tmp/deb/DEBIAN; cd /tmp/deb\n\
             printf '%s\\n' 'Package: {name}' 'Version: {version}' 'Architecture: all' 'Maintainer: a test <t@t>' \
             'Description: tiny' > DEBIAN/control\nprintf '%s' '{fields}' >> DEBIAN/control\n{files}\
             dpkg-deb --root-owner-group -Znone -b . {FOLDER}/{name}_{version}_all.deb >/dev/null\n"
        )
    }
}

impl<'a> Repository<'a> {
    /// An empty one; apt there knows no other.
    pub fn new(host: &'a Machine) -> Self {
        host.sh(&format!(
            "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/preferences.d/* /var/lib/apt/lists/*\n\
             mkdir -p {FOLDER} /var/lib/apt/lists/partial; rm -f /var/log/apt/history.log\n\
             echo 'deb [trusted=yes] file:{FOLDER} ./' > /etc/apt/sources.list.d/test.list"
        ));
        Self { host }
    }

    /// Where a package's file is.
    pub fn file_of(name: &str, version: &str) -> String {
        format!("{FOLDER}/{name}_{version}_all.deb")
    }

    /// Adds packages; apt does not know of them yet.
    pub fn add(&self, debs: &[Deb<'_>]) {
        let scripts: String = debs.iter().map(Deb::build).collect();
        self.host.sh(&format!("{scripts}cd {FOLDER}; dpkg-scanpackages -m . > Packages 2>/dev/null"));
    }

    /// Has apt read the lists.
    pub fn update(&self) {
        self.host.sh("apt-get -q update 2>&1");
    }

    /// A repository with these packages, known to apt.
    pub fn with(host: &'a Machine, debs: &[Deb<'_>]) -> Self {
        let repository = Self::new(host);
        repository.add(debs);
        repository.update();
        repository
    }
}
