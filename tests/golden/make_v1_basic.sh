#!/bin/sh
# make_v1_basic.sh PERDURE: makes tests/golden/v1-basic/ anew. Run once a format version, as root; what it made is committed and never
# changes again. The source lies at /srv/perdure-golden, whose name is part of the points.
set -eu
perdure=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
out=$here/v1-basic
source=/srv/perdure-golden
[ "$(id -u)" = 0 ] || { echo "must be root: devices and owners are part of it" >&2; exit 1; }
[ ! -e "$source" ] || { echo "$source exists" >&2; exit 1; }
home=$(mktemp -d)
trap 'rm -rf "$home" "$source"' EXIT
export PERDURE_CONFIG_DIR="$home/config" PERDURE_CACHE_DIR="$home/cache"
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

printf 'golden passphrase\n' > "$out/password"
"$perdure" -r "$out/repository" --password-file "$out/password" init > "$home/init"
grep -o 'perdure-1-[a-z2-7-]*' "$home/init" > "$out/recovery-key"
backup() { "$perdure" -r "$out/repository" --password-file "$out/password" backup --host golden "$@" >> "$home/log"; }

backup --tag first "$source"
python3 "$here/listing.py" "$source" | xz -9e > "$out/1-1.jsonl.xz"

printf 'a line more\n' >> "$source/text/readme.txt"
rm "$source/names/a.b"
mv "$source/links" "$source/moved"
mkdir "$source/new" && printf 'new\n' > "$source/new/file"
touch -d @1700000000.123456789 "$source/text/readme.txt" "$source/new/file" "$source/new" "$source/names" "$source"
backup "$source"
python3 "$here/listing.py" "$source" | xz -9e > "$out/1-2.jsonl.xz"

seq 1 5000 | backup --stdin --stdin-name numbers.txt
rm -f "$out/repository/reserve"
rm -rf "$out/repository/tmp"
cat "$home/log"
du -sh "$out"
