//! A row for every rule and identity, and ranges that straddle.

use bytes::Bytes;

use super::*;

/// A key, a range by its prefix (`…*`), or a range from `a` up to `b` (`a .. b`).
fn range(text: &str) -> KeyRange {
    if let Some((start, end)) = text.split_once(" .. ") {
        return KeyRange::of(
            Bytes::copy_from_slice(start.as_bytes()),
            Bytes::copy_from_slice(end.as_bytes()),
        );
    }
    match text.strip_suffix('…') {
        Some(prefix) => keys::under(prefix),
        None => KeyRange::One(Bytes::copy_from_slice(text.as_bytes())),
    }
}

fn host() -> Principal {
    Principal::Host("web-1".parse().unwrap())
}

fn administrator() -> Principal {
    Principal::Administrator("ann".parse().unwrap())
}

fn grants() -> Vec<KvGrant> {
    let grant = |prefix: &str, hosts: &str| KvGrant { prefix: prefix.into(), hosts: hosts.parse().unwrap() };
    vec![grant("web/", "web-*"), grant("db/", "db-*"), grant("one", "web-1")]
}

fn may_do(who: &Principal, access: Access, text: &str) -> bool {
    may(who, access, &range(text), &grants()).is_ok()
}

/// What a host `web-1` may: read, write, remove.
const HOST: &[(&str, &str)] = &[
    // Exports: read what is for it or for all, write what is from it.
    ("/_mgmt/export/web-1/file/db-1//etc/motd", "r  "),
    ("/_mgmt/export/*/file/db-1//etc/motd", "r  "),
    ("/_mgmt/export/db-1/file/db-1/x", "   "),
    ("/_mgmt/export/web-1/file/…", "r  "),
    ("/_mgmt/export/*/…", "r  "),
    ("/_mgmt/export/*/fi…", "r  "),
    ("/_mgmt/export/*…", "   "),
    ("/_mgmt/export/web-1…", "   "),
    ("/_mgmt/export/web-10/file/db-1/x", "   "),
    ("/_mgmt/export/web-10/…", "   "),
    ("/_mgmt/export/…", "   "),
    ("/_mgmt/export/*/file/web-1//etc/motd", "rwd"),
    ("/_mgmt/export/db-1/file/web-1/x", "rwd"),
    ("/_mgmt/export/web-1/file/web-1/x", "rwd"),
    ("/_mgmt/export/*/file/web-1/…", "rwd"),
    ("/_mgmt/export/db-1/file/web-1/a…", "rwd"),
    ("/_mgmt/export/*/file/web-1…", "r  "),
    ("/_mgmt/export/*/file/web-10/x", "r  "),
    ("/_mgmt/export/*/file/web-1", "r  "),
    ("/_mgmt/export/*/file/…", "r  "),
    ("/_mgmt/export/*/file/db-1/web-1/x", "r  "),
    ("/_mgmt/export/*//web-1/x", "r  "),
    ("/_mgmt/export//file/web-1/x", "   "),
    ("/_mgmt/export/-x/file/web-1/x", "   "),
    // Hosts: read all, write its own.
    ("/_mgmt/host/web-1/card", "rwd"),
    ("/_mgmt/host/web-1/…", "rwd"),
    ("/_mgmt/host/web-1", "r  "),
    ("/_mgmt/host/web-1…", "r  "),
    ("/_mgmt/host/web-10/card", "r  "),
    ("/_mgmt/host/db-1/card", "r  "),
    ("/_mgmt/host/…", "r  "),
    ("/_mgmt/hos…", "   "),
    // Texts of hosts: read all, write its own, one at a time (`web-1` is a beginning of others' names too).
    ("/_mgmt/strings/host/k/web-1", "rwd"),
    ("/_mgmt/strings/host/a%2Fb/web-1", "rwd"),
    ("/_mgmt/strings/host/k/web-1…", "r  "),
    ("/_mgmt/strings/host/k/web-10", "r  "),
    ("/_mgmt/strings/host/k/db-1", "r  "),
    ("/_mgmt/strings/host/k/…", "r  "),
    ("/_mgmt/strings/host/k/db-1/web-1", "r  "),
    ("/_mgmt/strings/host/web-1", "r  "),
    ("/_mgmt/strings/host/…", "r  "),
    ("/_mgmt/strings/…", "   "),
    // Texts for all: read, write where it is granted.
    ("/_mgmt/strings/shared/x", "r  "),
    ("/_mgmt/strings/shared/…", "r  "),
    ("/_mgmt/strings/shared/web/x", "rwd"),
    ("/_mgmt/strings/shared/web/…", "rwd"),
    ("/_mgmt/strings/shared/web…", "r  "),
    ("/_mgmt/strings/shared/web", "r  "),
    ("/_mgmt/strings/shared/db/x", "r  "),
    ("/_mgmt/strings/shared/one", "rwd"),
    ("/_mgmt/strings/shared/once", "r  "),
    // Schedules: read all, its own candidacy.
    ("/_mgmt/schedule/ns/candidate/web-1", "rwd"),
    ("/_mgmt/schedule/ns/candidate/web-1…", "r  "),
    ("/_mgmt/schedule/ns/candidate/db-1", "r  "),
    ("/_mgmt/schedule/ns/candidate/…", "r  "),
    ("/_mgmt/schedule/ns/choice", "r  "),
    ("/_mgmt/schedule/candidate/web-1", "r  "),
    ("/_mgmt/schedule/a/b/candidate/web-1", "r  "),
    ("/_mgmt/schedule/…", "r  "),
    // What administrators sign: read.
    ("/_mgmt/deploy/00000000000000000001", "r  "),
    ("/_mgmt/deploy/…", "r  "),
    ("/_mgmt/blob/aa", "r  "),
    ("/_mgmt/blob/…", "r  "),
    ("/_mgmt/policy", "r  "),
    ("/_mgmt/policy…", "   "),
    ("/_mgmt/policy/kv/x", "r  "),
    ("/_mgmt/policy/…", "r  "),
    ("/_mgmt/policyx", "   "),
    // What the store tells its hosts: read.
    ("/_mgmt/rollout", "r  "),
    ("/_mgmt/rollout…", "   "),
    ("/_mgmt/steward/members", "r  "),
    ("/_mgmt/store/1f", "r  "),
    ("/_mgmt/store/…", "r  "),
    // Who is who: what all must know.
    ("/_mgmt/pki/administrators", "r  "),
    ("/_mgmt/pki/denied", "r  "),
    ("/_mgmt/pki/roots", "r  "),
    ("/_mgmt/pki/host/web-1", "r  "),
    ("/_mgmt/pki/host/…", "r  "),
    ("/_mgmt/pki/invite/1f", "   "),
    ("/_mgmt/pki/used/1f", "   "),
    ("/_mgmt/pki/…", "   "),
    // Secrets: what is for it.
    ("/_mgmt/secret/tls/web-1", "r  "),
    ("/_mgmt/secret/tls/web-1…", "   "),
    ("/_mgmt/secret/tls/db-1", "   "),
    ("/_mgmt/secret/tls/…", "   "),
    ("/_mgmt/secret/web-1", "   "),
    ("/_mgmt/secret/a/b/web-1", "   "),
    // What was done: appended about itself.
    ("/_mgmt/audit/web-1/1", " w "),
    ("/_mgmt/audit/web-1/", "   "),
    ("/_mgmt/audit/web-1/…", "   "),
    ("/_mgmt/audit/web-1", "   "),
    ("/_mgmt/audit/db-1/1", "   "),
    ("/_mgmt/audit/…", "   "),
    // Nothing else.
    ("/_mgmt/steward/exchange", "   "),
    ("/_mgmt/steward/…", "   "),
    ("/_mgmt/upload/web-1/0", "   "),
    ("/_mgmt/invite/x", "   "),
    ("/_mgmt/…", "   "),
    ("/_mgmt/", "   "),
    ("/registry/pods", "   "),
    ("", "   "),
    ("a", "   "),
];

