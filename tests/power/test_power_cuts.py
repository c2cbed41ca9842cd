"""Hard power-offs of a virtual machine that backs up to its own disk.

The disk has a volatile cache: what was not flushed when the power goes is lost, in part or in whole, in
any order (lossy_disk.py). The machine's own files, its writer key and its cache, lie on the same disk
as the repository. After each cut a copy of the disk is mounted, which replays its journal, and must
hold every acknowledged point; then the machine boots again from the disk itself and goes on.

A point counts as acknowledged when the guest reported it after its backup exited 0.

PERDURE_POWER_CUTS     how many, in all
PERDURE_FILE_SYSTEMS   only machines with these, as in ext4,xfs
"""

import collections
import contextlib
import hashlib
import itertools
import os
import pathlib
import shutil
import sys
import tarfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "process"))

import guest  # noqa: E402
from disks import run  # noqa: E402
from lossy_disk import DiskServer, LossyDisk  # noqa: E402
from process_harness import LONG, PROGRAM, ProcessTest, content_of, count, main, needs  # noqa: E402

POWER_CUTS = int(os.environ.get("PERDURE_POWER_CUTS", 120 if LONG else 12))
CUTS = 15  # of a machine; then comes another, on the next file system
# What a machine backs up: one generation a point, each in its own slot of the second disk.
GENERATIONS = 200
ROOM = 40  # of them, more than a boot makes points
STRIDE_MIB = 4
DISK_SIZE = 1 << 30

FileSystem = collections.namedtuple("FileSystem", "kind options make")
FILE_SYSTEMS = [
    FileSystem("ext4", "data=ordered", ["-q", "-F"]),
    FileSystem("xfs", "noatime", ["-q", "-f"]),
    FileSystem("ext4", "data=writeback", ["-q", "-F"]),
    FileSystem("btrfs", "noatime", ["-q", "-f"]),
]


def digests_of(root):
    """As content_of(), without the bytes."""
    return {name: (*entry[:-1], hashlib.sha256(entry[-1]).digest()) if entry[0] == "file" else entry
            for name, entry in content_of(root).items()}


def give_whole_seconds(tree):
    """The tar of the guest sets no finer times."""
    for path in [*tree.rglob("*"), tree]:
        seconds = int(path.stat().st_mtime)
        os.utime(path, (seconds, seconds))


