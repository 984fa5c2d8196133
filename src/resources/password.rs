//! The kind `password`: makes one up, once.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::doc_of;
use super::memory::Memory;
use super::state_file::{self, Stored};
use super::wake_on::wake_on;
use crate::engine::drift::Shown;
use crate::engine::entry::Entry;
use crate::engine::params::OutputDecl;
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Type, Value, Wakes,
};
use crate::resources::host::Host;

crate::entry! {
    /// Makes a random password once, and sends it to others.
    ///
    /// It consists of letters and digits, each equally likely, from the system's random numbers. A new one is made
    /// when none was made before, at a refresh, and when `length` changes. It is never logged or shown.
    ///
    /// What an agent remembers after a restart is up to `saved`. With it, the password lies in the agent's private
    /// folder, in a file that only the agent's user can read, and is sent ever after. Without it, only the fact that
    /// one was made is kept on disk: the agent that made it sends it as long as it runs, and a later one has
    /// none to send, so that what receives it fails and says so rather than take an empty one. It never makes
    /// another by itself, for that would lock out whoever uses the first: turn `saved` on, or refresh it.
    ///
    /// ```yaml
    /// resources:
    ///   password:
    ///   - name: database
    ///     length: 32
    ///     saved: true
    /// ```
    pub struct PasswordParams {
        /// How many characters, at least 1.
        length: u16 = 64,
        /// Keep the password on disk. When this is turned off, what was kept is removed from there.
        saved: bool = false,
        /// Replace a damaged record by a new password, rather than fail.
        check_recovery: bool = false,
    }
}

const FILE: &str = "password.json";
/// Letters and digits: safe in shells, URLs and configuration files.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Random bytes from here on are thrown away, lest the first letters of the alphabet be likelier.
const FAIR: u8 = 248;

/// The kind `password`.
#[derive(Debug)]
pub struct PasswordKind {
    host: Arc<Host>,
    memory: Memory<Known>,
    doc: KindDoc,
}

/// The password that this process has made or read.
#[derive(Default)]
struct Known(Mutex<Option<Arc<str>>>);

impl Known {
    fn get(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, password: Option<Arc<str>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = password;
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

impl PasswordKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        let doc = "The password; none where it was made by an earlier run and not saved.";
        let password = OutputDecl { name: "password", ty: Type::Str, doc, secret: true };
        let doc = doc_of::<PasswordParams>("password", vec![password]);
        Self { host, memory: Memory::default(), doc }
    }
}

impl Kind for PasswordKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = PasswordParams::decode(&declaration.params)?;
        if params.length == 0 {
            return Err(vec![ParamError::at("length", "a password has at least one character")]);
        }
        let known = self.memory.of(&declaration.label);
        Ok(Box::new(PasswordResource { host: self.host.clone(), params, known }))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities { refreshable: true, ..Capabilities::default() }
    }
}

/// What is on disk: that one was made, and which if it is saved.
#[derive(Serialize, Deserialize)]
struct Token {
    length: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Arc<str>>,
}

impl Token {
    /// Reads what was stored; `None`: it is damaged.
    fn parse(stored: &Stored) -> Option<Self> {
        let token: Self = serde_json::from_slice(&stored.bytes).ok()?;
        let fits = |password: &Arc<str>| password.chars().count() == usize::from(token.length);
        token.password.as_ref().is_none_or(fits).then_some(token)
    }
}

#[derive(Debug)]
struct PasswordResource {
    host: Arc<Host>,
    params: PasswordParams,
    known: Arc<Known>,
}

/// The record is no record.
#[derive(Debug, thiserror::Error)]
#[error("the record of the password is damaged: {path}", path = path.display())]
struct Damaged {
    path: Box<Path>,
}