fn rights(who: &Principal, text: &str) -> String {
    let right = |access, letter| if may_do(who, access, text) { letter } else { ' ' };
    [right(Access::Read, 'r'), right(Access::Write, 'w'), right(Access::Remove, 'd')].iter().collect()
}

#[test]
fn a_host_may_do_what_the_table_says() {
    for (text, expected) in HOST {
        assert_eq!(rights(&host(), text), *expected, "{text}");
    }
}

#[test]
fn an_administrator_may_do_all_but_change_what_was_done() {
    for (text, _) in HOST {
        let touches = text.starts_with("/_mgmt/audit/") || ["/_mgmt/…"].contains(text);
        assert_eq!(rights(&administrator(), text), if touches { "r  " } else { "rwd" }, "{text}");
    }
    for (text, expected) in [
        ("/_mgmt/audit/admin:ann/1", "rw "),
        ("/_mgmt/audit/admin:ann/", "r  "),
        ("/_mgmt/audit/admin:ann/…", "r  "),
        ("/_mgmt/audit/admin:bob/1", "r  "),
        ("/_mgmt/audit/ann/1", "r  "),
        ("/_mgmt/audit .. /_mgmt/audit/", "rwd"),
        ("/_mgmt/audit .. /_mgmt/audit/\0", "r  "),
        ("/_mgmt/audit0 .. \0", "rwd"),
        ("/_mgmt/audit/zzz .. \0", "r  "),
        ("/_mgmt/a .. /_mgmt/b", "r  "),
        ("/_mgmt/audit/z .. /_mgmt/audit/a", "r  "),
        ("\0 .. \0", "r  "),
    ] {
        assert_eq!(rights(&administrator(), text), expected, "{text}");
    }
}

#[test]
fn nobody_may_do_nothing() {
    for (text, _) in HOST {
        assert_eq!(rights(&Principal::Nobody, text), "   ", "{text}");
    }
}

