"""A small virtual machine: Debian's cloud kernel, busybox, the program, and two disks.

Its parts are unpacked by `scripts/setup --long` into build/guest. The first disk is the one whose power
is cut (lossy_disk.py), the second holds what the guest is to back up. There is no network. The second
serial line carries what guest_init.sh reports, the first what the kernel says.
"""

import functools
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import threading

HERE = pathlib.Path(__file__).resolve().parent
PARTS = HERE.parent.parent / "build" / "guest"
QEMU = "qemu-system-x86_64"
# What the guest loads: always, and for its file system. ext4 is built in.
MODULES = {"disk": ["virtio_pci", "virtio_blk"], "ext4": [], "xfs": ["xfs"], "btrfs": ["btrfs"]}
WITHOUT_SYNC = "usr/lib/x86_64-linux-gnu/libeatmydata.so"
# A guest that is emulated instruction by instruction takes its time.
PATIENCE = 300
# A hypervisor may show arch-capabilities to a guest and then refuse them to a guest within.
ACCELERATORS = {"kvm": ["-accel", "kvm", "-cpu", "host,arch-capabilities=off"],
                "tcg": ["-accel", "tcg", "-cpu", "max"]}


def missing():
    """What `scripts/setup --long` would install, or None."""
    if shutil.which(QEMU) is None:
        return QEMU
    wanted = ["bin/busybox", "boot/vmlinuz-*", "lib/modules/*", WITHOUT_SYNC]
    return next((name for name in wanted if not list(PARTS.glob(name))), None)


# ---------------------------------------------------------------------------------- initramfs


class Archive:
    """A cpio archive as the kernel unpacks it ("newc")."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.entries = 0
        self.folders = {"."}

    def add(self, name, mode, data=b"", device=(0, 0)):
        self.entries += 1
        encoded = name.encode() + b"\0"
        fields = [self.entries, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
        self.pad(b"070701" + b"".join(b"%08X" % field for field in fields) + encoded)
        self.pad(data)

    def pad(self, data):
        self.file.write(data + b"\0" * (-len(data) % 4))

    def add_folder(self, name):
        for folder in [*reversed(pathlib.PurePath(name).parents[:-1]), pathlib.PurePath(name)]:
            if str(folder) not in self.folders:
                self.folders.add(str(folder))
                self.add(str(folder), stat.S_IFDIR | 0o755)

    def add_file(self, name, source, mode=0o755):
        self.add_folder(str(pathlib.PurePath(name).parent))
        self.add(name, stat.S_IFREG | mode, pathlib.Path(source).read_bytes())

    def close(self):
        self.add("TRAILER!!!", 0)
        self.file.close()


def libraries_of(program):
    """Paths of the shared libraries it loads, its loader among them."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True)
    return re.findall(r"(/\S+) \(0x", done.stdout) if done.returncode == 0 else []


def in_order(modules):
    """Their files with what each depends on before it; what is built in has no file."""
    folder = next(PARTS.glob("lib/modules/*"))
    files = {path.stem.replace("-", "_"): path for path in folder.rglob("*.ko")}
    ordered = []

    def visit(name):
        path = files.get(name.replace("-", "_"))
        if path is None or path in ordered:
            return
        depends = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for other in depends.group(1).decode().split(",") if depends else []:
            visit(other)
        ordered.append(path)

    for module in modules:
        visit(module)
    return ordered


def build_initramfs(path, program):
    archive = Archive(path)
    for folder in ("bin", "dev", "proc", "sys", "tmp", "disk", "source", "modules"):
        archive.add_folder(folder)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add_file("init", HERE / "guest_init.sh")
    busybox = PARTS / "bin/busybox"
    archive.add_file("bin/busybox", busybox)
    archive.add_file("bin/perdure", shutil.which(program) or program)
    libraries = {*libraries_of(busybox), *libraries_of(shutil.which(program) or program)}
    for library in sorted(libraries):
        archive.add_file(library.lstrip("/"), library)
    archive.add_file("lib/without_sync.so", PARTS / WITHOUT_SYNC)
    for kind, modules in MODULES.items():
        archive.add_folder(f"modules/{kind}")
        for number, module in enumerate(in_order(modules)):
            archive.add_file(f"modules/{kind}/{number:03}-{module.name}", module)
    archive.close()


# ---------------------------------------------------------------------------------- the machine


@functools.cache
def accelerator(initramfs):
    """kvm where a guest comes up under it: some hypervisors offer it and then do not run one."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    trial = Process("kvm", initramfs, ["-serial", "null", "-serial", "stdio"], "")
    try:
        return "kvm" if trial.wait_for("@started", seconds=20) else "tcg"
    finally:
        trial.kill()


def seconds_of_work(initramfs):
    """In which a guest makes some points."""
    return 1.5 if accelerator(initramfs) == "kvm" else 8


class Process:
    """A running QEMU and the lines that its guest has reported."""

    def __init__(self, how, initramfs, devices, words):
        self.lines = []
        self.news = threading.Condition()
        self.ended = False
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", QEMU, *ACCELERATORS[how], "-m", "768", "-smp", "2", "-nodefaults", "-no-user-config",
             "-display", "none", "-no-reboot", "-kernel", next(PARTS.glob("boot/vmlinuz-*")),
             "-initrd", initramfs, "-append", f"console=ttyS0 panic=-1 quiet {words}", *devices],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            # A line without its end was cut with the power.
            if line.endswith(b"\n"):
                with self.news:
                    self.lines.append(line.decode(errors="replace").strip())
                    self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def reports(self, word):
        """What followed `word` on each line that opened with it."""
        with self.news:
            return [line[len(word):].strip() for line in self.lines if line.split(" ")[0] == word]

    def wait_for(self, word, number=1, seconds=PATIENCE):
        """Until `number` such lines came, or the guest failed or ended. False when they did not."""
        def came():
            return len(self.reports(word)) >= number

        with self.news:
            self.news.wait_for(lambda: came() or self.ended or self.reports("@failed"), seconds)
            return came()

    def kill(self):
        """SIGKILL; then all that it had reported is in `lines`."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


class Guest(Process):
    """The machine on its disk, which is told by `parameters` what to do."""

    def __init__(self, folder, initramfs, disk_socket, source, parameters):
        self.kernel_log = folder / "kernel.log"
        words = " ".join(f"perdure.{key}={value}" for key, value in parameters.items())
        super().__init__(accelerator(initramfs), initramfs, [
            "-serial", f"file:{self.kernel_log}", "-serial", "stdio",
            "-blockdev", f"driver=nbd,node-name=disk,server.type=unix,server.path={disk_socket}",
            "-device", "virtio-blk-pci,drive=disk,write-cache=on",
            "-blockdev", f"driver=file,node-name=source,filename={source},read-only=on",
            "-device", "virtio-blk-pci,drive=source"], words)

    def story(self):
        """For the message of a failure."""
        kernel = self.kernel_log.read_text(errors="replace") if self.kernel_log.exists() else ""
        return "\n".join(["guest:", *self.lines[-30:], "kernel:", kernel[-3000:]])
