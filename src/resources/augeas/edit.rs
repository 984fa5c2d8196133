//! The edits of a file: what there is to ask before, and what there is to do then.

use std::sync::Arc;

use super::params::{InsParam, MvParam, SetParam};
use super::script::{Matches, Script};

/// What should be in a file, with whole paths.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// Patterns of which each must match something, or nothing (`false`).
    pub guards: Vec<(String, bool)>,
    /// What goes.
    pub rm: Vec<String>,
    /// What moves.
    pub mv: Vec<MvParam>,
    /// What comes.
    pub ins: Vec<InsParam>,
    /// Values.
    pub sets: Vec<SetParam>,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The parameter.
    pub what: &'static str,
    /// How it is; `None`: absent.
    pub found: Option<String>,
    /// How it should be; `None`: absent.
    pub wanted: Option<String>,
}

/// A value for several nodes: the edit's path, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Several(pub Arc<str>, pub usize);

impl Edits {
    /// Asks for all that decides what differs.
    pub fn ask(&self, script: &mut Script) {
        let asked = self.guards.iter().map(|(path, _)| path.as_str());
        let asked = asked.chain(self.rm.iter().map(String::as_str));
        let asked = asked.chain(self.mv.iter().map(|mv| &*mv.from));
        let asked = asked.chain(self.ins.iter().map(|ins| &*ins.unless));
        for path in asked.chain(self.sets.iter().map(|set| &*set.path)) {
            script.ask(path);
        }
    }

    /// What differs, given the answers in the order in which was asked; and the commands that put it right.
    ///
    /// # Errors
    /// When a value is wanted of several nodes.
    pub fn compare(&self, answers: &[Matches], script: &mut Script) -> Result<Vec<Difference>, Several> {
        let mut answers = answers.iter();
        let mut next = || answers.next().map(Vec::as_slice).unwrap_or_default();
        // All answers are taken, so that each stands for its own question.
        let open = self.guards.iter().map(|(_, present)| next().is_empty() != *present).collect::<Vec<_>>();
        let is_open = open.iter().all(|open| *open);
        let mut differences = Vec::new();
        let mut differs = |what, found: Option<String>, wanted: Option<String>| {
            differences.push(Difference { what, found, wanted });
        };
        for path in &self.rm {
            let found = next();
            if !found.is_empty() && is_open {
                script.add("rm", &[path]);
                differs("rm", Some(format!("{path}, {} times", found.len())), None);
            }
        }
        for mv in &self.mv {
            if !next().is_empty() && is_open {
                script.add("mv", &[&mv.from, &mv.to]);
                differs("mv", Some(mv.from.to_string()), Some(mv.to.to_string()));
            }
        }
        for ins in &self.ins {
            if next().is_empty() && is_open {
                script.add("ins", &[&ins.label, &ins.place, &ins.path]);
                differs("ins", None, Some(format!("{} {} {}", ins.label, ins.place, ins.path)));
            }
        }
        for set in &self.sets {
            let found = next();
            if found.len() > 1 && is_open {
                return Err(Several(set.path.clone(), found.len()));
            }
            let value = found.first().and_then(|(_, value)| value.as_deref());
            if (found.is_empty() || value.unwrap_or("") != &*set.value) && is_open {
                script.add("set", &[&set.path, &set.value]);
                let found = found.first().map(|_| format!("{} = {:?}", set.path, value.unwrap_or("")));
                differs("sets", found, Some(format!("{} = {:?}", set.path, set.value)));
            }
        }
        Ok(differences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits() -> Edits {
        Edits {
            guards: vec![("/g".into(), true)],
            rm: vec!["/r".into()],
            mv: vec![MvParam { from: "/m".into(), to: "/n".into() }],
            ins: vec![InsParam {
                label: "l".into(),
                place: "before".into(),
                path: "/p".into(),
                unless: "/u".into(),
            }],
            sets: vec![SetParam { path: "/s".into(), value: "v".into() }],
        }
    }

    fn found(path: &str, value: &str) -> Matches {
        vec![(path.to_owned(), Some(value.to_owned()))]
    }

    #[test]
    fn what_differs_is_done_in_order_and_only_behind_open_guards() {
        let all = [found("/g", ""), found("/r", "x"), found("/m", "x"), vec![], found("/s", "w")];
        let mut script = Script::default();
        let differences = edits().compare(&all, &mut script).unwrap();
        let what: Vec<_> = differences.iter().map(|difference| difference.what).collect();
        assert_eq!(what, ["rm", "mv", "ins", "sets"]);
        let text = "rm \"/r\"\nmv \"/m\" \"/n\"\nins \"l\" \"before\" \"/p\"\nset \"/s\" \"v\"\n";
        assert_eq!(script.text(), text);
        let mut closed = all.clone();
        closed[0].clear();
        assert_eq!(edits().compare(&closed, &mut Script::default()), Ok(vec![]));
        let right = [found("/g", ""), vec![], vec![], found("/u", ""), found("/s", "v")];
        assert_eq!(edits().compare(&right, &mut Script::default()), Ok(vec![]));
        let mut several = right;
        several[4].extend(found("/s2", "v"));
        assert_eq!(edits().compare(&several, &mut Script::default()), Err(Several("/s".into(), 2)));
    }
}
