//! One command of an exec, split into words.

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::ParamError;

/// A command is shown up to this many characters.
const SHOWN: usize = 200;
/// What only a shell understands.
const SHELL_SIGNS: &[char] =
    &['|', '&', ';', '<', '>', '$', '`', '\'', '"', '*', '?', '(', ')', '{', '}', '~'];

/// One command of an exec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The parameter that holds it, which is what messages call it.
    pub param: &'static str,
    /// What is executed.
    pub words: Vec<Arc<str>>,
    /// Where; `None`: in the agent's folder.
    pub cwd: Option<PathBuf>,
    /// As people see it: on one line, and not too long.
    pub shown: Arc<str>,
    /// The first thing in it that only a shell would understand, if there is no shell.
    pub misses_shell: Option<char>,
}

impl Command {
    /// The command of a parameter; `None`: there is none.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn new(param: &'static str, text: &str, cwd: &str, shell: &str) -> Result<Option<Self>, ParamError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        if text.contains('\0') || shell.contains('\0') {
            return Err(ParamError::at(param, "a command cannot hold a zero byte"));
        }
        if cwd.contains('\0') {
            return Err(ParamError::at(param, "a folder cannot hold a zero byte"));
        }
        let words: Vec<Arc<str>> = match shell {
            "" => text.split_whitespace().map(Arc::from).collect(),
            shell => vec![shell.into(), "-c".into(), text.into()],
        };
        Ok(Some(Self {
            param,
            words,
            cwd: (!cwd.is_empty()).then(|| PathBuf::from(cwd)),
            shown: shown(text),
            misses_shell: text.chars().find(|sign| shell.is_empty() && SHELL_SIGNS.contains(sign)),
        }))
    }

    /// With arguments that are not split.
    ///
    /// # Errors
    /// When the command is more than one word.
    pub fn with_args(mut self, args: &[Arc<str>]) -> Result<Self, ParamError> {
        if self.words.len() > 1 {
            return Err(ParamError::at("args", "args need a cmd of one word")
                .hint("put all but the first word of `cmd` into `args`"));
        }
        if args.iter().any(|arg| arg.contains('\0')) {
            return Err(ParamError::at("args", "an argument cannot hold a zero byte"));
        }
        self.words.extend(args.iter().cloned());
        self.shown = shown(&self.words.join(" "));
        // Who gives arguments one by one wants no shell.
        self.misses_shell = None;
        Ok(self)
    }
}

fn shown(text: &str) -> Arc<str> {
    let text = text.trim().replace('\n', "\\n");
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}...", &text[..cut]).into(),
        None => text.into(),
    }
}
