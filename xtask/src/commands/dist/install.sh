#!/bin/sh
# Installs migscope from the folder that this script is in, and removes it again.
#
# Every file is held against SHA256SUMS before the first one is written. What was installed, and
# which folders were made for it, stands in PREFIX/share/migscope/installed.
set -eu
umask 022

# The machine that the program is for. `cargo xtask dist` writes it.
machine=@MACHINE@

usage() {
    cat <<'END'
Usage: ./install.sh [--prefix FOLDER]              installs below it [default: /usr/local]
       ./install.sh --uninstall [--prefix FOLDER]  removes what was installed there
END
}

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# Each file of the list, by its path in this folder.
files() {
    sed 's/^[0-9a-f]* [ *]//' "$sums"
}

# Where a file goes.
target() {
    case $1 in
    usr/share/zsh/vendor-completions/*) echo "$prefix/share/zsh/site-functions/${1##*/}" ;;
    usr/*) echo "$prefix/${1#usr/}" ;;
    *) echo "$prefix/$1" ;;
    esac
}

check_machine() {
    this=$(uname -m)
    [ "$this" = "$machine" ] || fail "this is for $machine, and this machine is $this: take the file for that"
}

check_sums() {
    [ -f "$sums" ] || fail "$sums is missing: unpack the tarball again"
    said=$(cd "$here" && sha256sum -c SHA256SUMS 2>&1) ||
        fail "files are not as they were made, and nothing was installed; fetch the tarball again:
$(printf '%s\n' "$said" | grep -v ': OK$')"
}

# Nothing of others is replaced, and nothing is left half installed for want of a permission.
check_targets() {
    for to in "$record" "$script"; do
        check_folder "$to"
    done
    files | while read -r path; do
        to=$(target "$path")
        if [ -e "$to" ] && ! is_ours "$to"; then
            fail "$to is there, and not by this script: remove it first, or give another --prefix"
        fi
        check_folder "$to"
    done
}

is_ours() {
    [ -f "$record" ] && grep -qxF "$1" "$record"
}

# The nearest folder above a file that is there.
check_folder() {
    folder=$(dirname "$1")
    while [ ! -e "$folder" ]; do
        folder=$(dirname "$folder")
    done
    if ! [ -d "$folder" ] || ! [ -w "$folder" ]; then
        fail "nothing can be written to $folder: run it as root (sudo ./install.sh), or give a --prefix that is yours"
    fi
}

# Makes a folder and those above it, and names those that it made.
make_folder() {
    [ -d "$1" ] && return
    make_folder "$(dirname "$1")"
    mkdir "$1"
    echo "$1/"
}

# It is in the record before it is there.
write() {
    make_folder "$(dirname "$2")" >>"$record"
    echo "$2" >>"$record"
    case $1 in
    *.service) sed "s,/usr/bin/,$prefix/bin/,g" "$1" >"$2" ;;
    *) cat "$1" >"$2" ;;
    esac
    case $1 in
    "$here"/usr/bin/* | *.sh) chmod 755 "$2" ;;
    esac
}

put_in() {
    check_machine
    check_sums
    check_targets
    # An older version, which may have had other files.
    [ ! -f "$record" ] || take_out
    made=$(make_folder "$store")
    echo "$made" | sed '/^$/d' >"$record"
    write "$here/install.sh" "$script"
    files | while read -r path; do
        write "$here/$path" "$(target "$path")"
    done
    echo "$prefix/bin/migscope is installed. What this machine allows: sudo $prefix/bin/migscope doctor"
    echo "To remove it: $script --uninstall --prefix $prefix"
}

# Folders go if they were made for this and nobody has put anything else there.
take_out() {
    folders=$(sed -n 's,/$,,p' "$record" | sort -r)
    while read -r path; do
        case $path in
        */) ;;
        *) rm -f "$path" ;;
        esac
    done <"$record"
    rm -f "$record"
    echo "$folders" | while read -r folder; do
        [ -z "$folder" ] || rmdir "$folder" 2>/dev/null || true
    done
}

uninstall() {
    [ -f "$record" ] || fail "nothing of this script's is below $prefix (there is no $record): give its --prefix"
    if ! [ -w "$record" ] || ! [ -w "$store" ]; then
        fail "nothing can be removed from $store: run it as root (with sudo)"
    fi
    is_running=false
    if [ -d /run/systemd/system ]; then
        unit=$(systemctl show --property FragmentPath --value migscope.service)
        [ "$unit" != "$prefix/lib/systemd/system/migscope.service" ] || is_running=true
    fi
    if $is_running; then
        systemctl disable --now migscope.service
    fi
    take_out
    if $is_running; then
        systemctl daemon-reload
    fi
    echo "migscope is gone from $prefix."
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
sums=$here/SHA256SUMS
prefix=/usr/local
action=put_in
while [ $# -gt 0 ]; do
    case $1 in
    --prefix)
        [ $# -gt 1 ] || fail "--prefix is followed by a folder"
        prefix=$2
        shift
        ;;
    --prefix=*) prefix=${1#--prefix=} ;;
    --uninstall) action=uninstall ;;
    -h | --help)
        usage
        exit
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done
case $prefix in
/*) ;;
*) fail "a --prefix begins with /: $prefix" ;;
esac
case $prefix in
*[!A-Za-z0-9/._+@-]*) fail "a --prefix has letters, digits and /._+@- alone: $prefix" ;;
esac
prefix=${prefix%/}
store=$prefix/share/migscope
record=$store/installed
script=$store/install.sh
$action
