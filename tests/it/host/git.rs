//! Working trees of a repository on a host.

use super::machine::Machine;

const REPOSITORY: &str = "
    git config --global user.name a; git config --global user.email a@a
    git init -q -b main /srv/origin; cd /srv/origin
    echo one >f; git add f; git commit -qm one";

const GRAPH: &str = "graph: site
resources:
  git:
  - name: /srv/site
    source: file:///srv/origin
    revision: main
    force: true
    meta: {retry: -1, delay: 100}
";

#[test]
fn a_tree_is_cloned_and_repaired_when_someone_edits_it_or_checks_something_else_out() {
    let Some(host) = Machine::bare() else { return };
    host.sh(REPOSITORY);
    // Git takes a file away before it writes it anew.
    let holds = |line: &str| host.try_sh(&format!("grep -qx {line} /srv/site/f")).status.success();
    let agent = host.agent(GRAPH);
    assert_eq!(host.read("/srv/site/f"), "one\n");
    host.sh("cd /srv/origin; echo two >f; git commit -qam two");
    host.write("/srv/site/f", "mine");
    agent.until("the edit is discarded", || holds("one"));
    // Whoever has news says so with a refresh; another declaration asks too.
    agent.save(&GRAPH.replace("main", "refs/heads/main"));
    agent.until("the branch is followed", || holds("two"));
    host.sh("cd /srv/site; git -c safe.directory=* checkout -q HEAD~1");
    agent.until("the commit is checked out again", || holds("two"));
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn a_clone_that_is_killed_leaves_nothing_and_the_next_agent_makes_it_whole() {
    let Some(host) = Machine::bare() else { return };
    host.sh(REPOSITORY);
    // A tree whose checkout waits for ever: its filter does.
    host.sh("cd /srv/origin; echo '* filter=slow' >.gitattributes; git add .; git commit -qm slow");
    host.sh("mkfifo /srv/gate; git config --global filter.slow.smudge 'touch /srv/begun; cat /srv/gate'");
    let graph = GRAPH.replace("    meta: {retry: -1, delay: 100}\n", "");
    host.write("/tmp/slow.yaml", &graph);
    let mut starter = host.command("sh");
    starter.args(["-c", "echo $$ >/srv/pid; exec mgmt run /tmp/slow.yaml"]);
    let mut running = starter.stderr(std::process::Stdio::null()).spawn().unwrap();
    host.until("the clone is under way", || host.path("/srv/begun").exists());
    assert!(!host.path("/srv/site").exists());
    host.sh("kill -9 $(cat /srv/pid)");
    running.wait().unwrap();
    // What waits at the gate reads its end.
    host.sh("git config --global --unset filter.slow.smudge; timeout 1 sh -c ': >/srv/gate' || true");
    assert!(!host.path("/srv/site").exists());
    let output = host.once(&graph);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(host.read("/srv/site/f"), "one\n");
    assert_eq!(host.sh("ls -A /srv | grep -c mgmt || true"), "0");
}

#[test]
fn a_key_in_the_declaration_is_read_by_whoever_runs_git_and_is_gone_afterwards() {
    let Some(host) = Machine::bare() else { return };
    host.sh(REPOSITORY);
    host.sh("useradd -m deploy; mkdir /srv/www; chown -R deploy /srv/www /srv/origin");
    // An ssh that needs no server: it reads its key, and does here what it should have done there.
    host.write(
        "/usr/local/bin/ssh",
        "#!/bin/sh -e\nfor word; do [ \"$last\" != -i ] || key=$word; last=$word; done\n\
         cat \"$key\" >/srv/www/seen\nid -un >>/srv/www/seen\nexec sh -c \"$last\"\n",
    );
    host.sh("chmod 755 /usr/local/bin/ssh");
    let output = host.once(
        "graph: site
resources:
  git:
  - name: /srv/www/site
    source: ssh://git@forge/srv/origin
    revision: main
    user: deploy
    identity: |
      -----BEGIN PRIVATE KEY-----
      c2VjcmV0
      -----END PRIVATE KEY-----
",
    );
    assert!(output.status.success(), "{output:?}");
    assert_eq!(host.read("/srv/www/site/f"), "one\n");
    let seen = host.read("/srv/www/seen");
    assert!(seen.contains("c2VjcmV0") && seen.ends_with("deploy\n"), "{seen}");
    assert_eq!(host.sh("ls -A /run | grep -c '^.mgmt-' || true"), "0");
}
