//! Mounts, with the real tools and the real table.

use super::machine::Machine;

const GRAPH: &str = "\
graph: mounts
resources:
  mount:
  - name: /srv/a b
    device: tmpfs
    type: tmpfs
    options: {size: 1m, noexec: \"\"}
    nofail: true
    mkdir: true
  - name: /srv/bound
    device: /srv/a b/inner
    bind: true
    fs: [ro]
    mkdir: true
  file:
  - name: /srv/a b/inner/
    state: exists
";
const FSTAB: &str = "# by hand\n/dev/none /none ext4 noauto 0 0 # why\n";

fn is_right(host: &Machine) -> bool {
    let table = host.sh("cat /proc/self/mountinfo");
    let line =
        |point: &str| table.lines().rfind(|line| line.split(' ').nth(4) == Some(point)).map(str::to_owned);
    let is_tmpfs = line("/srv/a\\040b").is_some_and(|it| it.contains("noexec") && it.contains("size=1024k"));
    is_tmpfs
        && line("/srv/bound").is_some_and(|it| it.split(' ').nth(5).is_some_and(|it| it.starts_with("ro")))
}

#[test]
fn mounts_come_back_whatever_is_done_by_hand_and_other_lines_of_fstab_stay() {
    let Some(host) = Machine::bare() else { return };
    host.write("/etc/fstab", FSTAB);
    let agent = host.agent(GRAPH);
    assert!(is_right(&host));
    let fstab = host.read("/etc/fstab");
    assert!(fstab.starts_with(FSTAB), "{fstab}");
    assert!(fstab.contains("tmpfs /srv/a\\040b tmpfs nofail,noexec,size=1m 0 0\n"), "{fstab}");
    for by_hand in [
        "umount /srv/bound",
        "umount /srv/bound; umount '/srv/a b'",
        "mount -o remount,size=2m '/srv/a b'",
        "mount -o remount,exec '/srv/a b'",
        "mount -o remount,bind,rw /srv/bound",
        "mount -t tmpfs other /srv/bound",
    ] {
        host.sh(by_hand);
        agent.until(by_hand, || is_right(&host));
    }
    host.sh("sed -i '/srv/d' /etc/fstab");
    // In any order: whichever of the two sees it first, in a repair of something else, writes its line first.
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    agent.until("the lines are back", || lines(&host.read("/etc/fstab")) == lines(&fstab));
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
    let before = host.sh("stat -c %i /etc/fstab; cat /proc/self/mountinfo | wc -l");
    assert!(host.once(GRAPH).status.success());
    assert_eq!(
        host.sh("stat -c %i /etc/fstab; cat /proc/self/mountinfo | wc -l"),
        before,
        "nothing is done twice"
    );
}

#[test]
fn what_is_in_use_is_not_unmounted_and_the_user_of_it_is_named() {
    let Some(host) = Machine::bare() else { return };
    host.write("/etc/fstab", FSTAB);
    let mount = |state: &str| {
        format!(
            "graph: g\nresources:\n  mount:\n  - {{name: /srv/m, state: {state}, device: t, type: tmpfs, mkdir: true}}\n"
        )
    };
    assert!(host.once(&mount("exists")).status.success());
    let mut user = host.command("sh").args(["-c", "cd /srv/m && exec sleep 1000"]).spawn().unwrap();
    host.until_sh("pgrep -x sleep");
    let output = host.once(&mount("absent"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("in use by") && said.contains("(sleep)"), "{said}");
    assert!(host.read("/etc/fstab").contains("/srv/m"), "its line goes last");
    host.sh("pkill -x sleep");
    user.wait().unwrap();
    assert!(host.once(&mount("absent")).status.success());
    assert_eq!(host.read("/etc/fstab"), FSTAB);
    assert!(!host.try_sh("mountpoint /srv/m").status.success());
}

#[test]
fn what_mount_refuses_is_not_written() {
    let Some(host) = Machine::bare() else { return };
    host.write("/etc/fstab", FSTAB);
    let mount = |more: &str| {
        format!(
            "graph: g\nresources:\n  mount:\n  - {{name: /srv/m, device: t, type: tmpfs, mkdir: true{more}}}\n"
        )
    };
    let refused = |more: &str, before: &str| {
        assert!(!host.once(&mount(more)).status.success(), "{more}");
        assert_eq!(host.read("/etc/fstab"), before, "{more}");
    };
    refused(", fs: [no_such_option]", FSTAB);
    refused(", options: {size: much}", FSTAB);
    assert!(host.once(&mount("")).status.success());
    let before = host.read("/etc/fstab");
    assert!(before.ends_with("t /srv/m tmpfs defaults 0 0\n"), "{before}");
    refused(", fs: [no_such_option]", &before);
    let output = host.once(&mount(", mounted: false, fs: [no_such_option]"));
    assert!(output.status.success(), "nobody has asked the system yet: {output:?}");
    assert!(host.read("/etc/fstab").contains("no_such_option"));
}

#[test]
fn an_agent_that_is_killed_while_it_writes_leaves_fstab_whole() {
    let Some(host) = Machine::bare() else { return };
    host.write("/etc/fstab", FSTAB);
    let graph = |round: u32| {
        let mounts = (0..6)
            .map(|at| format!("  - {{name: /srv/{round}x{at}, device: t, type: tmpfs, mkdir: true}}\n"));
        format!("graph: g\nresources:\n  mount:\n{}", mounts.collect::<String>())
    };
    for round in 0..3 {
        let agent = host.agent("graph: empty\nresources:\n  noop:\n  - name: n\n");
        host.write("/root/site.yaml.swp", graph(round).as_bytes());
        host.sh("mv /root/site.yaml.swp /root/site.yaml");
        agent.until("it has begun", || host.read("/etc/fstab").contains(&format!("/srv/{round}x")));
        agent.kill9();
        let fstab = host.read("/etc/fstab");
        assert!(fstab.starts_with(FSTAB) && fstab.ends_with('\n'), "{fstab}");
        assert!(fstab.lines().skip(2).all(|line| line.ends_with("tmpfs defaults 0 0")), "{fstab}");
        let output = host.once(&graph(round));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(host.sh(&format!("grep -c /srv/{round}x /proc/self/mountinfo")), "6");
    }
    assert!(host.sh("ls -A /etc").lines().all(|name| !name.starts_with(".mgmt-")), "leftovers are swept");
}

#[test]
fn a_full_disk_leaves_the_old_fstab() {
    let Some(host) = Machine::bare() else { return };
    host.sh(
        "mkdir /srv/etc; cp -a /etc /srv/copy; mount -t tmpfs -o size=16m t /srv/etc; cp -a /srv/copy/. /srv/etc; \
         mount --bind /srv/etc /etc",
    );
    host.write("/etc/fstab", FSTAB);
    host.sh("dd if=/dev/zero of=/etc/fill bs=4k 2>/dev/null || true");
    let mount = "graph: g\nresources:\n  mount:\n  - {name: /srv/m, device: t, type: tmpfs, mkdir: true}\n";
    let output = host.once(mount);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("No space left"), "{said}");
    assert_eq!(host.read("/etc/fstab"), FSTAB);
    host.sh("rm /etc/fill");
    assert!(host.once(mount).status.success());
}

#[test]
fn systemd_knows_the_mount_as_a_unit() {
    let Some(host) = Machine::boot() else { return };
    let agent = host.agent(GRAPH);
    agent.until_sh(r"test $(systemctl show -P ActiveState 'srv-a\x20b.mount') = active");
    agent.until_sh(r"systemctl show -P FragmentPath 'srv-a\x20b.mount' | grep -q generator");
    // It may find the mount there again before it has seen it gone, and call that a failure.
    host.try_sh(r"systemctl stop 'srv-a\x20b.mount'");
    agent.until("it is mounted again", || is_right(&host));
    agent.save("graph: g\nresources:\n  mount:\n  - {name: /srv/bound, state: absent}\n  - {name: /srv/a b, state: absent}\n");
    agent.until_sh("! grep -q srv /proc/self/mountinfo && ! grep -q srv /etc/fstab");
    agent.until_sh(r"test $(systemctl show -P LoadState 'srv-a\x20b.mount') = not-found");
}

#[test]
fn what_the_kernel_refuses_is_named_with_what_to_do() {
    let Some(host) = Machine::bare() else { return };
    host.write("/etc/fstab", FSTAB);
    host.sh("mkdir /srv/m; touch /srv/f");
    for (mount, told) in [
        (
            "{name: /srv/none, device: t, type: tmpfs}",
            &["mount /srv/none: there is no such directory", "`mkdir: true`"][..],
        ),
        (
            "{name: /srv/m, device: t, type: tmpfs, options: {siez: 1m}}",
            &["mount /srv/m: tmpfs does not take the option `siez`: unknown parameter 'siez'"],
        ),
        (
            "{name: /srv/m, device: t, type: tmpfs, options: {noexec: \"\", size: big}}",
            &["mount /srv/m: tmpfs does not take the option `size`: bad value for 'size'"],
        ),
        (
            "{name: /srv/m, device: t, type: tmpfz}",
            &["mount /srv/m: unknown filesystem type 'tmpfz'", "did you mean `type: tmpfs`?"],
        ),
        (
            "{name: /srv/m, device: /dev/no, type: ext4}",
            &["special device /dev/no does not exist", "`lsblk`"],
        ),
        (
            "{name: /srv/f, device: t, type: tmpfs}",
            &["mount point is not a directory", "a file is in the way"],
        ),
    ] {
        let output = host.once(&format!("graph: g\nresources:\n  mount:\n  - {mount}\n"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{mount}");
        assert!(told.iter().all(|words| said.contains(words)), "{mount}: {said}");
        assert!(!said.contains("mount: /srv"), "nothing is said twice: {said}");
    }
}
