use super::*;
use crate::resources::host::stamp::stamp_of;

#[test]
fn a_mode_alone_is_repaired_in_place_and_its_echo_is_known() {
    let bed = Bed::new();
    bed.converge("f", &[("content", s("x")), ("mode", s("0640"))]);
    bed.chmod("f", 0o777);
    let inode = bed.inode("f");
    let resource = bed.build("f", &[("content", s("x")), ("mode", s("0640"))]);
    let cx = cx();
    let drift = now(resource.check(&cx)).unwrap().drift;
    assert_eq!(drift.iter().next().unwrap().to_string(), "mode: 0777 -> 0640");
    now(resource.apply(&cx, drift)).unwrap();
    assert_eq!((bed.inode("f"), bed.mode("f")), (inode, 0o640));
    let after = rustix::fs::lstat(bed.path("f")).unwrap();
    assert_eq!(cx.take_wrote(), Some(stamp_of(Some(&after))));
}

#[test]
fn all_twelve_mode_bits_are_set_and_compared() {
    let bed = Bed::new();
    for mode in ["4755", "2711", "0400", "0666"] {
        bed.converge("f", &[("content", s("x")), ("mode", s(mode))]);
        assert_eq!(bed.mode("f"), u32::from_str_radix(mode, 8).unwrap());
    }
    bed.converge("d/", &[("mode", s("1777"))]);
    assert_eq!(bed.mode("d"), 0o1777);
    bed.converge("d/", &[("mode", s("2770"))]);
    assert_eq!(bed.mode("d"), 0o2770);
}

#[test]
fn a_file_that_was_made_unreadable_comes_back() {
    let bed = Bed::new();
    let params = [("content", s("x")), ("mode", s("0600"))];
    bed.converge("f", &params);
    bed.chmod("f", 0);
    bed.converge("f", &params);
    assert_eq!((bed.read("f").as_str(), bed.mode("f")), ("x", 0o600));
}

#[test]
fn a_symbolic_mode_starts_from_what_is_there() {
    let bed = Bed::new();
    bed.converge("f", &[("content", s("x")), ("mode", s("u+x"))]);
    assert_eq!(bed.mode("f"), 0o744);
    bed.chmod("f", 0o620);
    bed.converge("f", &[("content", s("y")), ("mode", s("o=r"))]);
    assert_eq!(bed.mode("f"), 0o624);
}

#[test]
fn a_rewrite_keeps_the_undeclared_mode() {
    let bed = Bed::new();
    bed.write("f", "old");
    bed.chmod("f", 0o4751);
    bed.converge("f", &[("content", s("new"))]);
    assert_eq!((bed.read("f").as_str(), bed.mode("f")), ("new", 0o4751));
}

#[test]
fn owner_and_group_are_set_and_kept() {
    if !is_root() {
        return;
    }
    let bed = Bed::new();
    let owner = |name: &str| {
        let meta = fs::symlink_metadata(bed.path(name)).unwrap();
        (meta.uid(), meta.gid())
    };
    bed.converge("f", &[("content", s("x")), ("owner", s("4711")), ("group", s("4712"))]);
    assert_eq!((owner("f"), bed.mode("f")), ((4711, 4712), 0o644));
    bed.converge("f", &[("content", s("y"))]);
    assert_eq!(owner("f"), (4711, 4712), "undeclared, it is kept");
    bed.chmod("f", 0o4755);
    let inode = bed.inode("f");
    let drift = bed.converge("f", &[("content", s("y")), ("owner", s("root"))]);
    assert_eq!(whats(&drift), ["owner"]);
    assert_eq!((owner("f"), bed.mode("f"), bed.inode("f")), ((0, 4712), 0o4755, inode));
    bed.converge("d/", &[("owner", s("4711")), ("mode", s("0750"))]);
    assert_eq!((owner("d").0, bed.mode("d")), (4711, 0o750));
    bed.converge("l", &[("symlink", yes()), ("source", s("nowhere")), ("owner", s("4711"))]);
    assert_eq!(owner("l").0, 4711);
    let error = bed.fails("f", &[("owner", s("no such user"))]);
    assert!(error.to_string().contains("there is no user"), "{error}");
}

