//! Shadow's tools for tests: they edit account files in a scratch folder, and know just what the kinds ask of them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::AccountFiles;
use super::name_service::{NameService, NoNames};
use crate::engine::Cancel;
use crate::resources::host::process::{
    Ending, Following, Invocation, Kept, Outcome, ProcessError, Processes,
};
use crate::resources::host::{FakeWatch, Host};

/// A host with account files in a folder, and tools that edit them.
#[derive(Clone, Debug)]
pub struct FakeShadow(Arc<State>);

#[derive(Debug)]
struct State {
    dir: PathBuf,
    ran: Mutex<Vec<String>>,
    /// Answers the next tools get in place of their work.
    refusals: Mutex<Vec<i32>>,
}

impl FakeShadow {
    /// Files of a small host: root and daemon.
    pub fn new(dir: &Path) -> Self {
        let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
        write("passwd", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n");
        write("shadow", "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n");
        write("group", "root:x:0:\ndaemon:x:1:\nadm:x:4:daemon\nusers:x:100:\n");
        write("subuid", "old:100000:65536\n");
        write("subgid", "old:100000:65536\n");
        let (ran, refusals) = (Mutex::default(), Mutex::default());
        Self(Arc::new(State { dir: dir.to_owned(), ran, refusals }))
    }

    /// A host with these files, and what is watched of it.
    pub fn host(&self, elsewhere: Arc<dyn NameService>) -> (Arc<Host>, FakeWatch) {
        let watch = FakeWatch::new();
        let host = Host {
            processes: Arc::new(self.clone()),
            account_files: AccountFiles::at(&self.0.dir, elsewhere),
            ..Host::over(Arc::new(watch.clone()))
        };
        (Arc::new(host), watch)
    }

    /// As [`host`](Self::host), with no accounts from elsewhere.
    pub fn plain_host(&self) -> Arc<Host> {
        self.host(Arc::new(NoNames)).0
    }

    /// What was run since the last call.
    pub fn take_ran(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.ran.lock().unwrap())
    }

    /// The next tool ends with this status, and does nothing.
    pub fn refuse(&self, code: i32) {
        self.0.refusals.lock().unwrap().push(code);
    }

