#!/bin/sh
# make_v1_basic.sh PERDURE: makes tests/golden/v1-basic/ anew, as root. Run once a format version; what it made is committed and never
# changes again. All trees are of /srv/perdure-golden, whose name is part of the points.
#
# A life of a repository: three writers, points of files and of a stream, one PARTIAL, a checkpoint, a number that was fenced, changed
# tags, keys rotated, a writer revoked. What the commands cannot make yet is not in it: the fates PROTECTED, UNPROTECTED and EXPIRED,
# barriers and lists, points of volumes.
set -eu
perdure=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
out=$here/v1-basic
source=/srv/perdure-golden
[ "$(id -u)" = 0 ] || { echo "must be root: devices and owners are part of it" >&2; exit 1; }
[ ! -e "$source" ] || { echo "$source exists" >&2; exit 1; }
home=$(mktemp -d)
trap 'rm -rf "$home" "$source"' EXIT
export PERDURE_CONFIG_DIR="$home/config" PERDURE_CACHE_DIR="$home/cache" PERDURE_REPOSITORY="$out/repository"
rm -rf "$out"
mkdir -p "$out"

python3 - "$source" <<'PYTHON'
import os, random, socket, stat, struct, sys

root = os.fsencode(sys.argv[1])
rng = random.Random(1)

def put(name, content=b"", mode=0o644, owner=(0, 0)):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    os.chown(path, *owner)
    os.chmod(path, mode)
    return path

put(b"text/readme.txt", b"Perdure keeps this.\n" * 40, owner=(1000, 1000))
put(b"text/empty")
put(b"text/setuid", b"#!/bin/true\n", 0o4755)
put(b"data/random.bin", rng.randbytes(60000))
put(b"data/blocks", b"".join(b"%07d and the same words, so that three blocks of a mebibyte take little room\n" % i for i in range(40000)))
words = [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(900)]
put(b"data/dump.sql", b"".join(b"INSERT INTO t VALUES (%d, '%s');\n" % (i, b" ".join(rng.choices(words, k=6))) for i in range(4000)))
with open(put(b"data/sparse"), "r+b") as file:
    file.seek(1 << 20)
    file.write(b"in the middle")
    file.truncate((3 << 20) + 5)
with open(put(b"data/many-runs"), "r+b") as file:  # more runs than lie in an entry
    for i in range(400):
        file.seek(i * 16384)
        file.write(bytes([65 + i % 3]) * 4096)
    file.truncate(400 * 16384)
for i in range(4000):  # more than one page of entries
    put(b"many/file-%04d" % i)
put(b"names/caf\xc3\xa9", b"utf-8")
put(b"names/not-utf8-\xff\xfe", b"bytes")
put(b"names/new\nline", b"newline")
put(b"names/" + b"n" * 255, b"long")
put(b"names/a/x"); put(b"names/a-b"); put(b"names/a.b")  # '/' sorts below '-' and '.'
deep = b"/".join([b"deep%02d" % i for i in range(40)])
put(b"deep/" + deep + b"/end", b"end")
first = put(b"links/first", b"one file, three names\n")
os.makedirs(os.path.join(root, b"links/below"))
os.link(first, os.path.join(root, b"links/below/second"))
os.link(first, os.path.join(root, b"links/third"))
os.symlink(b"first", os.path.join(root, b"links/relative"))
os.symlink(b"/nowhere/at\xff/all", os.path.join(root, b"links/dangling"))
os.lchown(os.path.join(root, b"links/relative"), 12, 34)
special = os.path.join(root, b"special")
os.makedirs(special)
os.mkfifo(os.path.join(special, b"fifo"), 0o640)
with socket.socket(socket.AF_UNIX) as s:
    s.bind(os.path.join(special, b"socket"))
os.mknod(os.path.join(special, b"null"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
os.mknod(os.path.join(special, b"loop"), 0o660 | stat.S_IFBLK, os.makedev(7, 300))
path = put(b"attributes/user", b"x")
os.setxattr(path, b"user.note", b"a note")
os.setxattr(path, b"user.binary", bytes(range(256)))
os.setxattr(path, b"user.empty", b"")
os.setxattr(path, b"trusted.golden", b"root only")
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in [
    (1, 6, 0xFFFFFFFF), (2, 4, 1001), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)])
os.setxattr(put(b"attributes/acl", b"x"), b"system.posix_acl_access", acl)
capability = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
os.setxattr(put(b"attributes/capability", b"x", 0o755), b"security.capability", capability)
os.setxattr(os.path.join(root, b"attributes"), b"user.of-directory", b"y" * 3000)
os.chmod(os.path.join(root, b"text"), 0o3771)
os.chmod(os.path.join(root, b"names/a"), 0o500)

# Times last, directories after what lies in them; before 1970 and far ahead too.
at = 1_600_000_000_000_000_001
for folder, folders, files in os.walk(root, topdown=False):
    for name in sorted(files + folders):
        path = os.path.join(folder, name)
        os.utime(path, ns=(at, at), follow_symlinks=False)
        at += 1_000_000_007
