#!/bin/sh
# Installs a Pumpkin probe and enrols it. Made for one invitation; it fetches nothing but from the server that made it.
# PUMPKIN_PROBE_HOME: another folder. PUMPKIN_PROBE_NAME: another name than the host's. PUMPKIN_PROBE_START=no: install
# only. PUMPKIN_PROBE_USER: whom a probe installed by root runs as (default pumpkin-probe; made when it is not there).
set -eu
umask 077
url=@URL@
token=@TOKEN@
certificate=@CERTIFICATE@
domain=@DOMAIN@
name=${PUMPKIN_PROBE_NAME:-@NAME@}
hash=

say() { printf 'pumpkin: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
root() { [ "$(id -u)" = 0 ]; }

find_python() {
    for one in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$one" >/dev/null 2>&1 && "$one" -c 'import ssl, sqlite3, sys, venv
sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$one"
            return 0
        fi
    done
    return 1
}

# One file of the server, over a connection that bears the very certificate this script was made with.
fetch() {
    "$python" - "$url$1" "$certificate" "$2" <<'PY'
import hashlib, http.client, shutil, ssl, sys, urllib.parse
url, pin, target = sys.argv[1:]
parts = urllib.parse.urlsplit(url)
if parts.scheme == "https":
    context = ssl.create_default_context()
    if pin:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    line = http.client.HTTPSConnection(parts.hostname, parts.port or 443, context=context, timeout=60)
    line.connect()
    if pin and hashlib.sha256(line.sock.getpeercert(True)).hexdigest() != pin:
        sys.exit("pumpkin: the server's certificate is not the one this was made with")
else:
    line = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=60)
line.request("GET", parts.path)
answer = line.getresponse()
if answer.status != 200:
    sys.exit(f"pumpkin: the server answers {answer.status}; the invitation may be used up or out of date")
with open(target, "wb") as file:
    shutil.copyfileobj(answer, file)
PY
}

service_failed() {
    why=$(journalctl -u pumpkin-probe -t pumpkin -t python -t sh -n 1 -o cat 2>/dev/null) || why=
    [ -n "$why" ] || why=$(journalctl -u pumpkin-probe -n 1 -o cat 2>/dev/null) || why=
    state=$(systemctl show -p ActiveState -p Result --value pumpkin-probe 2>/dev/null | tr '\n' ' ')
    die "the service pumpkin-probe does not stay up (${state:-unknown }): ${why:-see journalctl -u pumpkin-probe}"
}

start_probe() {
    if [ "${PUMPKIN_PROBE_START:-yes}" = no ]; then
        say "start it by: $home/pumpkin probe -c $home/probe.toml --data $home/data"
    elif root && [ -d /run/systemd/system ]; then
        "$home/pumpkin" probe --unit --user "$user" -c "$home/probe.toml" --data "$home/data" \
            >/etc/systemd/system/pumpkin-probe.service
        systemctl daemon-reload
        systemctl enable pumpkin-probe >/dev/null 2>&1
        systemctl restart pumpkin-probe || service_failed
        # One that ends at once is started again and again: it runs when it stays up, and was begun once.
        for _ in 1 2 3; do
            sleep 1
            systemctl is-active --quiet pumpkin-probe || service_failed
        done
        if [ "$(systemctl show -p NRestarts --value pumpkin-probe)" -gt 0 ] 2>/dev/null; then service_failed; fi
        say "it runs as the service pumpkin-probe"
    else
        if [ -f "$home/probe.pid" ] && kill "$(cat "$home/probe.pid")" 2>/dev/null; then sleep 2; fi
        as=
        if root && [ "$user" != root ]; then as="runuser -u $user --"; fi
        # shellcheck disable=SC2086
        nohup $as "$home/pumpkin" probe -c "$home/probe.toml" --data "$home/data" >>"$home/probe.log" 2>&1 </dev/null &
        echo $! >"$home/probe.pid"
        sleep 1
        if ! kill -0 $! 2>/dev/null; then
            die "it ended at once: $(tail -n 1 "$home/probe.log")"
        fi
        say "it runs (process $!, log $home/probe.log); without systemd you start it at boot yourself"
    fi
}

main() {
    home=${PUMPKIN_PROBE_HOME:-}
    if [ -z "$home" ]; then
        if root; then home=/opt/pumpkin-probe; else home=${XDG_DATA_HOME:-$HOME/.local/share}/pumpkin-probe; fi
    fi
    user=${PUMPKIN_PROBE_USER:-pumpkin-probe}
    if ! python=$(find_python); then
        if root && command -v apt-get >/dev/null 2>&1; then
            say "installing python3 from the distribution"
            apt-get install -qq -y --no-install-recommends python3 >/dev/null || die "python3 could not be installed"
        fi
        python=$(find_python) || die "Python 3.11 or later is needed, with ssl, sqlite3 and venv; nothing was changed"
    fi
    tag=$("$python" -c 'import platform, sys, sysconfig
print("-".join((sys.implementation.cache_tag, sysconfig.get_platform(), platform.libc_ver()[0] or "musl")))')
    case "$tag" in
@KITS@
        *) die "the server has no kit for $tag; make one on such a machine by pumpkin agent kit, and lay it into kits" ;;
    esac

    mkdir -p "$home"
    release=$home/release-$(printf %.12s "$hash")
    if [ ! -x "$release/bin/python" ] || [ ! -e "$release/complete" ]; then
        rm -rf "$release"
        part=$(mktemp -d "$home/part.XXXXXX")
        trap 'rm -rf "$part"' EXIT
        fetch "/enroll/$token/kit/$kit" "$part/kit.tar.gz"
        found=$("$python" -c 'import hashlib, sys; print(hashlib.file_digest(open(sys.argv[1], "rb"), "sha256").hexdigest())' \
            "$part/kit.tar.gz")
        [ "$found" = "$hash" ] || die "the kit is not the one this was made with (SHA-256 $found)"
        "$python" -m venv --without-pip "$release"
        packages=$("$release/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
        tar -xzf "$part/kit.tar.gz" -C "$packages" --no-same-owner
        : >"$release/complete"
    fi
    ln -sfn "$release" "$home/current"
    rm -rf "$home/data/update"
    cat >"$home/pumpkin" <<SH
#!/bin/sh
# Runs what the probe fetched when its server told it to update, where that is this very user's; else what the line
# installed. A release is tried once; it is kept when the server let it in.
export PUMPKIN_PROBE_PROGRAM="$home/pumpkin"
update="$home/data/update"
release="$home/current"
if [ -O "\$update/current/complete" ]; then release=\$update/current; fi
if [ -O "\$update/next/complete" ] && rm -f "\$update/tried" && mv "\$update/next" "\$update/tried"; then
    release=\$update/tried
fi
exec "\$(readlink -f "\$release")/bin/python" -P -m pumpkin "\$@"
SH
    chmod 755 "$home/pumpkin"

    PUMPKIN_ENROLL_TOKEN=$token "$home/pumpkin" enroll --url "$url" --certificate "$certificate" --domain "$domain" \
        --name "$name" --home "$home"
    if root && [ "$user" != root ]; then
        id "$user" >/dev/null 2>&1 || useradd --system --home-dir "$home" --shell /usr/sbin/nologin "$user" || user=root
        chmod 755 "$home"
        chmod -R go+rX "$release"
        for one in data probe.toml password xmpp-ca.pem; do
            if [ -e "$home/$one" ]; then chown -R "$user" "$home/$one"; fi
        done
    fi
    start_probe
}

main
