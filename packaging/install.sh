#!/bin/sh
# Installs pullagent on a node from the archive that lies beside this script. Nothing is fetched.
set -eu

usage() {
    cat <<'END'
Usage: install.sh [--root DIR] [--prefix DIR] [--no-start] [ARCHIVE]
       install.sh --uninstall [--root DIR] [--prefix DIR]

Takes pullagent-VERSION-ARCH.tar.gz for this machine's processor (or ARCHIVE), holds it against SHA256SUMS beside it, and
installs program, unit, manual pages and completions. Settings that are there already stay as they are. On a machine that
runs systemd the service is enabled and started.

  --root DIR    install into the tree of another system; nothing is started
  --prefix DIR  where program and documents go: /usr (default) or another folder, such as /usr/local or /opt/pullagent
  --no-start    neither enable nor start the service
  --uninstall   remove what was installed; the settings stay
END
}

die() {
    echo "install.sh: $*" >&2
    exit 2
}

root=
prefix=/usr
start=yes
uninstall=
archive=
while [ $# -gt 0 ]; do
    case $1 in
    --root | --prefix)
        [ $# -ge 2 ] || die "$1 needs a folder"
        case $1 in
        --root) root=${2%/} ;;
        --prefix) prefix=${2%/} ;;
        esac
        shift
        ;;
    --no-start) start= ;;
    --uninstall) uninstall=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    -*) die "there is no option $1; see --help" ;;
    *) archive=$1 ;;
    esac
    shift
done
case $prefix in
/*[!A-Za-z0-9/._-]*) die "--prefix: only letters, digits and /._- may be in $prefix" ;;
/?*) ;;
*) die '--prefix has to begin with / and to name a folder' ;;
esac

# Where systemd looks for what others than packages bring, unless the prefix is a package's own.
units=/etc/systemd/system
users=/etc/sysusers.d
folders=/etc/tmpfiles.d
if [ "$prefix" = /usr ]; then
    units=/usr/lib/systemd/system
    users=/usr/lib/sysusers.d
    folders=/usr/lib/tmpfiles.d
fi
# What was installed, a path a line.
list=$prefix/share/doc/pullagent/INSTALLED

is_live() {
    [ -z "$root" ] && [ -d /run/systemd/system ]
}

remove() {
    [ -e "$root$list" ] || die "nothing is installed below $root$prefix"
    if is_live; then
        systemctl disable --now pullagent.service || true
    fi
    while read -r path; do
        rm -f "$root$path"
    done <"$root$list"
    rm -f "$root$list"
    rmdir "$root$prefix/share/doc/pullagent" 2>/dev/null || true
    rm -rf "$root/run/pullagent"
    ! is_live || systemctl daemon-reload
    echo "removed; the settings in $root/etc/pullagent stay"
}

if [ -n "$uninstall" ]; then
    remove
    exit 0
fi

here=$(cd "$(dirname "$0")" && pwd)
if [ -z "$archive" ]; then
    # Several versions beside one another would leave a choice to chance.
    set -- "$here"/pullagent-*-"$(uname -m)".tar.gz
    { [ $# -eq 1 ] && [ -e "$1" ]; } || die "beside this script there has to be one pullagent-VERSION-$(uname -m).tar.gz"
    archive=$1
fi
sums=$(dirname "$archive")/SHA256SUMS
[ -r "$archive" ] || die "cannot read $archive"
[ -r "$sums" ] || die "there is no $sums to hold $archive against"
name=${archive##*/}
wanted=$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1 }' "$sums")
[ -n "$wanted" ] || die "$sums does not name $name"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
# A copy of our own: what was verified is what is installed.
cp "$archive" "$work/archive"
found=$(sha256sum <"$work/archive")
[ "${found%% *}" = "$wanted" ] || die "$archive is damaged or another one: its SHA-256 is not that of $sums"
mkdir "$work/tree"
tar -xzf "$work/archive" -C "$work/tree" --strip-components=1 --no-same-owner

# put MODE FROM TO: a file whose place in the tree is FROM, at once and as a whole.
put() {
    mkdir -p "$root${3%/*}"
    cp "$work/tree/$2" "$root$3.new"
    chmod "$1" "$root$3.new"
    mv -f "$root$3.new" "$root$3"
    echo "$3" >>"$work/list"
}

umask 022
put 755 usr/bin/pullagent "$prefix/bin/pullagent"
sed -i "s|/usr/bin/pullagent|$prefix/bin/pullagent|" "$work/tree/usr/lib/systemd/system/pullagent.service"
put 644 usr/lib/systemd/system/pullagent.service "$units/pullagent.service"
put 644 usr/lib/sysusers.d/pullagent.conf "$users/pullagent.conf"
put 644 usr/lib/tmpfiles.d/pullagent.conf "$folders/pullagent.conf"
(cd "$work/tree/usr" && find share -type f | LC_ALL=C sort) >"$work/share"
while read -r path; do
    put 644 "usr/$path" "$prefix/$path"
done <"$work/share"
# What an older version had and this one has not.
if [ -e "$root$list" ]; then
    while read -r path; do
        grep -qxF "$path" "$work/list" || rm -f "$root$path"
    done <"$root$list"
fi
cp "$work/list" "$root$list"

if [ ! -d "$root/etc/pullagent" ]; then
    mkdir -p "$root/etc/pullagent"
    chmod 750 "$root/etc/pullagent"
fi
[ -e "$root/etc/pullagent/config.yaml" ] || cp "$work/tree/etc/pullagent/config.yaml" "$root/etc/pullagent/config.yaml"

if [ -n "$root" ]; then
    echo "installed into $root; on that system run systemd-sysusers and systemd-tmpfiles --create, or boot it"
    exit 0
fi
if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers pullagent.conf
    systemd-tmpfiles --create pullagent.conf
fi
if is_live; then
    systemctl daemon-reload
    if [ -n "$start" ]; then
        systemctl enable pullagent.service
        systemctl restart pullagent.service
    fi
fi
"$prefix/bin/pullagent" --version
