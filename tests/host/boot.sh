#!/bin/bash
# boot.sh FOLDER NAME INIT PROGRAM: becomes the first process of a test host. Run it as root in namespaces of its own:
#   unshare --pid --fork --mount --uts --ipc --net --cgroup --kill-child tests/host/boot.sh FOLDER NAME INIT PROGRAM
# The host sees this machine's files, and what it writes is gone with it. FOLDER holds what it writes until then; INIT is
# `systemd`, or `bare` for a host on which nothing runs; PROGRAM is there as /usr/local/bin/mgmt.
set -euo pipefail
folder=$1 name=$2 init=$3 program=$4

mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$folder"
mkdir "$folder"/{upper,work,root}
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"
root=$folder/root
cd "$root"

mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mount -t tmpfs -o mode=0755,nosuid tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for at in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${at%%:*}" "dev/${at#*:}"; done
mkdir -p usr/local/bin
touch usr/local/bin/mgmt
mount --bind "$program" usr/local/bin/mgmt

hostname "$name"
echo "$name" >etc/hostname
ip link set lo up
settings=(container=other HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)

if [ "$init" = bare ]; then
  # A shell that waits reaps whatever is left to it.
  exec env -i "${settings[@]}" chroot . /bin/sh -c 'while :; do sleep 1000 & wait; done'
fi

if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mount -t cgroup2 cgroup2 sys/fs/cgroup
else
  mount -t tmpfs -o mode=0755 tmpfs sys/fs/cgroup
  mkdir sys/fs/cgroup/{systemd,unified}
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
fi
# Of what this machine starts at boot a test host starts nothing: no stray database server, nothing to wait for.
rm -rf etc/systemd/system/*.wants etc/rc?.d etc/systemd/user/*.wants var/log/journal
for unit in systemd-{udevd,networkd,resolved,timesyncd,update-utmp,binfmt,modules-load,sysctl,firstboot,random-seed}.service \
  systemd-udev-trigger.service systemd-udevd-{kernel,control}.socket getty.target apt-daily{,-upgrade}.timer \
  e2scrub_all.timer fstrim.timer dpkg-db-backup.timer man-db.timer logrotate.timer; do
  ln -sf /dev/null "etc/systemd/system/$unit"
done
# It is not always told that a control group has become empty, and takes a unit for one that does not stop until then.
for manager in system user; do
  mkdir -p "etc/systemd/$manager.conf.d"
  printf '[Manager]\nDefaultTimeoutStopSec=5s\n' >"etc/systemd/$manager.conf.d/stop.conf"
done
: >etc/fstab
echo "$name" | md5sum | cut -c1-32 >etc/machine-id
exec env -i "${settings[@]}" chroot . /lib/systemd/systemd --unit=multi-user.target
