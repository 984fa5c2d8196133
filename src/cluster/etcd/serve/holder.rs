//! Who listens at a port of this machine, for people.

use std::fs;

/// The state of a socket that listens, in the kernel's table.
const LISTENS: &str = "0A";

/// The process that listens at a port, as far as this one may see it.
pub(super) fn of_port(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(|line| listening(line, port)).collect::<Vec<_>>())
        .collect();
    let processes =
        fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut processes = processes.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let process = processes.find(|process| has_one(process, &sockets))?;
    let command = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    Some(format!("process {process} ({})", command.trim()))
}

/// The socket of a line of the table, as a link in `/proc` names it, if it listens at the port.
fn listening(line: &str, port: u16) -> Option<String> {
    let mut columns = line.split_whitespace().skip(1);
    let (_, at) = columns.next()?.rsplit_once(':')?;
    let state = columns.nth(1)?;
    let inode = columns.nth(5)?;
    let is_it = u16::from_str_radix(at, 16).ok()? == port && state == LISTENS;
    is_it.then(|| format!("socket:[{inode}]"))
}

fn has_one(process: &str, sockets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    files.filter_map(|file| fs::read_link(file.ok()?.path()).ok()).any(|to| {
        let to = to.to_str().unwrap_or_default();
        sockets.iter().any(|socket| socket == to)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_listens_is_found_by_the_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = of_port(port).unwrap();
        assert!(told.starts_with(&format!("process {} (", std::process::id())), "{told}");
        drop(listener);
        assert_eq!(of_port(port), None);
    }
}
