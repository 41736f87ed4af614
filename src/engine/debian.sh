# Unpacks and configures the packages of ARCHIVES in ROOT. Runs as the first
# process of a PID and a mount namespace of its own, so its processes and
# mounts go when it ends, however it ends.
#
#   sh debian.sh ROOT ARCHIVES ESSENTIAL native|foreign DPKG-OPTION...
#
# ESSENTIAL lists the packages that must be there before any script can run;
# empty in a root that has them.
set -eu
root=$1 archives=$2 essential=$3 kind=$4
shift 4

if [ -n "$essential" ]; then
    while read -r package; do
        dpkg-deb --extract "$package" "$root"
    done <"$essential"
    find "$root/usr/share/doc" -type f ! -name copyright -delete
    rm -rf "$root/usr/share/locale" "$root/usr/share/info"
    # The folders of the sections stay, as in the official images: packages put
    # alternatives into them, and cannot be installed without
    # (debuerreotype/debuerreotype#10).
    find "$root/usr/share/man" -mindepth 1 -maxdepth 1 ! -name 'man[1-9]' -exec rm -rf {} +
    find "$root/usr/share/man" ! -type d -delete
fi

mkdir -p "$root/proc" "$root/dev"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"

# The host's dpkg may be of another architecture than the packages, and does
# not see dependencies across the two: it only unpacks.
dpkg --root="$root" --log=/dev/null --force-architecture --force-depends \
    --force-unsafe-io --force-confold "$@" --unpack "$archives"/*.deb

# 150 certificates, several processes each: most of a minute under emulation.
certificates=$root/usr/sbin/update-ca-certificates
if [ "$kind" = foreign ] && [ -e "$certificates" ]; then
    mv "$certificates" "$certificates.real"
    printf '#!/bin/sh\nexit 0\n' >"$certificates"
    chmod 755 "$certificates"
fi
chroot "$root" dpkg --force-unsafe-io --configure -a
if [ -e "$certificates.real" ]; then
    mv "$certificates.real" "$certificates"
fi
