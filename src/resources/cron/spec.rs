//! What a declaration of a timer means.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calendar::{Calendar, CalendarError};
use super::crontab::translated;
use super::params::CronParams;
use super::span;
use crate::engine::ParamError;
use crate::resources::choice::{choice, choice_beside};
use crate::resources::host::systemd::UnitName;
use crate::resources::svc::{Startup, Whose};

/// What is wanted of a timer.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The timer.
    pub timer: UnitName,
    /// What it runs.
    pub service: UnitName,
    /// Whose it is.
    pub whose: Whose,
    /// Whether it is to be there.
    pub exists: bool,
    /// What is to become of it at start-up; `None`: as it likes.
    pub startup: Option<Startup>,
    /// Settings of `[Timer]` that say when it elapses.
    pub triggers: Vec<(&'static str, Arc<str>)>,
    /// The normal forms of its calendar expressions, sorted; `None`: they cannot be compared.
    pub calendars: Option<Vec<Box<str>>>,
    /// A span of time, or empty.
    pub accuracy: Arc<str>,
    /// A span of time, or empty.
    pub jitter: Arc<str>,
    /// See systemd.timer(5).
    pub fixed_random_delay: bool,
    /// See systemd.timer(5).
    pub persistent: bool,
    /// See systemd.timer(5).
    pub wakes_system: bool,
    /// See systemd.timer(5).
    pub remains: bool,
    /// For people.
    pub description: Arc<str>,
    /// What it runs, if that is not another's unit.
    pub command: Option<Command>,
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct Command {
    /// For the shell.
    pub text: Arc<str>,
    /// Whom it runs as, if not as the manager.
    pub user: Option<Arc<str>>,
    /// Environment variables.
    pub env: BTreeMap<Arc<str>, Arc<str>>,
}

/// The setting for calendar expressions.
const CALENDAR: &str = "OnCalendar";

const TRIGGERS: [(&str, Option<&str>); 7] = [
    ("", None),
    (CALENDAR, Some(CALENDAR)),
    ("OnActiveSec", Some("OnActiveSec")),
    ("OnBootSec", Some("OnBootSec")),
    ("OnStartupSec", Some("OnStartupSec")),
    ("OnUnitActiveSec", Some("OnUnitActiveSec")),
    ("OnUnitInactiveSec", Some("OnUnitInactiveSec")),
];

impl Spec {
    /// What a declaration means.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn new(name: &str, params: &CronParams) -> Result<Self, Vec<ParamError>> {
        let mut errors = Vec::new();
        let mut note = |error: ParamError| errors.push(error);
        let timer = UnitName::with_suffix(name, "timer").ok().filter(|timer| timer.suffix() == "timer");
        let timer = timer.filter(|timer| !timer.is_template());
        if timer.is_none() {
            note(
                ParamError::whole(format!("{name:?} is no name of a timer")).hint("the timer is NAME.timer"),
            );
        }
        let stem = timer.as_ref().map_or("x", UnitName::stem).to_owned();
        let service = if params.unit.is_empty() { stem.as_str() } else { &*params.unit };
        let service =
            UnitName::new(service).map_err(|error| note(ParamError::at("unit", error.to_string()))).ok();
        let exists = choice_beside(
            "state",
            &params.state,
            &[("exists", true), ("absent", false)],
            &[("startup", &["enabled", "disabled"])],
        );
        let exists = exists.map_err(&mut note).unwrap_or(true);
        let starts = [("", None), ("enabled", Some(Startup::Enabled)), ("disabled", Some(Startup::Disabled))];
        let startup = choice("startup", &params.startup, &starts).map_err(&mut note).unwrap_or(None);
        let owner: Arc<str> = if params.session { params.user.clone() } else { "".into() };
        let whose = Whose::new(params.session, &owner).map_err(&mut note).unwrap_or(Whose::System);
        let (triggers, calendars) = triggers(params, exists, &mut note);
        for (param, value) in [
            ("accuracysec", &params.accuracysec),
            ("randomizeddelaysec", &params.randomizeddelaysec),
            ("jitter", &params.jitter),
        ] {
            if !value.is_empty() && span::parse(value).is_none() {
                note(no_span(param, value));
            }
        }
        if !params.jitter.is_empty() && !params.randomizeddelaysec.is_empty() {
            note(ParamError::at("jitter", "it is the same as `randomizeddelaysec`: give one of them"));
        }
        let command = command(params, &mut note);
        if command.is_some() && !params.unit.is_empty() {
            note(
                ParamError::at("unit", "with `command` the service is made, and has the timer's name")
                    .hint("remove `unit`, or `command`"),
            );
        }
        let (Some(timer), Some(service), true) = (timer, service, errors.is_empty()) else {
            return Err(errors);
        };
        let jitter = if params.jitter.is_empty() { &params.randomizeddelaysec } else { &params.jitter };
        Ok(Self {
            service,
            whose,
            exists,
            startup,
            triggers,
            calendars,
            accuracy: params.accuracysec.clone(),
            jitter: jitter.clone(),
            fixed_random_delay: params.fixed_random_delay,
            persistent: params.persistent,
            wakes_system: params.wakesystem,
            remains: params.remainafterelapse,
            description: params.description.clone().unwrap_or_else(|| timer.stem().into()),
            timer,
            command,
        })
    }
}