    /// The text of a file.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.dir.join(name)).unwrap()
    }

    /// Edits a file by hand.
    pub fn edit(&self, name: &str, edit: impl FnOnce(&str) -> String) {
        let text = edit(&self.read(name));
        std::fs::write(self.0.dir.join(name), text).unwrap();
    }

    /// The fields of a line.
    pub fn line(&self, file: &str, name: &str) -> Option<Vec<String>> {
        let text = self.read(file);
        let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
        Some(line.split(':').map(str::to_owned).collect())
    }

    fn set(&self, file: &str, name: &str, line: Option<Vec<String>>) {
        self.edit(file, |text| {
            let others = text.lines().filter(|line| line.split(':').next() != Some(name));
            let mut lines: Vec<String> = others.map(str::to_owned).collect();
            lines.extend(line.map(|line| line.join(":")));
            lines.join("\n") + "\n"
        });
    }

    fn gid(&self, group: &str) -> Option<String> {
        let by_name = self.line("group", group).map(|line| line[2].clone());
        let text = self.read("group");
        by_name.or_else(|| {
            text.lines().any(|line| line.split(':').nth(2) == Some(group)).then(|| group.to_owned())
        })
    }

    fn members(&self, user: &str, groups: &str, append: bool) {
        let wanted: Vec<&str> = groups.split(',').filter(|it| !it.is_empty()).collect();
        for line in self.read("group").lines() {
            let mut line: Vec<String> = line.split(':').map(str::to_owned).collect();
            let mut members: Vec<&str> = line[3].split(',').filter(|it| !it.is_empty()).collect();
            let (is, should) = (members.contains(&user), wanted.contains(&&*line[0]));
            match (is, should) {
                (false, true) => members.push(user),
                (true, false) if !append => members.retain(|it| *it != user),
                _ => {}
            }
            line[3] = members.join(",");
            let name = line[0].clone();
            self.set("group", &name, Some(line));
        }
    }

    fn work(&self, words: &[Arc<str>], input: &str) -> i32 {
        let name = words.last().map(|it| it.to_string()).unwrap_or_default();
        let value = |flag: &str| {
            let at = words.iter().position(|word| **word == *flag)?;
            words.get(at + 1).map(|it| it.to_string())
        };
        let has = |flag: &str| words.iter().any(|word| **word == *flag);
        match &*words[0] {
            "useradd" => self.useradd(&name, &value),
            "usermod" => self.usermod(&name, &value, &has),
            "userdel" => self.userdel(&name),
            "groupadd" => {
                if self.line("group", &name).is_some() {
                    return 9;
                }
                let gid = value("-g").unwrap_or_else(|| if has("-r") { "999" } else { "1500" }.into());
                self.set("group", &name, Some(vec![name.clone(), "x".into(), gid, String::new()]));
                0
            }
            "groupmod" | "gpasswd" => {
                let Some(mut line) = self.line("group", &name) else { return 6 };
                value("-g").into_iter().for_each(|gid| line[2] = gid);
                value("-M").into_iter().for_each(|members| line[3] = members);
                self.set("group", &name, Some(line));
                0
            }
            "groupdel" => {
                let Some(line) = self.line("group", &name) else { return 6 };
                let is_primary = |user: &str| user.split(':').nth(3) == Some(&line[2]);
                if self.read("passwd").lines().any(is_primary) {
                    return 8;
                }
                self.set("group", &name, None);
                0
            }
            "chpasswd" => {
                let (name, hash) = input.trim_end().split_once(':').unwrap();
                let fresh =
                    || vec![name.into(), "!".into(), "1".into(), "0".into(), "99999".into(), "7".into()];
                let mut line = self.line("shadow", name).unwrap_or_else(fresh);
                line.resize(9, String::new());
                line[1] = hash.to_owned();
                self.set("shadow", name, Some(line));
                0
            }
            "chage" => {
                let Some(mut line) = self.line("shadow", &name) else { return 1 };
                line[4] = value("-M").unwrap().replace("-1", "");
                self.set("shadow", &name, Some(line));
                0
            }
            _ => 127,
        }
    }

    fn useradd(&self, name: &str, value: &dyn Fn(&str) -> Option<String>) -> i32 {
        if self.line("passwd", name).is_some() {
            return 9;
        }
        let uid = value("-u").unwrap_or_else(|| "1500".into());
        if value("-g").is_some_and(|group| self.gid(&group).is_none()) {
            return 6;
        }
        let gid = value("-g").and_then(|group| self.gid(&group)).unwrap_or_else(|| {
            self.set("group", name, Some(vec![name.into(), "x".into(), uid.clone(), String::new()]));
            uid.clone()
        });
        let home = value("-d").unwrap_or_else(|| format!("/home/{name}"));
        let (comment, shell) = (value("-c").unwrap_or_default(), value("-s").unwrap_or_default());
        self.set("passwd", name, Some(vec![name.into(), "x".into(), uid, gid, comment, home, shell]));
        let mut shadow: Vec<String> =
            [name, "!", "19000", "0", "99999", "7", "", "", ""].map(str::to_owned).to_vec();
        shadow[7] = value("-e").map(|day| day_number(&day)).unwrap_or_default();
        self.set("shadow", name, Some(shadow));
        self.members(name, &value("-G").unwrap_or_default(), true);
        0
    }

    fn usermod(&self, name: &str, value: &dyn Fn(&str) -> Option<String>, has: &dyn Fn(&str) -> bool) -> i32 {
        let Some(mut line) = self.line("passwd", name) else { return 6 };
        for (flag, at) in [("-u", 2), ("-c", 4), ("-d", 5), ("-s", 6)] {
            value(flag).into_iter().for_each(|value| line[at] = value);
        }
        if let Some(group) = value("-g") {
            let Some(gid) = self.gid(&group) else { return 6 };
            line[3] = gid;
        }
        self.set("passwd", name, Some(line));
        if let Some(groups) = value("-G") {
            self.members(name, &groups, has("-a"));
        }
        if let Some(mut shadow) = self.line("shadow", name) {
            value("-e").into_iter().for_each(|day| shadow[7] = day_number(&day));
            if has("-L") {
                shadow[1].insert(0, '!');
            }
            if has("-U") {
                shadow[1].remove(0);
            }
            self.set("shadow", name, Some(shadow));
        }
        for (add, remove, file) in [("-v", "-V", "subuid"), ("-w", "-W", "subgid")] {
            let range = value(add).map(|range| {
                let (first, last) = range.split_once('-').unwrap();
                let count = last.parse::<u32>().unwrap() + 1 - first.parse::<u32>().unwrap();
                vec![name.to_owned(), first.to_owned(), count.to_string()]
            });
            if range.is_some() || value(remove).is_some() {
                self.set(file, name, range);
            }
        }
        0
    }

    fn userdel(&self, name: &str) -> i32 {
        let Some(user) = self.line("passwd", name) else { return 6 };
        self.set("passwd", name, None);
        self.set("shadow", name, None);
        self.members(name, "", false);
        // With USERGROUPS_ENAB its private group goes, too.
        if self.line("group", name).is_some_and(|group| group[2] == user[3] && group[3].is_empty()) {
            self.set("group", name, None);
        }
        0
    }

    fn answer(&self, invocation: &Invocation, input: &[u8]) -> Outcome {
        self.0.ran.lock().unwrap().push(invocation.words.join(" "));
        let refusal = self.0.refusals.lock().unwrap().pop();
        let code =
            refusal.unwrap_or_else(|| self.work(&invocation.words, std::str::from_utf8(input).unwrap()));
        Outcome {
            ending: Ending::Exit(code),
            cancelled: false,
            stdout: Kept::default(),
            stderr: Kept::default(),
            output: Kept::default(),
        }
    }
}

fn day_number(day: &str) -> String {
    match day {
        "2030-01-31" => "21945".into(),
        "" => String::new(),
        other => panic!("no test uses {other}"),
    }
}

#[async_trait]
impl Processes for FakeShadow {
    async fn run(&self, invocation: &Invocation, _: &Cancel) -> Result<Outcome, ProcessError> {
        Ok(self.answer(invocation, b""))
    }

    async fn run_fed(
        &self,
        invocation: &Invocation,
        input: &[u8],
        _: &Cancel,
    ) -> Result<Outcome, ProcessError> {
        Ok(self.answer(invocation, input))
    }

    async fn follow(&self, _: &Invocation) -> Result<Following, ProcessError> {
        Err(ProcessError::Cancelled)
    }
}
