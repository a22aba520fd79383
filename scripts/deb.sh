#!/bin/sh
# Builds a Debian package from what `make install` puts below a folder: dist/hncors_VERSION_ARCHITECTURE.deb.
# Usage: scripts/deb.sh [--from ROOT] [OUT]       ROOT is a folder that was installed into; else one is made.
#
# The environment has compiled wheels and links to the interpreter, so a package is for one release of Debian and
# one architecture: build it on the release that it is for.
set -eu
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKELEVEL
from=
if [ "${1:-}" = --from ]; then from=$2; shift 2; fi
out=${1:-dist}
say() { echo "deb: $*" >&2; }

version=$(sed -n 's/^VERSION = "\(.*\)"/\1/p' hncors/version.py)
architecture=$(dpkg --print-architecture)
work=$(mktemp -d "${TMPDIR:-/tmp}/hncors-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
umask 022
if [ -n "$from" ]; then
    mkdir "$work/root"
    (cd "$from" && cp -a opt etc usr "$work/root/")
    root=$work/root
else
    root=$work/root
    DESTDIR=$root BINDIR=/usr/bin DATADIR=/usr/share PYTHON=${PYTHON:-/usr/bin/python3} scripts/install.sh
fi

interpreter=$(readlink -f "$root/opt/hncors/venv/bin/python")
package=$(dpkg -S "$interpreter" 2>/dev/null | sed 's/:.*//; s/-minimal$//' | head -n 1)
[ -n "$package" ] || { say "the interpreter $interpreter is no Debian package's: PYTHON=/usr/bin/python3"; package=python3; }

# Nothing of this machine goes along.
find "$root" -name direct_url.json -delete
find "$root" -depth -name __pycache__ -exec rm -rf {} +
rm -rf "$root/opt/hncors/venv.before" "$root/opt/hncors/venv.new"
find "$root/usr" -name hncors.1 -exec gzip -9nf {} +
doc=$root/usr/share/doc/hncors
mkdir -p "$doc" "$root/DEBIAN"
cp LICENSE "$doc/copyright"
gzip -9nc CHANGELOG.md >"$doc/changelog.gz"

size=$(du -sk "$root" | cut -f1)
cat >"$root/DEBIAN/control" <<CONTROL
Package: hncors
Version: $version
Architecture: $architecture
Maintainer: hncors contributors <hncors@localhost>
Installed-Size: $size
Depends: $package, libc6, systemd | systemd-standalone-sysusers
Recommends: prometheus, prometheus-alertmanager, chrony
Section: science
Priority: optional
Description: monitor of a GNSS reference-station network
 Connects to stations over NTRIP or serial, decodes RTCM 3 with BeiDou-3, computes
 availability and integrity, exports Prometheus metrics and finds stations that
 nobody filed. Runs as a systemd service.
CONTROL
echo /etc/hncors/hncors.toml >"$root/DEBIAN/conffiles"

cat >"$root/DEBIAN/postinst" <<'SCRIPT'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
systemd-sysusers ${DPKG_ROOT:+--root="$DPKG_ROOT"} "$DPKG_ROOT/usr/lib/sysusers.d/hncors.conf"
systemd-tmpfiles ${DPKG_ROOT:+--root="$DPKG_ROOT"} --create "$DPKG_ROOT/usr/lib/tmpfiles.d/hncors.conf"
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    [ -z "$2" ] || systemctl try-restart hncors.service
fi
SCRIPT
cat >"$root/DEBIAN/prerm" <<'SCRIPT'
#!/bin/sh
set -e
[ "$1" = remove ] && [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ] || exit 0
systemctl disable --now hncors.service
SCRIPT
# Purged or not: the ledger is evidence and stations' files are somebody's work, so both stay.
cat >"$root/DEBIAN/postrm" <<'SCRIPT'
#!/bin/sh
set -e
find "$DPKG_ROOT/opt/hncors" -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || :
find "$DPKG_ROOT/opt/hncors" -depth -type d -empty -delete 2>/dev/null || :
[ "$1" != purge ] || echo "hncors: /var/lib/hncors and /etc/hncors/stations are left: remove them by hand"
SCRIPT
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm" "$root/DEBIAN/postrm"
(cd "$root" && find etc opt usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"

mkdir -p "$out"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -c safe.directory='*' log -1 --format=%ct 2>/dev/null || date +%s)} \
    dpkg-deb --root-owner-group -Zxz -z1 --build "$root" "$out/hncors_${version}_$architecture.deb" >&2
echo "$out/hncors_${version}_$architecture.deb"