def tar_of(tree, path):
    """Folders last: what is put into them changes their times."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        entries = [*tree.rglob("*"), tree]
        for entry in sorted(entries, key=lambda e: (e.is_dir(), -len(e.parts), e)):
            tar.add(entry, arcname=f"./{entry.relative_to(tree)}", recursive=False)


def file_systems():
    chosen = os.environ.get("PERDURE_FILE_SYSTEMS")
    return [f for f in FILE_SYSTEMS if not chosen or f.kind in chosen.split(",")]


class Machine:
    """What outlives a power cut: the disk, and what the host knows of its points."""

    def __init__(self, folder, file_system):
        self.file_system = file_system
        self.image = folder / "disk.image"
        self.source = folder / "source.image"
        self.generations = []  # what each holds
        self.known = {}  # point -> its generation
        self.made = False  # its init was acknowledged
        self.next = 0  # the generation to begin with
        self.begun = False  # that one was being backed up when the power went
        self.cuts = 0
        with open(self.image, "wb") as file:
            file.truncate(DISK_SIZE)
        run(f"mkfs.{file_system.kind}", *file_system.make, self.image)


@unittest.skipIf(guest.missing(), f"needs {guest.missing()} (scripts/setup --long)")
@needs("setpriv", "losetup", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs")
class PowerCutTest(ProcessTest):
    def setUp(self):
        super().setUp()
        self.initramfs = self.dir / "initramfs"
        guest.build_initramfs(self.initramfs, PROGRAM)
        print(f"under {guest.accelerator(self.initramfs)}", flush=True)
        self.at = self.dir / "mounted"
        self.at.mkdir()

    def tally(self, key, number=1):
        count(key, number)

    def make_machine(self, file_system, generations=GENERATIONS):
        self.machine = Machine(self.dir, file_system)
        self.draw_generations(generations)

    def draw_generations(self, number):
        shutil.rmtree(self.dir / "tree", ignore_errors=True)
        tree = self.random_tree(files=24, size=40_000)
        archive = self.dir / "generation.tar"
        with open(self.machine.source, "wb") as source:
            for at in range(number):
                self.change(tree, size=40_000)
                give_whole_seconds(tree)
                self.machine.generations.append(digests_of(tree))
                tar_of(tree, archive)
                data = archive.read_bytes()
                assert len(data) <= STRIDE_MIB << 20
                source.seek(at * STRIDE_MIB << 20)
                source.write(data)
            source.truncate(number * STRIDE_MIB << 20)
        self.tree = tree

    # ------------------------------------------------------------------------------ the guest

    @contextlib.contextmanager
    def running(self, ignores_flushes=False, sync=True):
        """A guest on its disk. The caller cuts the power; what is lost then is drawn."""
        machine, socket = self.machine, self.dir / "disk.socket"
        socket.unlink(missing_ok=True)
        disk = LossyDisk(machine.image, ignores_flushes)
        server = DiskServer(disk, socket)
        vm = guest.Guest(self.dir, self.initramfs, socket, machine.source, {
            "kind": machine.file_system.kind, "options": machine.file_system.options,
            "first": machine.next, "end": len(machine.generations), "stride": STRIDE_MIB,
            "sync": "yes" if sync else "no"})
        try:
            yield vm, server
        finally:
            server.cut_power()
            vm.kill()
            server.close()

    def lose_power(self, vm, server, share=None):
        server.cut_power()
        vm.kill()
        unflushed = len(server.disk.unflushed)
        lost = server.disk.lose_power(self.random, share)
        self.tally("power_cuts")
        self.tally("power_cuts_with_unflushed_writes", bool(unflushed))
        self.tally("power_cuts_that_lost_writes", bool(lost))
        self.note_reports(vm)
        return unflushed, lost

    def note_reports(self, vm):
        machine = self.machine
        self.assertEqual(vm.reports("@failed"), [], vm.story())
        for cache in vm.reports("@mounting"):
            self.assertEqual(cache, "with cache: write back")
        machine.made = machine.made or bool(vm.reports("@made"))
        for line in vm.reports("@acknowledged"):
            generation, point = line.split()
            machine.known[point] = int(generation)
            machine.made = True
            machine.next = int(generation) + 1
            self.tally("acknowledged_points")
        machine.begun = machine.next in map(int, vm.reports("@begun"))
        self.tally("power_cuts_in_a_backup", machine.begun)

    # ------------------------------------------------------------------------------ the oracle

    @contextlib.contextmanager
    def mounted_copy(self):
        """The disk as its file system recovers it, and the program's environment on it."""
        copy = self.dir / "copy.image"
        run("cp", "--sparse=always", self.machine.image, copy)
        system = self.machine.file_system
        run("mount", "-t", system.kind, "-o", f"loop,{system.options}", copy, self.at)
        try:
            self.env["HOME"] = str(self.at / "home")
            self.env["PERDURE_REPOSITORY"] = str(self.at / "repo")
            (self.at / "home").mkdir(exist_ok=True)
            yield
        finally:
            run("umount", self.at)
            copy.unlink()

    def check_disk(self):
        """Every acknowledged point is there and whole, nothing is half there, and work goes on."""
        with self.mounted_copy():
            if not self.machine.made:
                self.check_init()
            self.check_list()
            self.check_points()
            self.assert_deep_check_is_clean()
            self.check_next_backup()

    def check_init(self):
        """Nobody was told that there is a repository: either there is one, or it can be made."""
        if self.run_program("list", code=None).code == 10:
            self.init()
            self.tally("unfinished_inits")

    def check_list(self):
        """What was acknowledged, and at most the point that was being made."""
        machine = self.machine
        # Points that are cut short are listed as problems: gone, too.
        result = self.json("list", code=None)
        listed = [point["id"] for point in result.of_type("point")]
        lost = [point for point in machine.known if point not in listed]
        self.assertEqual(lost, [], "acknowledged points are gone")
        self.assertEqual(result.code, 0, result)
        new = [point for point in listed if point not in machine.known]
        self.assertLessEqual(len(new), int(machine.begun), f"points of nobody: {new}")
        for point in new:
            machine.known[point] = machine.next
            machine.next += 1
            self.tally("committed_and_not_acknowledged")

    def check_points(self):
        for point, generation in self.machine.known.items():
            target = self.dir / "restored"
            self.run_program("restore", f"{point}:/source", "--target", target)
            found, wanted = digests_of(target), self.machine.generations[generation]
            shutil.rmtree(target)
            different = sorted(k for k in {*found, *wanted} if found.get(k) != wanted.get(k))
            self.assertEqual(different, [], f"point {point} does not hold generation {generation}")
            self.tally("points_restored")

    def check_next_backup(self):
        point = self.backup(self.tree)["point"]
        self.assertEqual(self.listed()[-1], point)
        self.assert_restores(point, self.tree, content_of(self.tree))


