//! Authorized keys in the homes of real users.

use super::machine::Machine;

/// An ed25519 key, by its first bytes.
const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIBMSExITEhMSExITEhMSExITEhMSExITEhMSExITEhMS";
const FILE: &str = "/home/anna/.ssh/authorized_keys";

fn graph() -> String {
    format!(
        "graph: keys\nresources:\n  user:\n  - {{name: anna, uid: 4001, create_home: true, homedir: /home/anna}}\n  \
         ssh:authorized_key:\n  - {{name: k, user: anna, type: ssh-ed25519, key: {KEY}, comment: c}}\n"
    )
}

fn is_right(host: &Machine) -> bool {
    let looks = "stat -c '%U %a' /home/anna/.ssh /home/anna/.ssh/authorized_keys";
    host.try_sh(looks).stdout == b"anna 700\nanna 600\n"
        && host.read(FILE).contains(&format!("ssh-ed25519 {KEY} c\n"))
}

#[test]
fn a_key_of_a_new_user_is_kept_whatever_is_done_to_the_file() {
    let Some(host) = Machine::bare() else { return };
    let agent = host.agent(&graph());
    assert!(is_right(&host));
    for by_hand in [
        ": >/home/anna/.ssh/authorized_keys",
        // At once: what is removed file by file may be back before the last one goes.
        "mv /home/anna/.ssh /home/anna/gone",
        "chmod 720 /home/anna/.ssh",
        "chmod 622 /home/anna/.ssh/authorized_keys",
        "chown -R daemon /home/anna/.ssh",
        "sed -i 's/^/no-pty /;s/ c$/ x/' /home/anna/.ssh/authorized_keys && chmod 602 /home/anna/.ssh/authorized_keys",
    ] {
        host.sh(by_hand);
        agent.until(by_hand, || is_right(&host));
    }
    host.sh("chmod 775 /home/anna");
    agent.until_sh("test $(stat -c %a /home/anna) = 755");
    host.sh("userdel -r anna");
    agent.until("user and key are back", || is_right(&host));
    host.sh("mkdir /srv/homes && usermod -d /srv/homes/anna -m anna");
    agent.until("the home is back, and the key in it", || host.path(FILE).exists() && is_right(&host));
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn a_link_of_the_users_is_not_followed_and_a_full_disk_leaves_the_old_file() {
    let Some(host) = Machine::bare() else { return };
    host.sh("useradd -u 4001 -m anna; mkdir /srv/root; cp /etc/shadow /srv/root/keys; ln -s /srv/root /home/anna/.ssh");
    let output = host.once(&graph());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("symbolic link"), "{said}");
    assert_eq!(host.sh("ls /srv/root"), "keys");
    // A file system with room for the file that is there, and for no other.
    host.sh(
        "rm /home/anna/.ssh; mkdir -m 700 /home/anna/.ssh; mount -t tmpfs -o size=4k,mode=700,uid=4001 t /home/anna/.ssh; \
         printf '# note' >/home/anna/.ssh/authorized_keys; chmod 600 /home/anna/.ssh/authorized_keys; \
         chown anna /home/anna/.ssh/authorized_keys",
    );
    let output = host.once(&graph());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("No space left"), "{said}");
    assert_eq!(
        (host.read(FILE), host.sh("ls -A /home/anna/.ssh")),
        ("# note".into(), "authorized_keys".into())
    );
    host.sh("mount -o remount,size=1m /home/anna/.ssh");
    assert!(host.once(&graph()).status.success());
    assert!(is_right(&host));
}

/// A user with a key of his own, made by ssh-keygen, and an sshd that asks PAM as it does on Debian.
struct Login {
    host: Machine,
    key: String,
}

impl Login {
    fn new() -> Option<Self> {
        let host = Machine::bare()?;
        host.sh("ssh-keygen -q -t ed25519 -N '' -C 'anna@laptop' -f /root/id");
        let public = host.read("/root/id.pub");
        let key = public.split_whitespace().nth(1).unwrap().to_owned();
        Some(Self { host, key })
    }

