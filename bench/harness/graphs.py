"""The graph files that are measured, and the check that what they ask for is on the disk.

Names and contents are those of `c/content.h`, so that a native program and an agent do the same work.
Files are written line by line: a driver that grew would be seen in the figures of its children.
"""

import os
import stat

MODE = 0o644


def file_name(i):
    """Name of file `i`, from 1."""
    return f"f{i:06d}"


def file_content(i):
    """Content of file `i`."""
    return f"file {i:06d}: few words, so that the number of files is what counts\n"


def quoted(text):
    """A YAML double-quoted scalar; the texts here hold no other special character than the newline."""
    return '"' + text.replace("\n", "\\n") + '"'


def write_files_graph(path, directory, count, changed=None):
    """A graph of `count` files in `directory`; `changed` maps a number to other content. Replaces `path` by rename."""
    changed = changed or {}
    temporary = path + ".new"
    with open(temporary, "w", encoding="ascii") as out:
        out.write("graph: bench\nresources:\n  file:\n")
        for i in range(1, count + 1):
            name = file_name(i)
            out.write(f"  - name: {name}\n    path: {directory}/{name}\n"
                      f"    content: {quoted(changed.get(i, file_content(i)))}\n    mode: \"0644\"\n    state: exists\n")
    os.rename(temporary, path)


def edges_of(vertices):
    """Two edges a vertex (pairs of numbers, from 1), each from one of the thousand vertices before it."""
    seed = 1
    for end in range(2, vertices + 1):
        window = min(1000, end - 1)
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        # The last three have one more, for the first two that can have only none and one.
        for k in range(min(window, 3 if end > vertices - 3 else 2)):
            yield end - 1 - ((seed >> 33) + k) % window, end


def write_noop_graph(path, vertices):
    """A graph of noop vertices and twice as many edges."""
    with open(path, "w", encoding="ascii") as out:
        out.write("graph: bench\nresources:\n  noop:\n")
        for i in range(1, vertices + 1):
            out.write(f"  - name: n{i:06d}\n")
        out.write("edges:\n")
        for number, (start, end) in enumerate(edges_of(vertices), 1):
            out.write(f"- name: e{number:06d}\n  from: {{kind: noop, name: n{start:06d}}}\n"
                      f"  to: {{kind: noop, name: n{end:06d}}}\n")


def is_right(directory, i, content=None):
    """Whether file `i` exists with its content and mode."""
    path = os.path.join(directory, file_name(i))
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            return mode == MODE and file.read() == (content or file_content(i)).encode()
    except FileNotFoundError:
        return False


def first_wrong(directory, count):
    """The first file that is missing or wrong, or None."""
    return next((file_name(i) for i in range(1, count + 1) if not is_right(directory, i)), None)


def strangers(directory, count):
    """Entries of `directory` that the graph did not ask for (temporary files left behind, for one)."""
    wanted = {file_name(i) for i in range(1, count + 1)}
    return sorted(entry.name for entry in os.scandir(directory) if entry.name not in wanted)
