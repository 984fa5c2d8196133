"""The other programs: the same files, in the words of each, run as its manual says. Absent ones are reported so."""

import os
import shutil

from . import graphs


def cf_agent(bench, directory, count):
    """The command of CFEngine, or None. Locks and cached policies are off (`-K`): it does its work each time.

    One promise a file: on 3.21 that is twice as fast as a list walked by one promise.
    """
    program = shutil.which("cf-agent")
    if program is None:
        return None
    policy = os.path.join(bench.folder("cf"), "bench.cf")
    with open(policy, "w", encoding="ascii") as out:
        out.write('body common control { bundlesequence => { "bench" }; }\n'
                  'body perms mode_of(m) { mode => "$(m)"; rxdirs => "false"; }\n'
                  "bundle agent bench\n{\n  files:\n")
        for i in range(1, count + 1):
            content = graphs.file_content(i).replace("\n", "$(const.n)")
            out.write(f'    "{directory}/{graphs.file_name(i)}"\n      create => "true",\n'
                      f'      content => "{content}",\n      perms => mode_of("0644");\n')
        out.write("}\n")
    os.chmod(policy, 0o600)
    return [program, "-K", "-f", policy]


def puppet(bench, directory, count):
    """The command of `puppet apply`, or None. Its own folders are on the disk, where they are by default (it fails with
    them below /dev/shm); the files that it manages are where ours are."""
    program = shutil.which("puppet")
    if program is None:
        return None
    folder = bench.folder("puppet", on=bench.disk)
    manifest = os.path.join(folder, "bench.pp")
    with open(manifest, "w", encoding="ascii") as out:
        for i in range(1, count + 1):
            out.write(f"file {{ '{directory}/{graphs.file_name(i)}':\n  ensure  => file,\n  mode    => '0644',\n"
                      f"  content => {graphs.quoted(graphs.file_content(i))},\n}}\n")
    own = [f"--{name}dir={folder}/{name}" for name in ("conf", "code", "var", "run", "log")]
    return [program, "apply", *own, manifest]


def ansible(bench, directory, count):
    """Command and environment of `ansible-playbook` with the local connection, or None."""
    program = shutil.which("ansible-playbook")
    if program is None:
        return None
    folder = bench.folder("ansible")
    playbook = os.path.join(folder, "bench.yml")
    with open(playbook, "w", encoding="ascii") as out:
        out.write("- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    - name: files\n"
                  "      ansible.builtin.copy:\n"
                  f'        dest: "{directory}/{{{{ item.name }}}}"\n        content: "{{{{ item.content }}}}"\n'
                  '        mode: "0644"\n      loop:\n')
        for i in range(1, count + 1):
            out.write(f"        - {{name: {graphs.file_name(i)}, content: {graphs.quoted(graphs.file_content(i))}}}\n")
    env = dict(bench.env, ANSIBLE_HOME=f"{folder}/home", ANSIBLE_LOCAL_TEMP=f"{folder}/local",
               ANSIBLE_REMOTE_TEMP=f"{folder}/remote", ANSIBLE_NOCOLOR="1")
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "auto_silent"
    return [program, "-i", "localhost,", "-e", f"ansible_python_interpreter={python}", playbook], env
