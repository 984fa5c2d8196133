//! The command lines of apt and dpkg.

use std::sync::Arc;

use crate::resources::host::packages::{Change, PackageName, Terms, To};

/// What every run of dpkg gets, so that it never asks: its standard input is closed.
fn conffiles(terms: &Terms) -> &'static [&'static str] {
    // With `confdef` dpkg would keep a changed file whatever else is said.
    if terms.confnew { &["--force-confnew"] } else { &["--force-confdef", "--force-confold"] }
}

/// The options of apt-get for all that changes something.
fn apt_get(terms: &Terms) -> Vec<Arc<str>> {
    let seconds = terms.lock_timeout.as_millis().div_ceil(1000);
    let mut words: Vec<Arc<str>> = ["apt-get", "-y", "-q"].map(Arc::from).to_vec();
    let mut option = |value: String| words.extend([Arc::from("-o"), Arc::from(value)]);
    for force in conffiles(terms) {
        option(format!("Dpkg::Options::={force}"));
    }
    option(format!("DPkg::Lock::Timeout={seconds}"));
    option("Dpkg::Use-Pty=0".to_owned());
    words
}

/// One transaction.
pub fn install(changes: &[Change], terms: &Terms) -> Vec<Arc<str>> {
    let mut words = apt_get(terms);
    let mut flag = |word: &str, given: bool| words.extend(given.then(|| Arc::from(word)));
    flag("--no-install-recommends", !terms.recommends);
    flag("--install-recommends", terms.recommends);
    flag("--no-remove", !changes.iter().any(|change| change.to.is_removal()));
    flag("--allow-downgrades", terms.allow_downgrade);
    flag("--allow-unauthenticated", terms.allow_untrusted);
    flag("--allow-change-held-packages", terms.change_held);
    flag("--reinstall", changes.iter().any(|change| change.to == To::Again));
    words.extend(terms.options.iter().cloned());
    words.push("install".into());
    words.extend(changes.iter().map(|Change { name, to }| match to {
        To::Candidate | To::Again => name.to_string().into(),
        To::Version(version) => format!("{name}={version}").into(),
        To::File(path) => path.to_string_lossy().into(),
        To::Remove | To::Purge | To::PurgeRest => format!("{name}-").into(),
    }));
    words
}

/// Removes what packages that are gone have left: an installation does not see to these.
pub fn purge_rest(changes: &[Change], terms: &Terms) -> Vec<Arc<str>> {
    let mut words = apt_get(terms);
    words.push("purge".into());
    words.extend(changes.iter().map(|change| Arc::from(change.name.to_string())));
    words
}

/// Finishes what was broken off.
pub fn configure_all(terms: &Terms) -> Vec<Arc<str>> {
    let mut words: Vec<Arc<str>> = vec!["dpkg".into()];
    words.extend(conffiles(terms).iter().copied().map(Arc::from));
    words.extend(["--configure", "-a"].map(Arc::from));
    words
}

/// Fetches the lists.
pub fn update(terms: &Terms) -> Vec<Arc<str>> {
    let mut words: Vec<Arc<str>> = ["apt-get", "-q"].map(Arc::from).to_vec();
    // Without it, a host that is not reached is only a warning.
    words.extend(["-o", "APT::Update::Error-Mode=any"].map(Arc::from));
    words.extend(selecting(terms));
    words.push("update".into());
    words
}

/// Holds packages, or lets them go.
pub fn hold(names: &[PackageName], hold: bool) -> Vec<Arc<str>> {
    let mut words: Vec<Arc<str>> = vec!["apt-mark".into(), if hold { "hold" } else { "unhold" }.into()];
    words.extend(names.iter().map(|name| Arc::from(name.to_string())));
    words
}

/// A question about names.
pub fn cache(question: &str, names: &[PackageName], terms: &Terms) -> Vec<Arc<str>> {
    let mut words: Vec<Arc<str>> = vec!["apt-cache".into()];
    words.extend(selecting(terms));
    words.push(question.into());
    words.extend(names.iter().map(|name| Arc::from(name.to_string())));
    words
}

/// Those of the user's options that say what could be installed, which all of apt's programs understand: `-t`, `-o`,
/// `-c` and their long forms.
fn selecting(terms: &Terms) -> Vec<Arc<str>> {
    let mut chosen = Vec::new();
    let mut options = terms.options.iter();
    while let Some(option) = options.next() {
        let takes_next =
            ["-t", "-o", "-c", "--target-release", "--option", "--config-file"].contains(&&**option);
        let long = ["--target-release=", "--default-release=", "--option=", "--config-file="];
        let whole = long.iter().any(|name| option.starts_with(name))
            || (option.len() > 2 && ["-t", "-o", "-c"].iter().any(|name| option.starts_with(name)));
        if takes_next || whole {
            chosen.push(option.clone());
        }
        if takes_next {
            chosen.extend(options.next().cloned());
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn change(name: &str, to: To) -> Change {
        Change { name: PackageName::parse(name), to }
    }

    const FIXED: &str = "apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
                         -o DPkg::Lock::Timeout=60 -o Dpkg::Use-Pty=0";

    #[test]
    fn one_command_installs_and_removes() {
        let changes = [
            change("a", To::Candidate),
            change("b", To::Version("1.0".into())),
            change("f", To::File("/x/f.deb".into())),
        ];
        let words = install(&changes, &Terms::default()).join(" ");
        assert_eq!(words, format!("{FIXED} --no-install-recommends --no-remove install a b=1.0 /x/f.deb"));
        let changes = [change("a:i386", To::Candidate), change("c", To::Remove), change("g++", To::Purge)];
        let words = install(&changes, &Terms::default()).join(" ");
        assert_eq!(words, format!("{FIXED} --no-install-recommends install a:i386 c- g++-"));
    }

    #[test]
    fn what_is_left_of_packages_has_a_command_of_its_own() {
        let words = purge_rest(&[change("a", To::PurgeRest)], &Terms::default()).join(" ");
        assert_eq!(words, format!("{FIXED} purge a"));
    }

    #[test]
    fn what_was_permitted_is_passed_on() {
        let terms = Terms {
            recommends: true,
            allow_downgrade: true,
            allow_untrusted: true,
            change_held: true,
            confnew: true,
            options: ["-t", "backports", "--no-upgrade"].map(Arc::from).into(),
            lock_timeout: Duration::from_millis(1500),
            ..Terms::default()
        };
        assert_eq!(
            install(&[change("a", To::Again)], &terms).join(" "),
            "apt-get -y -q -o Dpkg::Options::=--force-confnew -o DPkg::Lock::Timeout=2 -o Dpkg::Use-Pty=0 \
             --install-recommends --no-remove --allow-downgrades --allow-unauthenticated \
             --allow-change-held-packages --reinstall -t backports --no-upgrade install a"
        );
        let names = [PackageName::parse("a")];
        assert_eq!(cache("policy", &names, &terms).join(" "), "apt-cache -t backports policy a");
        assert_eq!(update(&terms).join(" "), "apt-get -q -o APT::Update::Error-Mode=any -t backports update");
        assert_eq!(configure_all(&terms).join(" "), "dpkg --force-confnew --configure -a");
        assert_eq!(hold(&names, false).join(" "), "apt-mark unhold a");
    }
}
