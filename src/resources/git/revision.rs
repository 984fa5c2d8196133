//! Which commit is meant.

/// What was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// What the repository itself offers first.
    Default,
    /// A commit, by its whole hash.
    Commit(Box<str>),
    /// A branch or a tag.
    Named(Box<str>),
}

impl Revision {
    /// From its text; `None`: git allows no such name.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Default);
        }
        if is_hash(text) {
            return Some(Self::Commit(text.to_lowercase().into()));
        }
        // The rules of git-check-ref-format that a typing error may break.
        let bad = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        let wrong = text.contains(bad)
            || text.contains("..")
            || text.contains("@{")
            || text.contains("//")
            || text.starts_with(['-', '/'])
            || text.ends_with(['/', '.'])
            || text.ends_with(".lock");
        (!wrong).then(|| Self::Named(text.into()))
    }

    /// The references of which a repository is asked, best first.
    pub fn references(&self) -> Vec<String> {
        match self {
            Self::Default => vec!["HEAD".to_owned()],
            Self::Commit(_) => Vec::new(),
            Self::Named(name) if name.starts_with("refs/") => vec![format!("{name}^{{}}"), name.to_string()],
            Self::Named(name) => vec![
                format!("refs/heads/{name}"),
                // A tag with a message is an object of its own; the commit is behind it.
                format!("refs/tags/{name}^{{}}"),
                format!("refs/tags/{name}"),
            ],
        }
    }

    /// The commit, from what `git ls-remote` lists; `None`: there is none.
    pub fn find(&self, listed: &str) -> Option<Box<str>> {
        let lines = || listed.lines().filter_map(|line| line.split_once('\t'));
        let find = |wanted: &String| lines().find(|(_, name)| name == wanted);
        let (hash, _) = self.references().iter().find_map(find)?;
        is_hash(hash).then(|| hash.into())
    }
}

/// Whether this is the whole hash of a commit: SHA-1 or SHA-256.
pub fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether this may be the beginning of a hash, as git shows it.
pub fn is_short_hash(text: &str) -> bool {
    (4..40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn a_revision_is_nothing_a_hash_or_a_name() {
        assert_eq!(Revision::parse(""), Some(Revision::Default));
        assert_eq!(Revision::parse(&A.to_uppercase()), Some(Revision::Commit(A.into())));
        assert_eq!(Revision::parse("release/1.0"), Some(Revision::Named("release/1.0".into())));
        for wrong in ["-x", "a b", "a..b", "a^", "HEAD~1", "/a", "a/", "a.lock", "a:b", "a@{1}"] {
            assert_eq!(Revision::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_branch_goes_before_a_tag_and_a_tag_stands_for_its_commit() {
        let listed =
            format!("{A}\trefs/tags/v1\n{B}\trefs/tags/v1^{{}}\n{A}\trefs/heads/v2\n{B}\trefs/tags/v2\n");
        let find = |name| Revision::parse(name).unwrap().find(&listed);
        assert_eq!(find("v1").as_deref(), Some(B));
        assert_eq!(find("v2").as_deref(), Some(A));
        assert_eq!(find("refs/tags/v2").as_deref(), Some(B));
        assert_eq!(find("v"), None);
        assert_eq!(Revision::Default.find(&format!("{A}\tHEAD\n")).as_deref(), Some(A));
    }
}
