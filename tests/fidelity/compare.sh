#!/bin/bash
# Compares two trees in bytes and metadata with tools that have nothing to do with Perdure.
#
#     compare.sh A B
#
# rsync (content, links, ACLs, attributes, devices), find (types, modes, owners, sizes, times to the
# nanosecond, link targets, which names are one inode), getfattr, getfacl, getcap, lsattr, and
# compare_content.py (holes, huge files, paths that are too long for the others: they leave A/deep
# out). Prints what differs; exit code 0 only if nothing does and every tool ran.
set -uo pipefail
export LC_ALL=C

[ $# = 2 ] || { sed -n '2,9s/^# \?//p' "$0"; exit 2; }
a=$(realpath "$1") b=$(realpath "$2") here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# same NAME COMMAND: runs COMMAND in both trees and compares what it prints, NULs as newlines.
same() {
    local name=$1 side
    for side in a b; do
        (cd "${!side}" && "$2") 2>"$work/errors" | tr '\0' '\n' >"$work/$name.$side" ||
            { echo "== $name does not run"; head -5 "$work/errors"; failed=1; }
    done
    cmp -s "$work/$name.a" "$work/$name.b" && return
    echo "== $name"
    diff -a "$work/$name.a" "$work/$name.b" | head -40
    failed=1
}

# paths [TESTS]: what the tools below are asked about, NUL-terminated and in order.
paths() { find . -path ./deep -prune -o "$@" -print0 | sort -z; }

with_all() { paths "$@" | xargs -0 -r "${tool[@]}"; }

list_entries() {
    find . -path './deep/*' -prune -o ! -type d -printf '%y %m %U %G %s %T@ %P -> %l\0' | sort -z &&
        find . -path './deep/*' -prune -o -type d -printf '%y %m %U %G %T@ %P\0' | sort -z
}
# Which names are one inode. Not the link count: A may have names outside of A.
list_links() {
    find . -path ./deep -prune -o ! -type d -links +1 -printf '%i %P\0' | sort -z |
        perl -0 -ne 'chomp; my ($i, $p) = split / /, $_, 2; push @{$n{$i}}, $p;
                     END { print join("=", @$_), "\0" for
                           sort { $a->[0] cmp $b->[0] } grep { @$_ > 1 } values %n }'
}
list_attributes() { tool=(getfattr -h -d -m - -e hex --); with_all -true; }
list_acls() { tool=(getfacl -P -n -p --); with_all ! -type l; }
list_capabilities() { tool=(getcap -n); with_all -type f; }
# e, I, h, N, E, V and m tell how the filesystem keeps a file, not how it is to be treated.
list_flags() {
    tool=(lsattr -d -p --)
    with_all '(' -type f -o -type d ')' |
        perl -pe 's/^(\s*\d+\s+)([-a-zA-Z]+)(?= )/$1 . ($2 =~ tr{eIhNEVm}{-}r)/e'
}

# It would read huge sparse files whole.
(cd "$a" && find . -path ./deep -prune -o -size +1048576k -printf '/%P\n') >"$work/huge"
rsync -nacHAXx --delete --itemize-changes --modify-window=-1 --exclude=/deep \
    --exclude-from="$work/huge" "$a/" "$b/" >"$work/rsync" 2>&1 || { echo "== rsync does not run"; failed=1; }
if [ -s "$work/rsync" ]; then
    echo "== rsync"
    head -40 "$work/rsync"
    failed=1
fi
same find list_entries
same links list_links
same getfattr list_attributes
same getfacl list_acls
same getcap list_capabilities
if lsattr -d "$a" >/dev/null 2>&1; then same lsattr list_flags; fi
python3 "$here/compare_content.py" "$a" "$b" >"$work/content" 2>&1 ||
    { echo "== content and holes"; head -40 "$work/content"; failed=1; }
exit $failed
