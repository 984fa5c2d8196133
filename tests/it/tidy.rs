//! The habits of the house, where a machine can check them.

use std::fs;
use std::path::{Path, PathBuf};

/// Which folders of `src/` may not be imported from which.
const ARROWS: &[(&str, &[&str])] = &[
    ("engine", &["lang", "resources", "agent", "cli", "cluster"]),
    ("lang", &["resources", "agent", "cli", "cluster"]),
    ("resources", &["lang", "agent", "cli", "cluster"]),
    ("cluster", &["lang", "resources", "agent", "cli"]),
    ("agent", &["cli"]),
];

/// Words that name nothing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

fn sources(under: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(under)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The part of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

#[test]
fn imports_follow_the_arrows() {
    let mut wrong = Vec::new();
    for (folder, forbidden) in ARROWS {
        for path in sources(&format!("src/{folder}")) {
            for (number, line) in text(&path).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for target in *forbidden {
                    if code.contains(&format!("crate::{target}::"))
                        || code.contains(&format!("crate::{target};"))
                    {
                        wrong.push(format!("{}:{}: {folder} imports {target}", path.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_pure_reads_no_clock_and_does_no_io() {
    let pure = [
        "src/engine/graph",
        "src/engine/sched",
        "src/lang/yaml",
        "src/lang/diag",
        "src/lang/collect",
        "src/cluster/identity",
        "src/cluster/mesh/steward",
        "src/cluster/raft",
        "src/cluster/store",
    ];
    let rim = ["src/lang/yaml/frontend.rs", "src/lang/collect/inflow.rs", "src/cluster/identity/folder.rs"];
    let impure = [
        "std::fs",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ToSocketAddrs",
        "Instant::now",
        "SystemTime::now",
        "tokio::",
        "std::thread",
    ];
    let mut wrong = Vec::new();
    for path in pure.iter().flat_map(|folder| sources(folder)) {
        if rim.iter().any(|rim| path == Path::new(rim)) || path.to_string_lossy().contains("/tests") {
            continue;
        }
        let text = text(&path);
        wrong.extend(
            impure
                .iter()
                .filter(|word| without_tests(&text).contains(**word))
                .map(|word| format!("{}: {word}", path.display())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_too_long_to_live_in() {
    let too_long: Vec<String> = sources("src")
        .iter()
        .map(|path| (path, without_tests(&text(path)).lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(too_long.is_empty(), "{}", too_long.join("\n"));
}

#[test]
fn every_name_says_what_is_inside() {
    let empty: Vec<String> = ["src", "tests", "benches"]
        .iter()
        .filter(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).is_dir())
        .flat_map(|folder| sources(folder))
        .filter(|path| {
            path.iter().any(|part| {
                let stem = Path::new(part).file_stem().unwrap_or_default().to_string_lossy().into_owned();
                EMPTY_NAMES.contains(&stem.as_str())
            })
        })
        .map(|path| path.display().to_string())
        .collect();
    assert!(empty.is_empty(), "{}", empty.join("\n"));
}

#[test]
fn every_direct_dependency_says_why() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let mut in_dependencies = false;
    // What is only built or tested with is nobody's burden on a host.
    let mut ships = false;
    let mut said = false;
    let mut silent = Vec::new();
    let mut count = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies");
            ships = line == "[dependencies]";
            said = false;
        } else if line.starts_with('#') {
            said = true;
        } else if line.is_empty() {
            said = false;
        } else if in_dependencies && line.contains('=') && !line.starts_with(' ') {
            count += usize::from(ships);
            // A reason may stand above several that belong together.
            if !said {
                silent.push(line.to_owned());
            }
        }
    }
    assert!(silent.is_empty(), "no reason is given for\n{}", silent.join("\n"));
    // Four of them are for who is who: signatures, reading certificates, wiping keys, encrypting secrets.
    assert!(count <= 64, "{count} direct dependencies are more than a person can keep an eye on");
}