#[test]
fn an_owner_or_group_that_there_is_not_is_found_before_anything_is_made_or_replaced() {
    let bed = Bed::new();
    bed.mkdir("dir");
    bed.write("file", "");
    let of = |name: &str, params: Given<'_>| {
        let error = check(&*bed.build(name, params)).unwrap_err().to_string();
        assert_eq!(bed.fails(name, params).to_string(), error, "a run says the same");
        error
    };
    let user = ("owner", s("no such user"));
    for name in ["new", "new/"] {
        let exists = ("state", s("exists"));
        assert_eq!(of(name, &[exists.clone(), user.clone()]), "there is no user \"no such user\"");
        let group = ("group", s("no such group"));
        assert_eq!(of(name, &[exists, group]), "there is no group \"no such group\"");
    }
    let link = [("symlink", yes()), ("source", s("x")), user.clone()];
    let force = ("force", yes());
    for name in ["new", "file"] {
        assert!(of(name, &link).contains("no user"), "{name}");
    }
    assert!(of("dir", &[("content", s("x")), force.clone(), user.clone()]).contains("no user"));
    assert!(of("file/", &[force, user]).contains("no user"));
    assert_eq!(bed.names(""), ["dir", "file"]);
}

#[test]
fn a_new_file_is_private_until_it_has_its_owner() {
    if !is_root() {
        return;
    }
    let bed = Bed::new();
    fs::write(bed.path("f"), "old").unwrap();
    std::os::unix::fs::chown(bed.path("f"), Some(4711), Some(4711)).unwrap();
    bed.chmod("f", 0o600);
    bed.converge("f", &[("content", s("new"))]);
    let meta = fs::metadata(bed.path("f")).unwrap();
    assert_eq!((meta.uid(), meta.mode() & 0o7777), (4711, 0o600));
}

#[test]
fn a_rewrite_keeps_extended_attributes_and_the_access_list() {
    let bed = Bed::new();
    bed.write("f", "old");
    let flags = rustix::fs::XattrFlags::empty();
    let path = bed.path("f");
    if rustix::fs::setxattr(&path, c"user.note", b"kept", flags).is_err() {
        return; // not on this file system
    }
    // Version 2; user::rw-, user:4711:r--, group::r--, mask::r--, other::---.
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, u32::MAX), (2, 4, 4711), (4, 4, u32::MAX), (0x10, 4, u32::MAX), (0x20, 0, u32::MAX)];
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        acl.extend(tag.to_le_bytes());
        acl.extend(permissions.to_le_bytes());
        acl.extend(id.to_le_bytes());
    }
    let has_acl = rustix::fs::setxattr(&path, c"system.posix_acl_access", &acl, flags).is_ok();
    let inode = bed.inode("f");
    bed.converge("f", &[("content", s("new"))]);
    assert_ne!(bed.inode("f"), inode);
    let mut value = [0; 64];
    let length = rustix::fs::getxattr(&path, c"user.note", &mut value).unwrap();
    assert_eq!(&value[..length], b"kept");
    if has_acl {
        let length = rustix::fs::getxattr(&path, c"system.posix_acl_access", &mut value).unwrap();
        assert_eq!(&value[..length], acl);
        assert_eq!(bed.mode("f"), 0o640);
    }
}

#[test]
fn a_default_access_list_does_not_change_a_declared_mode() {
    let bed = Bed::new();
    bed.mkdir("d");
    let entries: [(u16, u16); 3] = [(1, 7), (4, 0), (0x20, 0)];
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions) in entries {
        acl.extend(tag.to_le_bytes());
        acl.extend(permissions.to_le_bytes());
        acl.extend(u32::MAX.to_le_bytes());
    }
    let flags = rustix::fs::XattrFlags::empty();
    if rustix::fs::setxattr(bed.path("d"), c"system.posix_acl_default", &acl, flags).is_err() {
        return;
    }
    bed.converge("d/f", &[("content", s("x")), ("mode", s("0644"))]);
    assert_eq!(bed.mode("d/f"), 0o644);
}
