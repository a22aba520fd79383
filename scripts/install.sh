#!/bin/sh
# Installs hncors for the whole machine: program, units, an empty configuration, examples, documentation.
# Usage: [DESTDIR=...] [PREFIX=/opt/hncors] [SYSCONFDIR=/etc] [LIBDIR=/usr/lib] [SERIAL=1] scripts/install.sh
#
# With DESTDIR everything is put below it, as for a package, and nothing of the running machine is touched.
# Configuration that is there is never overwritten.  It may be run again, to upgrade.
set -eu
cd "$(dirname "$0")/.."
prefix=${PREFIX:-/opt/hncors} sysconf=${SYSCONFDIR:-/etc} lib=${LIBDIR:-/usr/lib} root=${DESTDIR:-}
config=$root$sysconf/hncors share=$root$prefix/share

say() { echo "install: $*" >&2; }
put() { install -D -m "$1" "$2" "$3"; }
unit() { sed "s|/opt/hncors|$prefix|g; s|/etc/hncors|$sysconf/hncors|g" "$1" >"$2"; chmod 644 "$2"; }

if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
    say "needs root, or DESTDIR to install below a folder of your own"; exit 1
fi
umask 022
VENV=$root$prefix/venv EDITABLE='' scripts/setup.sh requirements.txt
case $("$root$prefix/venv/bin/python" -c 'import os, sys; print(os.path.realpath(sys.executable))') in
    "$HOME"/*|/home/*) say "the interpreter is in somebody's home, where the service cannot run it: name another, PYTHON=..." ;;
esac
# The programs begin with the path of their interpreter; below DESTDIR that is not where they will run.
[ -z "$root" ] || sed -i "1s|^#!$root$prefix/|#!$prefix/|" "$root$prefix"/venv/bin/*

mkdir -p "$root$lib/systemd/system" "$root$lib/sysusers.d" "$root$lib/tmpfiles.d"
unit systemd/hncors.service "$root$lib/systemd/system/hncors.service"
unit systemd/sysusers.conf "$root$lib/sysusers.d/hncors.conf"
unit systemd/tmpfiles.conf "$root$lib/tmpfiles.d/hncors.conf"
if [ -n "${SERIAL:-}" ]; then
    mkdir -p "$root$lib/systemd/system/hncors.service.d"
    unit systemd/hncors-serial.conf "$root$lib/systemd/system/hncors.service.d/serial.conf"
fi

install -d -m 750 "$config" "$config/stations"
install -d -m 700 "$config/passwords"
if [ ! -e "$config/hncors.toml" ]; then
    sed 's|"../stations"  |"stations"     |' configs/hncors.toml >"$config/hncors.toml"
    chmod 640 "$config/hncors.toml"
fi
for file in stations/*.toml; do put 644 "$file" "$share/examples/$file"; done
find configs -type f | while read -r file; do put 644 "$file" "$share/examples/$file"; done
for file in docs/*.md docs/runbooks/*.md README.md README.zh-CN.md CHANGELOG.md LICENSE; do
    put 644 "$file" "$share/doc/${file#docs/}"
done

if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemd-sysusers "$lib/sysusers.d/hncors.conf"
    systemd-tmpfiles --create "$lib/tmpfiles.d/hncors.conf"
    systemctl daemon-reload
fi
say "installed to $root$prefix; put stations into $config/stations, then: systemctl enable --now hncors"
