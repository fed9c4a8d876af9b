#!/bin/sh
# Pumpkin in one file: this text, and behind it an archive of Python, its libraries and Pumpkin itself (AGPL-3.0-or-later).
# Its first start unpacks it, for good, below the first of these that is named:
#   $PUMPKIN_UNPACK, $CACHE_DIRECTORY (systemd), /var/cache/pumpkin (root), $XDG_CACHE_HOME/pumpkin, $HOME/.cache/pumpkin
# Nothing is unpacked below /tmp. Needs sh, coreutils, findutils, flock, tar and gzip: what every Debian has.
digest=@DIGEST@ name=@NAME@ machine=@MACHINE@ offset=@OFFSET@
fail() { echo "pumpkin: $*" >&2; exit 1; }
self=$(readlink -f -- "$0") && [ -r "$self" ] || fail "this file cannot be read where it lies: $0"
[ "$(uname -sm)" = "Linux $machine" ] || fail "this file is for Linux on $machine, not for $(uname -sm)."
if [ -n "${PUMPKIN_UNPACK:-}" ]; then base=$PUMPKIN_UNPACK
elif [ -n "${CACHE_DIRECTORY:-}" ]; then base=${CACHE_DIRECTORY%%:*}
elif [ "$(id -u)" = 0 ]; then base=/var/cache/pumpkin
elif [ -n "${XDG_CACHE_HOME:-}" ]; then base=$XDG_CACHE_HOME/pumpkin
elif [ -n "${HOME:-}" ]; then base=$HOME/.cache/pumpkin
else fail "there is no folder to unpack into: set PUMPKIN_UNPACK to one."
fi
case $base in /*) ;; *) fail "the folder to unpack into must begin with a slash: $base" ;; esac
folder=$base/$name

hold() {  # a shared lock for as long as this process lives: what is held is not removed
    [ -f "$folder/whole" ] && command exec 9<"$folder/whole" && flock -s 9 && [ -f "$folder/whole" ]
}

unpack() {
    if [ "$(id -u)" = 0 ]; then mode=755; umask 022; else mode=700; umask 077; fi
    { [ -d "$base" ] || mkdir -p "${base%/*}" && mkdir -m "$mode" "$base" || [ -d "$base" ]; } 2>/dev/null \
        && [ -O "$base" ] && [ -w "$base" ] \
        || fail "the folder $base cannot be made, or is not yours to write in: set PUMPKIN_UNPACK to one that is."
    [ -z "$(find "$base/" -maxdepth 0 -perm /022)" ] || fail "others may write in the folder $base: nothing is started from there."
    exec 8>"$base/lock" && flock 8 || fail "the folder $base cannot be locked."
    hold && return  # another start was first
    rm -rf "$base"/.part.*
    [ "$(tail -c "+$offset" -- "$self" | sha256sum | cut -c 1-64)" = "$digest" ] || fail "this file is damaged: fetch it again."
    part=$base/.part.$$
    trap 'rm -rf "$part"' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir "$part" && tail -c "+$offset" -- "$self" | tar -xzf - -C "$part" --no-same-owner && [ -f "$part/whole" ] \
        || fail "it could not be unpacked in $base (is the disk full?)"
    "$part/bin/python3" -I -c '' \
        || fail "nothing can be started from $base (mounted noexec, or a C library older than Debian 12's): set PUMPKIN_UNPACK."
    rm -rf "$folder" && mv -T "$part" "$folder" || fail "it could not be unpacked in $base."
    trap - EXIT HUP INT TERM
    hold || fail "it was removed from $base while it started."
    for old in "$base"/pumpkin-*; do  # other versions, of which nothing runs any more
        [ "$old" = "$folder" ] || [ ! -d "$old" ] || flock -n "$old/whole" rm -rf -- "$old" 2>/dev/null || true
    done
    exec 8>&-
}

[ -O "$base" ] && [ -z "$(find "$base/" -maxdepth 0 -perm /022)" ] && hold || (unpack) || exit 1
hold || fail "it was removed from $base while it started."
unset PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONSAFEPATH
if [ -z "${SSL_CERT_FILE:-}${SSL_CERT_DIR:-}" ] && [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
    export SSL_CERT_FILE="$folder/etc/authorities.pem"  # this machine trusts nobody itself
fi
exec "$folder/bin/python3" -P "$folder/start.py" "$self" "$@"
exit 1