#[test]
fn a_range_is_allowed_only_where_all_of_it_is() {
    for (text, expected) in [
        // As a page of what is under a prefix goes on.
        ("/_mgmt/host/web-1/card\0 .. /_mgmt/host/web-10", "rwd"),
        ("/_mgmt/host/web-1/a .. /_mgmt/host/web-1/b", "rwd"),
        ("/_mgmt/host/db-1/x .. /_mgmt/host0", "r  "),
        // From its own into the next.
        ("/_mgmt/host/web-1/ .. /_mgmt/host/web-2/", "r  "),
        ("/_mgmt/host/web-1/z .. /_mgmt/host/web-10\0", "r  "),
        ("/_mgmt/host/web-1/ .. /_mgmt/host/web-11", "r  "),
        ("/_mgmt/host/web-0/ .. /_mgmt/host/web-1/", "r  "),
        ("/_mgmt/host/ .. /_mgmt/i", "   "),
        ("/_mgmt/deploy/ .. /_mgmt/host0", "   "),
        ("/_mgmt/export/*/ .. /_mgmt/export/web-2", "   "),
        ("/_mgmt/export/*/file/ .. /_mgmt/export/*0", "r  "),
        ("/_mgmt/export/*/file/web-1/x .. /_mgmt/export/*/file/web-10", "rwd"),
        ("/_mgmt/export/*/file/web-1/x .. /_mgmt/export/*/file/web-10/", "r  "),
        // Exactly one key.
        ("/_mgmt/strings/host/k/web-1 .. /_mgmt/strings/host/k/web-1\0", "rwd"),
        ("/_mgmt/strings/host/k/web-1 .. /_mgmt/strings/host/k/web-1\0\0", "r  "),
        ("/_mgmt/secret/tls/web-1 .. /_mgmt/secret/tls/web-1\0", "r  "),
        // Without an end.
        ("/_mgmt/host/web-1/ .. \0", "   "),
        ("\0 .. \0", "   "),
        // Nothing is in it, and it starts where it may and where it may not.
        ("/_mgmt/host/web-1/z .. /_mgmt/host/web-1/a", "rwd"),
        ("/_mgmt/secret/tls/db-1 .. /_mgmt/secret/tls/db-1", "   "),
    ] {
        assert_eq!(rights(&host(), text), expected, "{text}");
    }
}

#[test]
fn a_host_does_not_write_in_an_administrators_name() {
    assert_eq!(rights(&host(), "/_mgmt/audit/admin:ann/1"), "   ");
}

#[test]
fn keys_that_are_no_text_are_nobodys_but_the_administrators() {
    let strange = KeyRange::One(Bytes::from_static(b"/_mgmt/export/\xff/file/web-1/x"));
    assert!(may(&host(), Access::Write, &strange, &[]).is_err());
    assert!(may(&administrator(), Access::Write, &strange, &[]).is_ok());
    let whole = KeyRange::Span(
        Bytes::from_static(b"/_mgmt/host/web-1/\xff"),
        Bytes::from_static(b"/_mgmt/host/web-10"),
    );
    assert!(may(&host(), Access::Write, &whole, &[]).is_ok());
}

#[test]
fn who_is_denied_reads_who_and_what() {
    let denied = may(&host(), Access::Write, &range("/_mgmt/policy"), &[]).unwrap_err();
    assert_eq!(denied.to_string(), "host web-1 may not write \"/_mgmt/policy\"");
    let denied = may(&Principal::Nobody, Access::Read, &range("a .. \0"), &[]).unwrap_err();
    assert_eq!(denied.to_string(), "nobody may not read everything from \"a\" on");
}

#[test]
fn every_range_that_is_allowed_holds_only_keys_that_are() {
    // Keys near the borders of rules, all of them in a range that is allowed must be so one by one.
    let keys: Vec<String> = HOST
        .iter()
        .filter(|(text, _)| !text.contains(' '))
        .flat_map(|(text, _)| {
            let key = text.trim_end_matches('…');
            [key.to_owned(), format!("{key}\0"), format!("{key}0"), format!("{key}/"), format!("{key}/x")]
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(23);
    let mut allowed = 0;
    for _ in 0..200_000 {
        let mut pick = || Bytes::from(keys[random.usize(..keys.len())].clone());
        let asked = KeyRange::of(pick(), pick());
        for access in [Access::Read, Access::Write, Access::Remove] {
            if may(&host(), access, &asked, &grants()).is_err() {
                continue;
            }
            allowed += 1;
            for key in keys.iter().filter(|key| asked.contains(key.as_bytes())) {
                let one = KeyRange::One(Bytes::copy_from_slice(key.as_bytes()));
                let all = [access].iter().all(|access| may(&host(), *access, &one, &grants()).is_ok());
                assert!(all, "{access} {asked:?} holds {key}");
            }
        }
    }
    assert!(allowed > 1000, "{allowed} ranges were allowed");
}