class PowerCut(PowerCutTest):
    def cut_somewhere(self):
        """At any time, at any write or flush, or as soon as a point is acknowledged."""
        kind = self.random.choice(["time", "change", "answer"])
        number = self.random.randrange(1, 6)
        change = self.random.randrange(1, 400)
        seconds = self.random.random() * guest.seconds_of_work(self.initramfs)
        with self.running() as (vm, server):
            if kind == "change":
                server.cut_power_at_change(change)
                server.power_is_off.wait(guest.PATIENCE)
            elif kind == "answer":
                self.assertTrue(vm.wait_for("@acknowledged", number), vm.story())
            else:
                self.assertTrue(vm.wait_for("@mounting"), vm.story())
                server.power_is_off.wait(seconds)
            unflushed, lost = self.lose_power(vm, server)
        chosen = {"time": f"{seconds:.2f} s", "change": f"write or flush {change}",
                  "answer": f"point {number} acknowledged"}
        return f"{chosen[kind]}; of {unflushed} unflushed writes {lost} parts lost"

    def test_acknowledged_points_outlive_it(self):
        systems = itertools.cycle(file_systems())
        for number in range(POWER_CUTS):
            if number == 0 or self.machine.cuts == CUTS or self.machine.next > GENERATIONS - ROOM:
                self.make_machine(next(systems))
            self.machine.cuts += 1
            where = self.cut_somewhere()
            system = self.machine.file_system
            print(f"cut {number}, {system.kind} {system.options}: {where}", flush=True)
            with self.subTest(cut=number, where=where, file_system=system):
                self.check_disk()


class PlantedBug(PowerCutTest):
    """The same oracle finds a disk, and a program, that only say that they keep what they are given."""

    def tally(self, key, number=1):
        """What is lost on purpose is not among the figures."""

    def after_a_cut(self, **planted):
        """A machine with a point from before, which is sound, and a new one."""
        self.make_machine(FILE_SYSTEMS[0], generations=20)
        for options in ({}, planted):
            with self.running(**options) as (vm, server):
                self.assertTrue(vm.wait_for("@acknowledged", 2), vm.story())
                self.lose_power(vm, server, share=0)
            if not options:
                self.check_disk()

    def test_a_disk_that_ignores_flushes_is_found(self):
        self.after_a_cut(ignores_flushes=True)
        with self.assertRaisesRegex(AssertionError, "acknowledged points are gone"):
            self.check_disk()
        count("planted_power_bugs")

    def test_a_program_that_does_not_sync_is_found(self):
        self.after_a_cut(sync=False)
        with self.assertRaisesRegex(AssertionError, "acknowledged points are gone"):
            self.check_disk()
        count("planted_power_bugs")


if __name__ == "__main__":
    main()
