#!/bin/sh
# Installs hncors for the whole machine: program, units, an empty configuration, examples, documentation.
# Usage: [DESTDIR=...] [PREFIX=/opt/hncors] [SYSCONFDIR=/etc] [LIBDIR=/usr/lib] [BINDIR=/usr/local/bin]
#        [DATADIR=/usr/local/share] [SERIAL=1] scripts/install.sh [--back]
#
# With DESTDIR everything is put below it, as for a package, and nothing of the running machine is touched.
# Configuration that is there is never overwritten.  It may be run again, to upgrade: the program of before stays
# beside the new one, and --back puts it in its place again.
set -eu
cd "$(dirname "$0")/.."
prefix=${PREFIX:-/opt/hncors} sysconf=${SYSCONFDIR:-/etc} lib=${LIBDIR:-/usr/lib} root=${DESTDIR:-}
config=$root$sysconf/hncors share=$root$prefix/share venv=$root$prefix/venv
bin=${BINDIR:-/usr/local/bin} data=${DATADIR:-/usr/local/share}

say() { echo "install: $*" >&2; }
put() { install -D -m "$1" "$2" "$3"; }
unit() { sed "s|/opt/hncors|$prefix|g; s|/etc/hncors|$sysconf/hncors|g" "$1" >"$2"; chmod 644 "$2"; }

if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
    say "needs root, or DESTDIR to install below a folder of your own"; exit 1
fi
umask 022
# Programs begin with the path of their interpreter: that of where they will run.
settle() {
    find "$venv/bin" -type f -exec sed -i "1s|^#!.*$prefix/venv[^/]*/bin/|#!$prefix/venv/bin/|" {} +
    find "$venv" -maxdepth 2 -type f \( -iname 'activate*' -o -name pyvenv.cfg \) \
        -exec sed -i "s|$venv.new|$prefix/venv|g; s|$venv|$prefix/venv|g" {} +
}

if [ "${1:-}" = --back ]; then
    [ -d "$venv.before" ] || { say "no program of before at $venv.before"; exit 1; }
    rm -rf "$venv.new"
    mv "$venv" "$venv.new" && mv "$venv.before" "$venv" && mv "$venv.new" "$venv.before"
    say "back to $("$venv/bin/python" -P -m hncors --version); then: systemctl restart hncors"; exit 0
fi

# The new program is made beside the old one, and takes its place when it is whole.
rm -rf "$venv.new"
mkdir -p "$root$prefix"
[ ! -d "$venv" ] || cp -a "$venv" "$venv.new"
VENV=$venv.new EDITABLE='' scripts/setup.sh requirements.txt
if [ -e "$venv/bin/hncors" ]; then rm -rf "$venv.before" && mv "$venv" "$venv.before"; else rm -rf "$venv"; fi
mv "$venv.new" "$venv"
settle
case $("$venv/bin/python" -c 'import os, sys; print(os.path.realpath(sys.executable))') in
    "$HOME"/*|/home/*) say "the interpreter is in somebody's home, where the service cannot run it: name another, PYTHON=..." ;;
esac

mkdir -p "$root$lib/systemd/system" "$root$lib/sysusers.d" "$root$lib/tmpfiles.d"
unit systemd/hncors.service "$root$lib/systemd/system/hncors.service"
unit systemd/hncors-relay.service "$root$lib/systemd/system/hncors-relay.service"
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

"$venv/bin/python" -P scripts/manual.py "$root$data"
mkdir -p "$root$bin"
ln -sfn "$prefix/venv/bin/hncors" "$root$bin/hncors"

if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemd-sysusers "$lib/sysusers.d/hncors.conf"
    systemd-tmpfiles --create "$lib/tmpfiles.d/hncors.conf"
    systemctl daemon-reload
fi
say "installed to $root$prefix; put stations into $config/stations, then: systemctl enable --now hncors"