/// The system gave no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("make a password")]
struct NoRandomness(#[source] getrandom::Error);

impl PasswordResource {
    /// The password on disk, or else that of this process, if it is the one that the record is about.
    fn current(&self, token: &Token) -> Option<Arc<str>> {
        let fits = |password: &Arc<str>| password.len() == usize::from(token.length);
        token.password.clone().or_else(|| self.known.get().filter(fits))
    }
}

/// Makes a password of so many characters.
fn generate(length: u16) -> Result<Arc<str>, NoRandomness> {
    let mut password = String::with_capacity(length.into());
    let mut random = [0; 128];
    while password.len() < usize::from(length) {
        getrandom::fill(&mut random).map_err(NoRandomness)?;
        let missing = usize::from(length) - password.len();
        let fair = random.iter().filter(|byte| **byte < FAIR).take(missing);
        password.extend(fair.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])));
    }
    Ok(password.into())
}

fn sent(password: Option<Arc<str>>) -> Outputs {
    let mut outputs = Outputs::none();
    outputs.send(0, "password", password.map(Value::Str));
    outputs
}

fn yes(saved: bool) -> Shown {
    Shown::text(if saved { "yes" } else { "no" })
}

#[async_trait]
impl Resource for PasswordResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let path = state_file::path(cx, FILE);
        wake_on(cx, &*self.host.watch, [(path.as_path(), Interest::SELF)])
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let path = state_file::path(cx, FILE);
        let mut drift = Drift::none();
        let anew = || Shown::text("a new one");
        let Some(stored) = state_file::read(&path)? else {
            drift.add("password", Shown::Absent, anew());
            return Ok(Found::drift(drift));
        };
        let Some(token) = Token::parse(&stored) else {
            if !self.params.check_recovery {
                let error = ResourceError::user(Damaged { path: path.into() });
                return Err(error.with_hint("`check_recovery: true` replaces it by a new password"));
            }
            drift.add("password", Shown::text("damaged"), anew());
            return Ok(Found::drift(drift));
        };
        if cx.refresh {
            drift.add("password", Shown::text("an old one"), anew());
        }
        if token.length != self.params.length {
            let (found, wanted) = (token.length.to_string(), self.params.length.to_string());
            drift.add("length", Shown::text(found), Shown::text(wanted));
        }
        if token.password.is_some() != self.params.saved {
            drift.add("saved", yes(token.password.is_some()), yes(self.params.saved));
        }
        if !stored.is_private() {
            drift.add("mode", Shown::text(format!("{:04o}", stored.mode)), Shown::text("0600"));
        }
        let current = self.current(&token);
        if current.is_none() && drift.is_empty() {
            tracing::info!(resource = %cx.label(),
                "an earlier run made the password and did not save it, so there is none to send; see `saved`");
        }
        Ok(Found { drift, outputs: sent(current) })
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        let PasswordParams { length, saved, .. } = self.params;
        let path = state_file::path(cx, FILE);
        let token = state_file::read(&path)?.as_ref().and_then(Token::parse);
        let token = token.filter(|_| !drift.has("password") && !drift.has("length"));
        let mut kept = token.as_ref().and_then(|token| self.current(token));
        if token.is_none() || (saved && kept.is_none()) {
            kept = Some(generate(length).map_err(ResourceError::transient)?);
        }
        let token = Token { length, password: kept.clone().filter(|_| saved) };
        let bytes = serde_json::to_vec(&token).map_err(ResourceError::bug)?;
        state_file::write(&self.host.fs, cx, FILE, bytes)?;
        self.known.set(kept.clone());
        Ok(sent(kept))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::resources::host::FakeWatch;
    use crate::resources::testing::{Bench, Ran, listing, refused};

    const SAVED: (&str, Value) = ("saved", Value::Bool(true));

    /// A kind as of a new process.
    fn kind() -> PasswordKind {
        PasswordKind::new(Host::new(Arc::new(FakeWatch::new())))
    }

    fn password(ran: &Ran) -> String {
        ran.sent("password").expect("it is known").as_str().unwrap().to_owned()
    }

    #[test]
    fn passwords_have_their_length_and_use_the_whole_alphabet() {
        for length in [1, 64, 127, 129, 65535] {
            let made = generate(length).unwrap();
            assert_eq!(made.len(), usize::from(length));
        }
        let long = generate(65535).unwrap();
        let used: BTreeSet<u8> = long.bytes().collect();
        assert_eq!(used, ALPHABET.iter().copied().collect());
        let most = ALPHABET.iter().map(|letter| long.bytes().filter(|byte| byte == letter).count()).max();
        assert!(most < Some(1057 + 8 * 33), "a letter is likelier than chance permits: {most:?}");
    }

    #[tokio::test]
    async fn a_saved_one_is_private_survives_restarts_and_changes_at_a_refresh() {
        let bench = Bench::new();
        let subject = bench.build(&kind(), "p", &[SAVED]);
        assert_eq!(subject.noop().await.shown(), ["password: absent -> a new one"]);
        assert!(listing(&bench.prefix()).is_empty());
        let first = password(&subject.repair().await);
        assert_eq!(first.len(), 64);
        let file = state_file::path(&subject.cx(), FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(!format!("{subject:?}").contains(&first), "a debug print gives it away");

        let later = bench.build(&kind(), "p", &[SAVED]);
        assert_eq!(password(&later.run().await), first);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let repaired = later.repair().await;
        assert_eq!(repaired.shown(), ["mode: 0640 -> 0600"]);
        assert_eq!(password(&repaired), first);
        let second = password(&later.refresh().await);
        assert_ne!(second, first);
        assert_eq!(password(&later.run().await), second);
        fs::remove_file(&file).unwrap();
        assert_ne!(password(&later.repair().await), second);
    }

    #[tokio::test]
    async fn one_that_is_not_saved_is_known_to_its_own_process_only() {
        let (bench, same) = (Bench::new(), kind());
        let subject = bench.build(&same, "p", &[]);
        let first = password(&subject.repair().await);
        assert_eq!(password(&subject.run().await), first);
        let on_disk = listing(&bench.prefix());
        assert!(on_disk.iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains(&first)));
        let rebuilt = bench.build(&same, "p", &[("check_recovery", Value::Bool(true))]);
        drop(subject);
        assert_eq!(password(&rebuilt.run().await), first, "a change of the graph forgets nothing");

        let later = bench.build(&kind(), "p", &[]);
        let ran = later.run().await;
        assert!(ran.drift.is_empty());
        assert_eq!(ran.sent("password"), None, "not an empty one");
        assert_ne!(password(&later.refresh().await), first);
    }

    #[tokio::test]
    async fn turning_saved_on_and_off_keeps_what_is_known() {
        let (bench, same) = (Bench::new(), kind());
        let subject = bench.build(&same, "p", &[]);
        let first = password(&subject.repair().await);
        let saved = bench.build(&same, "p", &[SAVED]);
        let ran = saved.repair().await;
        assert_eq!(ran.shown(), ["saved: no -> yes"]);
        assert_eq!(password(&ran), first);
        let unsaved = bench.build(&kind(), "p", &[]);
        let ran = unsaved.repair().await;
        assert_eq!(ran.shown(), ["saved: yes -> no"]);
        assert_eq!(password(&ran), first);
        assert!(!fs::read_to_string(state_file::path(&unsaved.cx(), FILE)).unwrap().contains(&first));
        let later = bench.build(&kind(), "p", &[SAVED]);
        assert_ne!(password(&later.repair().await), first, "nobody knows it any more");
    }

    #[tokio::test]
    async fn another_length_makes_a_new_one_and_damage_only_where_asked() {
        let bench = Bench::new();
        bench.build(&kind(), "p", &[SAVED]).repair().await;
        let short = bench.build(&kind(), "p", &[SAVED, ("length", Value::Int(9))]);
        let ran = short.repair().await;
        assert_eq!(ran.shown(), ["length: 64 -> 9"]);
        assert_eq!(password(&ran).len(), 9);
        fs::write(state_file::path(&short.cx(), FILE), r#"{"length":9,"password":"short"}"#).unwrap();
        assert!(short.failure().await.contains("damaged"));
        let recovery = ("check_recovery", Value::Bool(true));
        let recovers = bench.build(&kind(), "p", &[SAVED, ("length", Value::Int(9)), recovery]);
        assert_eq!(password(&recovers.repair().await).len(), 9);
        assert_eq!(refused(&kind(), "p", &[("length", Value::Int(0))])[0].param, Some("length"));
    }
}
