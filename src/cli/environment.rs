//! Options that the environment has set: an error about one names the variable, since nobody typed the option.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, Command};

/// Says of an error about an option's value that it comes from a variable, if it does.
pub fn explain(error: &mut Error, mut definition: Command) {
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return;
    }
    let Some(ContextValue::String(named)) = error.get(ContextKind::InvalidArg) else { return };
    // Only then do options know their own names.
    definition.build();
    let args: Vec<OsString> = std::env::args_os().collect();
    let all = definition.get_subcommands().flat_map(Command::get_arguments);
    let found = all.filter(|arg| arg.to_string() == *named).find_map(|arg| variable(arg, &args));
    let Some(variable) = found else { return };
    let tip = format!("the value comes from the environment variable {variable}");
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

/// What to call an option in an error about its value: as it was typed, or else the variable that has set it.
pub fn name_of(definition: &Command, subcommand: &str, long: &str) -> String {
    let args: Vec<OsString> = std::env::args_os().collect();
    let option = definition
        .find_subcommand(subcommand)
        .and_then(|command| command.get_arguments().find(|arg| arg.get_long() == Some(long)));
    option.and_then(|option| variable(option, &args)).unwrap_or_else(|| format!("--{long}"))
}

/// The variable that has set an option: it is there, and the option was not typed.
fn variable(arg: &Arg, args: &[OsString]) -> Option<String> {
    let name = arg.get_env()?;
    std::env::var_os(name)?;
    let mut longs = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
    let typed = longs.any(|long| args.iter().any(|word| is_option(&word.to_string_lossy(), long)));
    (!typed).then(|| name.to_string_lossy().into_owned())
}

fn is_option(word: &str, long: &str) -> bool {
    let rest = word.strip_prefix("--").and_then(|word| word.strip_prefix(long));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}
