//! Running shadow's tools, one at a time, and what their exit statuses mean.

use std::sync::atomic::Ordering;

use super::{AccountError, AccountFiles};
use crate::engine::{Cancel, Class};
use crate::resources::host::process::{ProcessError, Processes, alive};
use crate::resources::host::tool::{self, ToolError};

/// A tool to run. Its words may be shown; its input is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The tool and its arguments.
    pub words: Vec<String>,
    /// What it reads.
    pub input: Option<Secret>,
}

/// Text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Box<str>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(sensitive)")
    }
}

impl Step {
    /// A tool with these words.
    pub fn of<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Self {
        Self { words: words.into_iter().map(Into::into).collect(), input: None }
    }

    fn tool(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

/// What a step is for.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// `user` or `group`.
    pub what: &'static str,
    /// Its name.
    pub name: &'a str,
    /// The user's number, or the names of whoever stands in the way.
    pub uid: Option<u32>,
    /// Users whose primary group it is.
    pub primary_of: &'a [&'a str],
}

impl AccountFiles {
    /// Runs one tool when it is its turn. What it did is to be looked at anew: that it found all done already is no error.
    ///
    /// # Errors
    /// When it cannot be run, or fails.
    pub async fn run(
        &self,
        processes: &dyn Processes,
        step: &Step,
        about: About<'_>,
        cancel: &Cancel,
    ) -> Result<(), AccountError> {
        let turn = tokio::select! {
            turn = self.turn.lock() => Some(turn),
            () = cancel.cancelled() => None,
        };
        let words: Vec<&str> = step.words.iter().map(String::as_str).collect();
        let ran = match turn {
            Some(_) => {
                let input = step.input.as_ref().map(|secret| secret.0.as_bytes());
                tool::run(processes, &words, input, cancel).await.map(|_| ())
            }
            None => {
                let tool = step.tool().into();
                Err(ToolError::Start { tool, source: ProcessError::Cancelled })
            }
        };
        let Err(error) = ran else { return Ok(()) };
        let meaning = meaning(step.tool(), error.code(), about, &processes_of);
        if meaning.is_done {
            return Ok(());
        }
        // Where nobody holds a lock, as on a full disk, there is no end of it to wait for.
        if meaning.is_locked && super::is_locked(&self.etc) {
            self.locked_out.store(true, Ordering::SeqCst);
        }
        Err(AccountError::Tool {
            doing: doing(step.tool()),
            what: about.what,
            name: about.name.into(),
            because: meaning.because.into(),
            class: meaning.class,
            hint: meaning.hint.map(Into::into),
            source: Box::new(error),
        })
    }
}

fn doing(tool: &str) -> &'static str {
    match tool {
        "useradd" | "groupadd" => "add",
        "userdel" | "groupdel" => "remove",
        _ => "change",
    }
}

/// What an exit status means.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Meaning {
    /// Somebody else has done it.
    is_done: bool,
    /// Somebody else writes the files, or their file system refuses.
    is_locked: bool,
    because: String,
    class: Class,
    hint: Option<&'static str>,
}

/// Exit statuses as useradd(8), usermod(8), userdel(8), groupadd(8), groupmod(8), groupdel(8) and gpasswd(1) list them.
fn meaning(
    tool: &str,
    code: Option<i32>,
    about: About<'_>,
    processes: &dyn Fn(u32) -> Vec<String>,
) -> Meaning {
    let plain = Meaning {
        is_done: false,
        is_locked: false,
        because: String::new(),
        class: Class::Transient,
        hint: None,
    };
    let because = |text: &str, class, hint| Meaning {
        because: format!(": {text}"),
        class,
        hint: Some(hint),
        ..plain.clone()
    };
    match (tool, code) {
        ("useradd" | "groupadd", Some(9)) | ("userdel" | "groupdel", Some(6)) => {
            Meaning { is_done: true, ..plain }
        }
        (_, Some(1 | 10)) => Meaning {
            is_locked: true,
            hint: Some(
                "another tool may hold the lock of the account files, which is waited for 15 s; or the disk is full",
            ),
            ..plain
        },
        ("useradd" | "usermod", Some(3)) | ("groupadd" | "groupmod", Some(3)) => {
            because("the tool refuses a name or value", Class::User, "its message says which")
        }
        ("useradd" | "usermod", Some(4)) => {
            because("its uid is taken", Class::User, "choose another `uid`, or add `allowduplicateuid: true`")
        }
        ("groupadd" | "groupmod", Some(4)) => {
            because("its gid is taken", Class::User, "choose another `gid`")
        }
        ("useradd" | "usermod" | "groupmod" | "gpasswd" | "chage", Some(6)) | ("gpasswd", Some(3)) => {
            because(
                "a user or group that it needs is not there",
                Class::Transient,
                "declare it as a user or group resource: it is ordered before",
            )
        }
        ("userdel" | "usermod", Some(8)) => {
            let list = about.uid.map(processes).unwrap_or_default().join(", ");
            let text = if list.is_empty() {
                "the user is logged in or has processes".to_owned()
            } else {
                format!("processes of the user are alive: {list}")
            };
            because(&text, Class::Transient, "end them, or stop what starts them, before")
        }
        ("groupdel", Some(8)) => because(
            &format!("it is the primary group of {}", about.primary_of.join(", ")),
            Class::Transient,
            "remove these users first, or give them another group",
        ),
        ("useradd" | "userdel", Some(12)) => {
            because("its home directory", Class::Transient, "see the message of the tool")
        }
        _ => plain,
    }
}

/// The processes of a user; the first few.
fn processes_of(uid: u32) -> Vec<String> {
    alive(|folder| rustix::fs::stat(folder).is_ok_and(|stat| stat.st_uid == uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_statuses_mean_what_the_manuals_say() {
        let about = About { what: "user", name: "anna", uid: Some(7), primary_of: &["bert", "carl"] };
        let processes = |uid| vec![format!("{uid}0 (sleep)")];
        for (tool, code, because, class) in [
            ("useradd", 1, "", Class::Transient),
            ("useradd", 3, ": the tool refuses a name or value", Class::User),
            ("usermod", 4, ": its uid is taken", Class::User),
            ("groupadd", 4, ": its gid is taken", Class::User),
            ("useradd", 6, ": a user or group that it needs is not there", Class::Transient),
            ("userdel", 8, ": processes of the user are alive: 70 (sleep)", Class::Transient),
            ("usermod", 8, ": processes of the user are alive: 70 (sleep)", Class::Transient),
            ("groupdel", 8, ": it is the primary group of bert, carl", Class::Transient),
            ("chpasswd", 77, "", Class::Transient),
        ] {
            let meaning = meaning(tool, Some(code), about, &processes);
            assert_eq!(
                (&*meaning.because, meaning.class, meaning.is_done),
                (because, class, false),
                "{tool}"
            );
        }
        for (tool, code) in [("useradd", 9), ("groupadd", 9), ("userdel", 6), ("groupdel", 6)] {
            assert!(meaning(tool, Some(code), about, &processes).is_done, "{tool}");
        }
        assert!(meaning("usermod", Some(1), about, &processes).is_locked);
        assert!(!meaning("usermod", None, about, &processes).is_locked);
    }

    #[test]
    fn processes_are_named() {
        let own = rustix::process::geteuid().as_raw();
        assert!(!processes_of(own).is_empty());
        assert!(processes_of(4_000_000_000).is_empty());
    }
}
