# Runs the private engine: the first process of a PID and a mount namespace of
# their own, both of which end with it.
#
#   sh engine.sh ROOT STATE
set -eu
root=$1 state=$2

# runc's pivot_root wants the root to be a mount point.
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mkdir -p "$root$state"
mount --bind "$state" "$root$state"
# Sockets and process ids of an earlier life are gone with this.
mount -t tmpfs -o mode=755 tmpfs "$root/run"

# A network of its own: another engine's bridge and firewall rules are left
# alone. slirp4netns carries it, and answers DNS at 10.0.2.3 from the host's
# resolv.conf, which it alone sees.
printf 'nameserver 10.0.2.3\n' >"$root/etc/resolv.conf"
mkdir "$root/run/netns"
: >"$root/run/netns/engine"
unshare --net="$root/run/netns/engine" true
unshare --mount --propagation private sh -c '
    mount --bind "$(readlink -f /etc/resolv.conf)" "$1/etc/resolv.conf"
    exec chroot "$1" slirp4netns --configure --mtu=65520 --disable-host-loopback \
        --ready-fd=3 --netns-type=path /run/netns/engine tap0
' sh "$root" 3>"$state/network-ready" &
network=$!
while [ ! -s "$state/network-ready" ]; do
    kill -0 "$network" || { echo "slirp4netns ended: no network"; exit 1; }
    sleep 0.05
done

# `docker exec` enters a container's mount namespace at the root of that
# namespace. With chroot alone that is the machine's own root, and not the
# container's: what dockerd starts in must be the root of its namespace.
cd "$root"
pivot_root . mnt
cd /
umount -l /mnt
nsenter --net=/run/netns/engine dockerd --config-file "$state/daemon.json" &
engine=$!
trap 'kill -TERM "$engine"' TERM INT
# A signal ends `wait` early.
while kill -0 "$engine" 2>/dev/null; do
    wait "$engine" || :
done
