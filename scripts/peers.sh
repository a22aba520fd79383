#!/bin/sh
# The programs of other people that tests compare this one with, from Debian's packages.
# Installs what is missing where it may (root and apt-get); elsewhere says what is missing and fails.
set -eu
PATH=$PATH:/usr/sbin:/sbin

missing() {  # the packages one of whose programs (or libraries) is not there
    while read -r package programs; do
        for program in $programs; do
            case $program in
                *.so.*) find /usr/lib -maxdepth 2 -name "$program" | grep . ;;
                *) command -v "$program" ;;
            esac >/dev/null 2>&1 || { echo "$package"; break; }
        done
    done <<LIST
rtklib                   convbin rnx2rtkp str2str
librtklib1               libRTKLib.so.1
gpsd                     gpsd
gpsd-clients             gpspipe
gpsd-tools               gpsdecode gpsfake
prometheus               prometheus promtool
prometheus-alertmanager  prometheus-alertmanager amtool
systemd                  systemd-analyze systemd-sysusers systemd-tmpfiles
mosquitto                mosquitto
mosquitto-clients        mosquitto_sub mosquitto_passwd
socat                    socat
openssl                  openssl
libseccomp2              libseccomp.so.2
chromium                 chromium
LIST
}

wanted=$(missing | tr '\n' ' ')
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "peers: installing $wanted"
    # Tests start these programs themselves: the packages' services stay stopped meanwhile (policy-rc.d, 101 = no).
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    install() { apt-get install -qq -y --no-install-recommends $wanted >/dev/null; }
    install 2>/dev/null || { apt-get update -qq && install; } || true
    wanted=$(missing | tr '\n' ' ')
    [ -n "$wanted" ] || exit 0
fi
echo "peers: missing $wanted(Debian packages); what needs them is skipped, or fails where CI is set" >&2
exit 1
