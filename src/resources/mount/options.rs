//! Comparing declared mount options with those that the kernel shows (mount(8)). Pure.

/// Options of fstab and of mount(8) alone: the kernel never sees them.
const OF_FSTAB: [&str; 13] = [
    "defaults", "auto", "noauto", "nofail", "user", "users", "nouser", "owner", "group", "_netdev", "bind",
    "rbind", "loop",
];
/// Options that say what holds anyway, and what the kernel shows where it does not.
const POSITIVE: [(&str, &str); 7] = [
    ("exec", "noexec"),
    ("suid", "nosuid"),
    ("dev", "nodev"),
    ("async", "sync"),
    ("diratime", "nodiratime"),
    ("atime", "noatime"),
    ("symfollow", "nosymfollow"),
];
/// Options of every file system, always shown where they hold.
const SHOWN: [&str; 9] =
    ["nosuid", "nodev", "noexec", "sync", "dirsync", "noatime", "nodiratime", "nosymfollow", "lazytime"];

/// Further options of every file system.
const GENERAL: [&str; 18] = [
    "ro",
    "rw",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "nolazytime",
    "silent",
    "loud",
    "private",
    "shared",
    "slave",
    "unbindable",
    "rprivate",
    "rshared",
    "rslave",
    "runbindable",
    "iversion",
];

/// Whether fstab alone knows this option.
pub fn is_of_fstab(option: &str) -> bool {
    let name = name(option);
    OF_FSTAB.contains(&name) || name.starts_with("x-") || name.starts_with("X-") || name == "comment"
}

/// Whether mount(8) or the kernel knows this option for every file system.
pub fn is_general(option: &str) -> bool {
    let either = |(one, other): &(&str, &str)| *one == option || *other == option;
    is_of_fstab(option) || GENERAL.contains(&option) || SHOWN.contains(&option) || POSITIVE.iter().any(either)
}

/// What differs of the options that show; each as it is shown, or as what is missing, and as it is wanted.
pub fn differing(wanted: &[Box<str>], shown: &[Box<str>]) -> Vec<(Box<str>, Box<str>)> {
    let has = |option: &str| shown.iter().any(|it| **it == *option);
    let mut found = Vec::new();
    for option in wanted.iter().filter(|option| !is_of_fstab(option)) {
        let is: Option<Box<str>> = match &**option {
            "rw" if has("ro") => Some("ro".into()),
            "ro" if !has("ro") => Some("rw".into()),
            "relatime" if has("noatime") => Some("noatime".into()),
            "strictatime" if has("noatime") => Some("noatime".into()),
            "strictatime" if has("relatime") => Some("relatime".into()),
            plain if SHOWN.contains(&plain) && !has(plain) => Some(format!("no {plain}").into()),
            plain => match POSITIVE.iter().find(|(positive, _)| *positive == plain) {
                Some((_, negative)) if has(negative) => Some((*negative).into()),
                _ => other_value(plain, shown),
            },
        };
        found.extend(is.map(|is| (is, option.clone())));
    }
    found
}

/// What is shown under the same key with another value. What is not shown at all, the kernel may keep to itself.
fn other_value(wanted: &str, shown: &[Box<str>]) -> Option<Box<str>> {
    let (key, value) = wanted.split_once('=')?;
    let mut values = shown.iter().filter_map(|it| it.split_once('='));
    let (_, is) = values.find(|(shown, _)| *shown == key)?;
    (!is_same(key, value, is)).then(|| format!("{key}={is}").into())
}

fn is_same(key: &str, wanted: &str, shown: &str) -> bool {
    if wanted == shown {
        return true;
    }
    if matches!(key, "mode" | "umask" | "fmask" | "dmask") {
        let octal = |text: &str| u32::from_str_radix(text, 8).ok();
        return octal(wanted).is_some() && octal(wanted) == octal(shown);
    }
    match key {
        // The server says which minor version it speaks.
        "vers" | "nfsvers" => {
            let rest = shown.strip_prefix(wanted);
            return wanted == "default" || rest.is_some_and(|rest| rest.starts_with('.'));
        }
        // What is asked for is the most.
        "rsize" | "wsize" => {
            return amount(wanted).zip(amount(shown)).is_none_or(|(wanted, shown)| shown <= wanted);
        }
        _ => {}
    }
    match (amount(wanted), amount(shown)) {
        // The kernel counts in whole pages, of 64 KiB at the most.
        (Some(wanted), Some(shown)) => wanted == shown || key == "size" && wanted.abs_diff(shown) < 65_536,
        // A name in place of a number, or a part of the memory: not to be compared.
        _ => wanted.contains('%') || matches!(key, "uid" | "gid"),
    }
}

/// A number with a suffix, such as `1m`.
fn amount(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

/// The name of an option.
pub fn name(option: &str) -> &str {
    option.split('=').next().unwrap_or(option)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differ(wanted: &str, shown: &str) -> Vec<String> {
        let split = |text: &str| -> Vec<Box<str>> { text.split(',').map(Box::from).collect() };
        differing(&split(wanted), &split(shown)).iter().map(|(is, wanted)| format!("{is}>{wanted}")).collect()
    }

    #[test]
    fn only_what_shows_is_compared_and_numbers_by_value() {
        for (wanted, shown) in [
            ("defaults,nofail,x-systemd.automount,_netdev,noauto,comment=x", "rw,relatime"),
            ("size=1m", "rw,size=1024k"),
            ("size=1000000", "rw,size=980k"),
            ("size=50%", "rw,size=1024k"),
            ("mode=0755", "rw,mode=755"),
            ("uid=anna", "rw,uid=1000"),
            ("exec,suid,dev,async", "rw,relatime"),
            ("mode=1777,acl,subvol=x", "rw"),
            ("noatime,nosuid", "rw,nosuid,noatime"),
            ("ro", "ro,rw"),
            ("atime", "rw,relatime"),
            ("vers=4", "rw,vers=4.2"),
            ("vers=3", "rw,vers=3.1.1"),
            ("nfsvers=4.1,vers=default", "rw,nfsvers=4.1,vers=3.1.1"),
            ("rsize=1048576,wsize=1m", "rw,rsize=262144,wsize=1048576"),
        ] {
            assert_eq!(differ(wanted, shown), Vec::<String>::new(), "{wanted} {shown}");
        }
        for (wanted, shown, said) in [
            ("ro", "rw,relatime", "rw>ro"),
            ("rw", "ro,relatime", "ro>rw"),
            ("size=2m", "rw,size=1024k", "size=1024k>size=2m"),
            ("mode=0700", "rw,mode=755", "mode=755>mode=0700"),
            ("nosuid", "rw", "no nosuid>nosuid"),
            ("exec", "rw,noexec", "noexec>exec"),
            ("atime", "rw,noatime", "noatime>atime"),
            ("uid=5", "rw,uid=1000", "uid=1000>uid=5"),
            ("vers=4", "rw,vers=3", "vers=3>vers=4"),
            ("vers=4.1", "rw,vers=4.2", "vers=4.2>vers=4.1"),
            ("vers=4", "rw,vers=40", "vers=40>vers=4"),
            ("rsize=32768", "rw,rsize=65536", "rsize=65536>rsize=32768"),
            ("errors=panic", "rw,errors=remount-ro", "errors=remount-ro>errors=panic"),
        ] {
            assert_eq!(differ(wanted, shown), [said], "{wanted} {shown}");
        }
    }
}