    fn graph(&self, more: &str) -> String {
        let Self { key, .. } = self;
        format!(
            "graph: keys\nresources:\n  user:\n  - {{name: anna, uid: 4001, create_home: true, homedir: /home/anna, password: '*'}}\n  \
             ssh:authorized_key:\n  - name: k\n    user: anna\n    type: ssh-ed25519\n    key: {key}\n{more}"
        )
    }

    fn start_sshd(&self) {
        self.host.sh("mkdir -p /run/sshd; ssh-keygen -A >/dev/null; /usr/sbin/sshd -E /tmp/sshd.log");
    }

    /// What the owner of the key sees who logs in and asks who he is; an error that it is refused.
    fn log_in(&self) -> Result<String, String> {
        let output = self.host.try_sh(
            "ssh -i /root/id -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
             -o IdentitiesOnly=yes -o LogLevel=ERROR anna@127.0.0.1 id -un",
        );
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn is_let_in(&self) -> bool {
        self.log_in() == Ok("anna".into())
    }

    fn is_locked_out(&self) -> bool {
        self.log_in().is_err_and(|said| said.contains("Permission denied"))
    }
}

#[test]
fn the_owner_of_a_key_is_let_in_by_a_real_sshd_as_its_options_say_and_no_longer_once_it_is_removed() {
    let Some(login) = Login::new() else { return };
    login.start_sshd();
    assert!(login.is_locked_out());
    let agent = login.host.agent(&login.graph(""));
    assert_eq!(login.log_in(), Ok("anna".into()));
    for by_hand in [
        "mv /home/anna/.ssh /root/away",
        "chmod 777 /home/anna",
        "chmod 777 /home/anna/.ssh",
        "chmod 666 /home/anna/.ssh/authorized_keys",
        "chown -R daemon /home/anna/.ssh",
        ": >/home/anna/.ssh/authorized_keys",
    ] {
        login.host.sh(by_hand);
        agent.until(by_hand, || login.is_let_in());
    }
    agent.save(
        &login.graph("    options: ['command=\"echo forced: $SSH_ORIGINAL_COMMAND, again\"', restrict]\n"),
    );
    agent.until("the command is forced", || login.log_in() == Ok("forced: id -un, again".into()));
    agent.save(&login.graph("    options: ['from=\"192.0.2.0/24,198.51.100.7\"']\n"));
    agent.until("another address is asked for", || login.is_locked_out());
    agent.save(&login.graph("    options: ['from=\"127.0.0.0/8\"', 'expiry-time=\"20300101\"']\n"));
    agent.until("the address fits", || login.is_let_in());
    agent.save(&login.graph("    state: absent\n"));
    agent.until("it is locked out", || login.is_locked_out());
    // And it comes back no other way.
    login.host.sh("cat /root/id.pub >>/home/anna/.ssh/authorized_keys");
    agent.until("it is locked out for good", || login.is_locked_out());
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn a_key_is_where_sshd_looks_for_it_before_its_first_start_and_when_that_changes() {
    let Some(login) = Login::new() else { return };
    let host = &login.host;
    host.write("/etc/ssh/sshd_config.d/keys.conf", "AuthorizedKeysFile /etc/ssh/keys/%u\n");
    // It does not answer: it has neither host keys nor a folder to lock itself into.
    host.sh("rm -rf /run/sshd /etc/ssh/ssh_host_*; mkdir -m 755 /etc/ssh/keys; ! sshd -T 2>/dev/null");
    let agent = host.agent(&login.graph(""));
    login.start_sshd();
    assert_eq!(login.log_in(), Ok("anna".into()));
    assert!(!host.path(FILE).exists());
    let told = host.sh("sshd -T -C user=anna,host=localhost,addr=127.0.0.1 | grep authorizedkeysfile");
    assert_eq!(told, "authorizedkeysfile /etc/ssh/keys/%u");
    // In place, as `sed` without -i or an editor may do; and for this user alone.
    host.sh("printf 'Match user anna\\nAuthorizedKeysFile .ssh/mine\\n' >/etc/ssh/sshd_config.d/keys.conf");
    agent.until_sh("test -e /home/anna/.ssh/mine");
    host.sh("rm /etc/ssh/keys/anna; pkill -HUP -x -o sshd");
    agent.until("he is let in", || login.is_let_in());
    host.sh("chmod 666 /home/anna/.ssh/mine");
    agent.until("it is put right there", || login.is_let_in());
}
