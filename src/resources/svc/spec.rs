//! What a declaration of a unit means.

use std::sync::Arc;
use std::time::Duration;

use super::params::SvcParams;
use super::startup::Startup;
use crate::engine::ParamError;
use crate::resources::choice::{choice, choice_beside};
use crate::resources::host::systemd::{UnitName, Verb};

/// What is wanted of a unit.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The unit.
    pub unit: UnitName,
    /// Whose it is.
    pub whose: Whose,
    /// Whether it is to run; `None`: as it likes.
    pub state: Option<Wanted>,
    /// What is to become of it at start-up; `None`: as it likes.
    pub startup: Option<Startup>,
    /// What a refresh does if it runs.
    pub refresh: Option<Verb>,
    /// How long a job may take; `None`: it is not waited for.
    pub limit: Option<Duration>,
    /// How long a job of others is waited for.
    pub patience: Duration,
    /// Startup changes hold until the next boot only.
    pub runtime: bool,
    /// Whether changed unit files are read.
    pub reloads: bool,
}

/// Whose unit it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The system's.
    System,
    /// Of the session of a user; `None`: the agent's.
    Session(Option<Arc<str>>),
}

/// Whether a unit is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It is.
    Running,
    /// It is not.
    Stopped,
    /// Either; a refresh restarts it.
    RestartedOnRefresh,
}

impl Wanted {
    /// As users write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::RestartedOnRefresh => "restarted-on-refresh",
        }
    }
}

impl Whose {
    /// Of these two parameters.
    ///
    /// # Errors
    /// When a user is named and no session is meant.
    pub fn new(session: bool, user: &Arc<str>) -> Result<Self, ParamError> {
        match (session, user.is_empty()) {
            (true, false) => Ok(Self::Session(Some(user.clone()))),
            (true, true) => Ok(Self::Session(None)),
            (false, true) => Ok(Self::System),
            (false, false) => Err(ParamError::at("user", "only a session is some user's")
                .hint("add `session: true`, or remove `user`")),
        }
    }

    /// Whose session it is, by name or number; `None`: it is none.
    pub fn user(&self) -> Option<Arc<str>> {
        match self {
            Self::System => None,
            Self::Session(Some(user)) => Some(user.clone()),
            Self::Session(None) => Some(rustix::process::geteuid().as_raw().to_string().into()),
        }
    }

    /// What a unit is called among automatic edges.
    pub fn uid_of(&self, unit: &str) -> Arc<str> {
        self.user().map_or_else(|| unit.into(), |user| format!("{user}/{unit}").into())
    }
}

impl Spec {
    /// What a declaration means. `refresh_given`: whether the parameter stands there.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn new(name: &str, params: &SvcParams, refresh_given: bool) -> Result<Self, Vec<ParamError>> {
        let mut errors = senseless(params);
        let named = if params.unit.is_empty() { name } else { &params.unit };
        let unit = UnitName::new(named).map_err(|error| {
            let error = error.to_string();
            errors.push(if params.unit.is_empty() {
                ParamError::whole(error)
            } else {
                ParamError::at("unit", error)
            });
        });
        let states = [
            ("", None),
            ("running", Some(Wanted::Running)),
            ("stopped", Some(Wanted::Stopped)),
            ("restarted-on-refresh", Some(Wanted::RestartedOnRefresh)),
        ];
        let starts: [(&str, &[&str]); 1] = [("startup", &["enabled", "disabled", "masked"])];
        let state = choice_beside("state", &params.state, &states, &starts).unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        let runs: [(&str, &[&str]); 1] = [("state", &["running", "stopped"])];
        let startup =
            choice_beside("startup", &params.startup, &Startup::WORDS, &runs).unwrap_or_else(|error| {
                errors.push(error);
                None
            });
        let whose = Whose::new(params.session, &params.user).unwrap_or_else(|error| {
            errors.push(error);
            Whose::System
        });
        let verbs = [
            ("reload-or-restart", Some(Verb::ReloadOrTryRestart)),
            ("restart", Some(Verb::TryRestart)),
            ("reload", Some(Verb::Reload)),
            ("none", None),
        ];
        let mut refresh = choice("refresh", &params.refresh, &verbs).unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        if state == Some(Wanted::RestartedOnRefresh) && !refresh_given {
            refresh = Some(Verb::TryRestart);
        }
        let reloads = choice("daemon_reload", &params.daemon_reload, &[("auto", true), ("never", false)]);
        let reloads = reloads.unwrap_or_else(|error| {
            errors.push(error);
            true
        });
        if let Ok(unit) = &unit
            && unit.is_template()
            && state.is_some()
        {
            let hint = format!("name an instance, as in {}", unit.as_str().replacen('@', "@one", 1));
            errors.push(ParamError::at("state", "a template cannot run, only its instances can").hint(hint));
        }
        let (Ok(unit), true) = (unit, errors.is_empty()) else { return Err(errors) };
        let patience = Duration::from_millis(params.timeout_ms);
        let limit = (!params.no_block).then_some(patience);
        let runtime = params.runtime;
        Ok(Self { unit, whose, state, startup, refresh, limit, patience, runtime, reloads })
    }
}

/// What contradicts itself.
fn senseless(params: &SvcParams) -> Vec<ParamError> {
    let mut errors = Vec::new();
    if params.timeout_ms == 0 {
        let error = ParamError::at("timeout_ms", "no job is done in no time");
        errors.push(error.hint("`no_block: true` does not wait"));
    }
    if &*params.startup == "masked" && &*params.state == "running" {
        let error = ParamError::at("startup", "what is masked cannot be started");
        errors.push(error.hint("a masked unit is `stopped`"));
    }
    if params.runtime && params.startup.is_empty() {
        errors.push(ParamError::at("runtime", "it is about `startup`, which is not given"));
    }
    errors
}