os.utime(os.path.join(root, b"text/empty"), ns=(-1, -1))
os.utime(os.path.join(root, b"names/a-b"), ns=(7_258_118_400_000_000_000, 7_258_118_400_000_000_000))
os.utime(os.path.join(root, b"text"), ns=(0, 0))
os.utime(root, ns=(1_600_000_000_000_000_000, 1_600_000_000_000_000_000))
PYTHON

first="$home/first-password"
printf 'before the rotation\n' > "$first"
printf 'golden passphrase\n' > "$out/password"
owner="--password-file $first"
perdure() { "$perdure" "$@" >> "$home/log"; }
list_source() { python3 "$here/listing.py" "$source" | grep -v unreadable | xz -9e > "$out/$1.jsonl.xz"; }
# begin_stream OPTION…: a session that stored something and is in the middle of a stream; its process is $running.
begin_stream() {
    mkfifo "$home/fifo"
    "$perdure" backup --stdin --stdin-name never-finished "$@" < "$home/fifo" >> "$home/log" 2>&1 &
    running=$!
    exec 9> "$home/fifo"
    seq 1 60000 >&9
    sleep 2
}
end_stream() {
    kill "-$1" $running
    sleep 1
    exec 9>&-
    wait $running || true
    rm "$home/fifo"
}

perdure $owner init --kdf-memory 19 --kdf-passes 2
perdure $owner backup --host golden --tag first "$source"  # 1-1
list_source 1-1

printf 'a line more\n' >> "$source/text/readme.txt"
rm "$source/names/a.b"
mv "$source/links" "$source/moved"
mkdir "$source/new" && printf 'new\n' > "$source/new/file"
touch -d @1700000000.123456789 "$source/text/readme.txt" "$source/new/file" "$source/new" "$source/names" "$source"
perdure $owner backup --host golden "$source"  # 1-2
list_source 1-2
seq 1 5000 | perdure $owner backup --host golden --stdin --stdin-name numbers.txt  # 1-3
begin_stream $owner --host golden  # 1-4: a checkpoint
end_stream TERM  # a shell lets its background processes ignore SIGINT

# Another host, which may only speak for itself. From here on the tree is small: other writers store all of it again.
rm -rf "$source/many" "$source/data" "$source/deep"
perdure $owner key writer add other --host other --output "$home/other.key"
perdure --writer-key "$home/other.key" backup --host other "$source"  # 2-1
list_source 2-1
perdure $owner tag 1-1 --add kept --remove first
perdure $owner tag 1-1 --add "all of it"

# A host that is stolen, in the middle of its second backup.
perdure $owner key writer add stolen --output "$home/stolen.key"
perdure --writer-key "$home/stolen.key" backup --host stolen --tag last "$source"  # 3-1
list_source 3-1
begin_stream --writer-key "$home/stolen.key" --host stolen  # 3-2: will be fenced
end_stream KILL
perdure $owner key writer revoke stolen --reason "left on a train"

"$perdure" $owner --json key rotate --new-password-file "$out/password" --kdf-memory 19 --kdf-passes 2 --label second > "$home/rotated"
grep -o 'perdure-1-[a-z2-7-]*' "$home/rotated" > "$out/recovery-key"
owner="--password-file $out/password"
perdure $owner key add --new-password-file "$first" --kdf-memory 20 --kdf-passes 2 --label third
# What was enrolled before writes under the new keys. Root without its rights over files cannot read this one.
printf 'not for all eyes\n' > "$source/text/unreadable"
chmod 0 "$source/text/unreadable"
chown 1000 "$source/text/unreadable"
touch -d @1700000001 "$source/text" "$source/text/readme.txt"
status=0
setpriv --bounding-set=-dac_override,-dac_read_search "$perdure" --writer-key "$home/other.key" backup --host other "$source" >> "$home/log" || status=$?
[ $status = 3 ] || { echo "the PARTIAL point is exit code $status" >&2; exit 1; }
list_source 2-2
rm "$source/text/unreadable"
touch -d @1700000002 "$source/text"
perdure $owner backup --host golden "$source"  # 1-5
list_source 1-5

cat > "$out/expected.json" <<'JSON'
{
 "root": "srv/perdure-golden",
 "points": {
  "1-1": {"host": "golden", "kind": "files", "outcome": "success", "tags": ["all of it", "kept"]},
  "1-2": {"host": "golden", "kind": "files", "outcome": "success", "tags": []},
  "1-3": {"host": "golden", "kind": "stream", "outcome": "success", "tags": [], "lines": 5000, "name": "numbers.txt"},
  "2-1": {"host": "other", "kind": "files", "outcome": "success", "tags": []},
  "3-1": {"host": "stolen", "kind": "files", "outcome": "success", "tags": ["last"]},
  "2-2": {"host": "other", "kind": "files", "outcome": "partial", "tags": []},
  "1-5": {"host": "golden", "kind": "files", "outcome": "success", "tags": []}
 },
 "others": {"1-4": "checkpoint", "3-2": "fence"},
 "writers": {"1": "enrolled", "2": "enrolled", "3": "revoked"},
 "epoch": 4,
 "generation": 3
}
JSON
printf 'before the rotation\n' > "$out/other-password"
rm -f "$out/repository/reserve"
rm -rf "$out/repository/tmp"
cat "$home/log"
du -sh "$out"
