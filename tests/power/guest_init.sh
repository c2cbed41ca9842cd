#!/bin/busybox sh
# The first and only program of the guest: opens the disk and backs up one generation of the data after
# the other until the power is cut. Lines that open with @ are for test_power_cuts.py.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
exec </dev/ttyS1 >/dev/ttyS1 2>&1
stty -opost 2>/dev/null

# How it is told what to do: perdure.KEY=VALUE on the kernel's command line.
parameter() {
    sed -n "s/.* perdure\.$1=\([^ ]*\).*/\1/p" /proc/cmdline
}

failed() {
    echo "@failed $*"
    sleep 1000000
}

echo "@started"
for module in /modules/disk/* /modules/"$(parameter kind)"/*; do
    [ -e "$module" ] || continue
    insmod "$module" || failed "insmod $module"
done
echo "@mounting with cache: $(cat /sys/block/vda/queue/write_cache)"
mount -t "$(parameter kind)" -o "$(parameter options)" /dev/vda /disk || failed mount
echo "@mounted"

mkdir -p /disk/home
export HOME=/disk/home PERDURE_REPOSITORY=/disk/repo PERDURE_PASSWORD='correct horse' TZ=UTC
hostname guest
# The planted program: one whose fsync does nothing.
if [ "$(parameter sync)" = no ]; then export LD_PRELOAD=/lib/without_sync.so; fi

perdure list >/tmp/list 2>&1
code=$?
if [ $code = 10 ]; then
    perdure --json init --kdf-memory 19 --kdf-passes 2 || failed "init: exit code $?"
    echo "@made"
elif [ $code != 0 ]; then
    cat /tmp/list
    failed "list: exit code $code"
fi

number=$(parameter first)
stride=$(parameter stride)
while [ "$number" -lt "$(parameter end)" ]; do
    rm -rf /source
    mkdir /source
    dd if=/dev/vdb bs=1M skip=$((number * stride)) count="$stride" 2>/dev/null |
        tar -x -C /source -f - || failed "generation $number"
    echo "@begun $number"
    perdure --json backup /source >/tmp/out 2>&1
    code=$?
    if [ $code != 0 ]; then
        cat /tmp/out
        failed "backup: exit code $code"
    fi
    echo "@acknowledged $number $(sed -n 's/.*"point":"\([^"]*\)".*/\1/p' /tmp/out)"
    number=$((number + 1))
done
echo "@done"
sleep 1000000