fn no_span(param: &'static str, value: &str) -> ParamError {
    ParamError::at(param, format!("{value:?} is no span of time")).hint("as in `90`, `5min` or `1h 30min`")
}

fn no_calendar(param: &'static str, text: &str, error: &CalendarError) -> ParamError {
    let of_crontab =
        || ParamError::at(param, format!("{text:?} is written as in crontab, not in systemd's calendar"));
    if text == "@reboot" {
        return of_crontab().hint("give `trigger: OnBootSec` and `time: 1min`");
    }
    match translated(text).as_deref() {
        Some([one]) => of_crontab().hint(format!("the same is {one:?}")),
        Some(several) => {
            let several: Vec<String> = several.iter().map(|it| format!("{it:?}")).collect();
            of_crontab().hint(format!("the same is `on_calendar: [{}]`", several.join(", ")))
        }
        None => ParamError::at(param, format!("{text:?}: {error}"))
            .hint("as in `Mon..Fri 09:00`, `*-*-01 03:00` or `*:0/5`; try it with systemd-analyze calendar"),
    }
}

/// The settings that say when it elapses, and the normal forms of those that are calendar expressions.
#[expect(clippy::type_complexity, reason = "two lists that are made together")]
fn triggers(
    params: &CronParams,
    exists: bool,
    note: &mut impl FnMut(ParamError),
) -> (Vec<(&'static str, Arc<str>)>, Option<Vec<Box<str>>>) {
    let mut triggers = Vec::new();
    match (choice("trigger", &params.trigger, &TRIGGERS), params.time.is_empty()) {
        (Err(error), _) => note(error),
        (Ok(None), false) => {
            note(ParamError::at("trigger", "it must say what `time` means").hint("mostly `OnCalendar`"))
        }
        (Ok(Some(_)), true) => note(ParamError::at("time", "it must say when the timer elapses")),
        (Ok(Some(trigger)), false) => triggers.push((trigger, params.time.clone())),
        (Ok(None), true) => {}
    }
    let mut calendars = Some(Vec::new());
    let mut read = |param, text: &str| match Calendar::parse(text) {
        Ok(calendar) => match (calendar.normal(), &mut calendars) {
            (Some(normal), Some(all)) => all.push(Box::from(normal)),
            _ => calendars = None,
        },
        Err(error) => note(no_calendar(param, text, &error)),
    };
    let mut bad_span = false;
    for (trigger, time) in &triggers {
        if *trigger == CALENDAR {
            read("time", time);
        } else {
            bad_span |= span::parse(time).is_none();
        }
    }
    for text in &params.on_calendar {
        read("on_calendar", text);
        triggers.push((CALENDAR, text.clone()));
    }
    if bad_span {
        note(no_span("time", &params.time));
    }
    if exists && triggers.is_empty() && params.trigger.is_empty() && params.time.is_empty() {
        let error = ParamError::at("on_calendar", "a timer must elapse some time");
        note(error.hint("as in `on_calendar: [daily]`"));
    }
    if params.persistent && !triggers.is_empty() && triggers.iter().all(|(trigger, _)| *trigger != CALENDAR) {
        note(ParamError::at("persistent", "only calendar expressions can have been missed"));
    }
    if let Some(all) = &mut calendars {
        all.sort();
        all.dedup();
    }
    (triggers, calendars)
}

fn command(params: &CronParams, note: &mut impl FnMut(ParamError)) -> Option<Command> {
    if params.command.is_empty() {
        if !params.user.is_empty() && !params.session {
            note(
                ParamError::at("user", "it is whom `command` runs as").hint("another's unit says it itself"),
            );
        }
        if !params.env.is_empty() {
            note(
                ParamError::at("env", "it is the environment of `command`")
                    .hint("another's unit says it itself"),
            );
        }
        return None;
    }
    let is_name = |name: &str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    if let Some(wrong) = params.env.keys().find(|name| !is_name(name)) {
        note(ParamError::at("env", format!("{wrong:?} is no name of a variable")));
    }
    if params.command.contains('\0') {
        note(ParamError::at("command", "it holds a zero byte"));
    }
    let user = (!params.user.is_empty() && !params.session).then(|| params.user.clone());
    Some(Command { text: params.command.clone(), user, env: params.env.clone() })
}
