//! Declarations that make no sense.

use super::{Shop, text};
use crate::engine::Value;
use crate::resources::testing::{refused, texts};

#[test]
fn each_mistake_is_refused_at_its_parameter_with_a_hint() {
    let shop = Shop::new();
    let yes = Value::Bool(true);
    let absent = ("state", text("uninstalled"));
    for (name, params, at, message, hint) in [
        ("tiny", vec![("state", text("instaled"))], Some("state"), "is no state", "`installed`"),
        ("tiny", vec![("state", text("latest"))], Some("state"), "is no state", "`newest`"),
        ("tiny", vec![("version", text("1.0 beta"))], Some("version"), "is no version", "`1.2*`"),
        ("tiny", vec![("version", text("*"))], Some("version"), "is no version", "`1.2*`"),
        ("tiny", vec![("version", text("1*2"))], Some("version"), "is no version", "`1.2*`"),
        (
            "tiny",
            vec![("state", text("1.0")), ("version", text("2.0"))],
            Some("version"),
            "another version",
            "one of",
        ),
        ("tiny", vec![absent.clone(), ("version", text("2.0"))], Some("version"), "absent", "leave it out"),
        ("tiny", vec![absent.clone(), ("hold", yes.clone())], Some("hold"), "absent", "leave it out"),
        ("tiny", vec![absent.clone(), ("source", text("/a.deb"))], Some("source"), "absent", "leave it out"),
        ("tiny", vec![("purge", yes.clone())], Some("purge"), "purged", "uninstalled"),
        ("tiny", vec![("source", text("a.deb"))], Some("source"), "absolute", "slash"),
        ("tiny", vec![("source", text("/a.deb")), ("version", text("1"))], Some("version"), "file", "leave"),
        (
            "tiny",
            vec![("confold", yes.clone()), ("confnew", yes.clone())],
            Some("confnew"),
            "contradicts",
            "one of",
        ),
        ("tiny", vec![("backend", text("packagkit"))], Some("backend"), "no package tool", "`packagekit`"),
        ("tiny", vec![("backend", text("portage"))], Some("backend"), "no package tool", "apt, dnf"),
        ("tiny", vec![("options", texts(["other"]))], Some("options"), "dash", "resources"),
        ("tiny:i386", vec![("arch", text("amd64"))], Some("arch"), "another", "one of"),
        ("tiny", vec![("arch", text("a b"))], Some("arch"), "no architecture", "amd64"),
        ("tiny-", vec![], None, "no name of a package", "version"),
        ("-tiny", vec![], None, "no name of a package", "version"),
        ("tiny=1.0", vec![], None, "no name of a package", "`version`"),
        ("/a/tiny.deb", vec![], None, "no name of a package", "`source`"),
    ] {
        let errors = refused(&shop.kind, name, &params);
        assert_eq!(errors.len(), 1, "{name} {params:?}: {errors:?}");
        assert_eq!(errors[0].param, at, "{name} {params:?}");
        assert!(errors[0].message.contains(message), "{name} {params:?}: {errors:?}");
        assert!(errors[0].hint.as_ref().unwrap().contains(hint), "{name} {params:?}: {errors:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_and_odd_names_are_fine() {
    let shop = Shop::new();
    let params = [("state", text("nonsense!")), ("purge", Value::Bool(true)), ("backend", text("x"))];
    assert_eq!(refused(&shop.kind, "a b", &params).len(), 4);
    for name in ["g++", "libc6:i386", "python3.11", "NetworkManager", "java-17-openjdk_x", "0ad"] {
        shop.pkg(name, &[("state", text("1:2.0-3~bpo+1"))]);
    }
}
