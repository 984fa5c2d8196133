"""A network of this process's own, in which nothing but what it starts is reached, seen or counted."""

import ctypes
import fcntl
import os
import socket
import struct

NEW_USER, NEW_NET = 0x10000000, 0x40000000
SET_FLAGS, UP = 0x8914, 0x1


def own():
    """Moves this process, and what it starts, into a network with a loopback only; False: the kernel does not let it."""
    uid, gid = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_NET if uid == 0 else NEW_USER | NEW_NET) != 0:
        return False
    if uid != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    return True


def bytes_sent():
    """Bytes that the loopback has carried, TCP's and IP's headers included."""
    with open("/proc/self/net/dev", encoding="ascii") as counters:
        return sent_of(counters.read(), "lo")


def sent_of(table, device):
    """A device's sent bytes in the kernel's table of devices."""
    fields = next(line.split(":")[1] for line in table.splitlines() if line.strip().startswith(f"{device}:")).split()
    return int(fields[8])
