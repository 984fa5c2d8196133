//! Who stands in the way: processes, as people are told of them.

use std::path::Path;

/// How many processes are named.
const NAMED: usize = 5;

/// The processes that are meant, as `PID (name)`; the first few. `is_meant` sees the folder of each in /proc.
pub fn alive(is_meant: impl Fn(&Path) -> bool) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let folder = |pid: u32| Path::new("/proc").join(pid.to_string());
    let name = |pid: u32| {
        let comm = std::fs::read_to_string(folder(pid).join("comm"));
        format!("{pid} ({})", comm.as_deref().unwrap_or("?").trim())
    };
    pids.into_iter().filter(|pid| is_meant(&folder(*pid))).take(NAMED).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_named() {
        let own = format!("{} (", std::process::id());
        let named = alive(|folder| folder.ends_with(std::process::id().to_string()));
        assert!(named.len() == 1 && named[0].starts_with(&own) && named[0].ends_with(')'), "{named:?}");
        assert!(alive(|_| true).len() <= NAMED);
        assert!(alive(|_| false).is_empty());
    }
}
