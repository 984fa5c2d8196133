//! What git says: the line that tells why, and what to do about it. Pure.

/// Lines that say that it failed, and not why: that stands above them.
const EMPTY: [&str; 3] =
    ["Could not read from remote repository", "the remote end hung up unexpectedly", "early EOF"];

/// The words of git, or of the tools it calls, by which a refusal is known, and what to do.
const HINTS: [(&str, &str); 23] = [
    ("would be overwritten", "it was edited here: `force: true` discards that"),
    (
        "not our ref",
        "the repository has no such commit, or does not hand it out by its hash: give its branch or tag",
    ),
    ("publickey", "give the key with `identity`, and have the server accept it"),
    ("terminal prompts disabled", NO_PASSWORD),
    ("could not read Username", NO_PASSWORD),
    ("could not read Password", NO_PASSWORD),
    (
        "Authentication failed",
        "the server does not take what the credential helper says: use ssh with `identity`",
    ),
    ("The requested URL returned error: 40", "is the address right, and may this host see the repository?"),
    ("Host key verification failed", "put the server's key into the known_hosts of the user"),
    ("ould not resolve host", "is the name right, and is the network up?"),
    ("Connection refused", UNREACHED),
    ("Failed to connect", UNREACHED),
    ("Couldn't connect", UNREACHED),
    ("timed out", UNREACHED),
    ("No route to host", UNREACHED),
    (
        "ertificate",
        "the server's certificate is not trusted here: is ca-certificates installed, and the clock right?",
    ),
    ("does not appear to be a git repository", NO_REPOSITORY),
    ("not found", NO_REPOSITORY),
    ("does not exist", NO_REPOSITORY),
    ("bad object", DAMAGED),
    ("is corrupt", DAMAGED),
    ("bad config", "its configuration is damaged: see .git/config"),
    ("dubious ownership", "the repository belongs to another user: name that one with `user`"),
];

const NO_PASSWORD: &str =
    "it wants a password, or is not there: use ssh with `identity`, or a credential helper of git";
const UNREACHED: &str = "is the server up, and does no firewall stand between (`curl -v`, `ssh -v`)?";
const DAMAGED: &str =
    "the repository is damaged (`git fsck`): save what is only here, move it away, and it is cloned anew";
const NO_REPOSITORY: &str = "is the address right? Those that may not be seen are often said to be missing";

/// The line that says why, without marks in front; empty: it said nothing.
pub fn reason(said: &str) -> &str {
    if let Some(helper) = missing_helper(said) {
        return helper;
    }
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_empty = |line: &str| EMPTY.iter().any(|words| line.contains(words));
    let marked = |line: &&str| line.starts_with("fatal:") || line.starts_with("error:");
    let telling = lines().rev().find(|line| marked(line) && !is_empty(line));
    let before = || {
        let at = lines().position(is_empty)?;
        lines().take(at).last()
    };
    let line = telling.or_else(before).or_else(|| lines().rev().find(marked)).or_else(|| lines().next_back());
    let line = line.unwrap_or_default();
    let bare =
        ["fatal: ", "error: ", "git: "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
    bare.trim_end_matches('.')
}

/// What to do about it.
pub fn hint(said: &str) -> Option<&'static str> {
    if let Some(helper) = missing_helper(said) {
        let is_web = helper.contains("remote-https'") || helper.contains("remote-http'");
        let is_web = is_web || helper.contains("'https'") || helper.contains("'http'");
        return Some(match is_web {
            true => "git's helper for http is missing: install the whole git of this system, or use ssh",
            false => "git knows http, https, ssh and paths: is the address right?",
        });
    }
    HINTS.iter().find(|(words, _)| said.contains(words)).map(|(_, hint)| *hint)
}

/// The line that says that git has no program for such addresses.
fn missing_helper(said: &str) -> Option<&str> {
    let is_it = |line: &&str| line.contains("remote helper for") || line.contains("'remote-");
    let line = said.lines().find(is_it)?;
    Some(
        line.split(" See 'git")
            .next()
            .unwrap_or(line)
            .trim_start_matches("git: ")
            .trim_start_matches("fatal: ")
            .trim_end_matches('.'),
    )
}

/// Whether it is the declaration that is wrong, so that another try is of no use.
pub fn is_final(said: &str) -> bool {
    ["would be overwritten", "not our ref"].iter().any(|words| said.contains(words))
        || missing_helper(said).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_tells_why_is_found_with_its_hint() {
        let rights = "\nPlease make sure you have the correct access rights\nand the repository exists.\n";
        let ssh = |line: &str| format!("{line}\nfatal: Could not read from remote repository.\n{rights}");
        for (said, why, what) in [
            (ssh("fatal: '/x' does not appear to be a git repository"), "'/x' does not appear to be a git repository", "is the address right?"),
            (ssh("ssh: Could not resolve hostname x.invalid: Name or service not known"), "ssh: Could not resolve hostname x.invalid: Name or service not known", "is the name right"),
            (ssh("git@x: Permission denied (publickey)."), "git@x: Permission denied (publickey)", "`identity`"),
            ("fatal: could not read Username for 'http://x': terminal prompts disabled\n".into(), "could not read Username for 'http://x': terminal prompts disabled", "it wants a password"),
            ("remote: Repository not found.\nfatal: repository 'https://x/a/' not found\n".into(), "repository 'https://x/a/' not found", "is the address right?"),
            ("fatal: unable to access 'https://x/': server certificate verification failed. CAfile: none CRLfile: none\n".into(), "unable to access 'https://x/': server certificate verification failed. CAfile: none CRLfile: none", "ca-certificates"),
            ("fatal: unable to access 'https://x/': SSL certificate problem: unable to get local issuer certificate".into(), "unable to access 'https://x/': SSL certificate problem: unable to get local issuer certificate", "ca-certificates"),
            ("git: 'remote-https' is not a git command. See 'git --help'.\n\nThe most similar commands are\n\tremote-http\n".into(), "'remote-https' is not a git command", "helper for http is missing"),
            ("fatal: Unable to find remote helper for 'https'\n".into(), "Unable to find remote helper for 'https'", "helper for http is missing"),
            ("git: 'remote-httpz' is not a git command. See 'git --help'.\n\tremote-https\n".into(), "'remote-httpz' is not a git command", "is the address right?"),
        ] {
            assert_eq!(reason(&said), why);
            assert!(hint(&said).unwrap_or_default().contains(what), "{said}: {:?}", hint(&said));
        }
        assert_eq!((reason(""), hint("odd"), is_final("odd")), ("", None, false));
        assert!(is_final("error: upload-pack: not our ref 12"));
    }
}
