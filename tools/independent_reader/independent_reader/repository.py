"""FORMAT.md, 4 to 9, 14, 15 and 21: opening a repository, and which points to believe."""

import os
from dataclasses import dataclass

from . import keys
from .primitives import Corrupt, Session, Unsupported, digest
from .records import (CLEAR, CONFIG, ENROLMENT, EPOCH, FATE, IMPORT, INDEX_KEY, KEY_SLOT, LOG_ENTRY, MAINTAINER,
                      OWNER, POINT, POINT_BODY, SESSION, VERIFIER, open_record, parse)
from .schema import messages

POINT_KINDS = (messages.FILES, messages.VOLUME, messages.STREAM, messages.INSTANCE, messages.PROVIDER,
               messages.REPAIRED, messages.COPY)
KNOWN_FEATURES = frozenset()
FIRST_OF_REPLICAS = 1 << 31


@dataclass
class Point:
    session: Session
    header: object
    digest: bytes
    name: str
    body: bytes  # framed
    tags: list
    expired: bool = False


class Repository:
    def __init__(self, folder, secret, report):
        """`secret`: passphrase or recovery key as bytes. `report(name, why)` is told of what cannot be believed."""
        self.folder, self.report = folder, report
        self._problems = set()
        self._boxes, self._ends, self._others = {}, {}, {}
        self._load_config()
        self._load_epochs()
        self._adopt(self._seed(secret))
        self._load_enrolments()

    # ---- the store

    def path(self, name):
        return os.path.join(self.folder, name)

    def load(self, name):
        try:
            with open(self.path(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def list(self, prefix):
        for folder, folders, files in os.walk(self.path(prefix)):
            folders.sort()
            for file in sorted(files):
                yield os.path.relpath(os.path.join(folder, file), self.folder)

    def problem(self, name, why):
        if (name, str(why)) not in self._problems:
            self._problems.add((name, str(why)))
            self.report(name, why)

    # ---- config, epochs, keys

    def _load_config(self):
        data = self.load("perdure")
        if data is None:
            raise Corrupt("there is no repository here: perdure is missing")
        record = open_record(data, "perdure", CONFIG, CLEAR)
        self.config = parse(messages.Config, record.body)
        self.id = self.config.repository
        if (self.config.format_version, self.config.chunker.algorithm, self.config.hash) != (1, 1, 1):
            raise Unsupported("the repository was made by a newer program")
        if len(self.id) != 16 or record.role != OWNER or not record.signed_by(self.id, self.config.owner_verify_key):
            raise Corrupt("perdure: the config does not authenticate")

    def _load_epochs(self):
        self.epochs, self._epoch_digest, self.lost_epoch = [], self.config.first_epoch_digest, ""
        while (data := self.load(name := f"epochs/{len(self.epochs) + 1:08x}")) is not None:
            try:
                self.epochs.append(self._read_epoch(name, data))
            except (Corrupt, Unsupported) as error:
                if not self.epochs:
                    raise
                self.lost_epoch = name  # what lies under the epochs before it can be read all the same
                self.problem(name, error)
                break
            self._epoch_digest = digest(data)
        if not self.epochs:
            raise Corrupt("epochs/00000001 is missing")
        unknown = set(self.epochs[-1].features.read) - KNOWN_FEATURES
        if unknown:
            raise Unsupported(f"the repository uses {', '.join(sorted(unknown))}")

    def _read_epoch(self, name, data):
        number = len(self.epochs) + 1
        record = open_record(data, name, EPOCH, CLEAR)
        epoch = parse(messages.Epoch, record.body)
        if (epoch.number, epoch.repository, record.role, record.epoch) != (number, self.id, OWNER, number) or \
                not record.signed_by(self.id, epoch.owner_verify_key):
            raise Corrupt(f"{name}: does not authenticate")
        if number == 1:
            follows = digest(data) == self._epoch_digest and epoch.owner_verify_key == self.config.owner_verify_key
        else:
            follows = epoch.previous_digest == self._epoch_digest and self._handed_over(record, epoch, self.epochs[-1])
        if not follows:
            raise Corrupt(f"{name}: does not follow what was before it")
        return epoch

    def _handed_over(self, record, epoch, before):
        if epoch.owner_verify_key == before.owner_verify_key:
            return True
        record.signature = record.previous_owner_signature
        return record.signed_by(self.id, before.owner_verify_key)

    def _seed(self, secret):
        text = secret.decode("utf-8", "replace")
        if keys.looks_like_recovery_key(text):
            return keys.seed_of_recovery_key(text)
        damaged = False
        for reference in self.epochs[-1].slots:
            name = f"keys/{reference.id.hex()}"
            data = self.load(name)
            try:
                if data is None or digest(data) != reference.digest:
                    raise Corrupt("is missing or damaged")
                slot = parse(messages.KeySlot, open_record(data, name, KEY_SLOT, CLEAR).body)
                seed = keys.unwrap_slot(self.id, slot, secret) if slot.kind == messages.KeySlot.PASSPHRASE else None
                if seed is not None:
                    return seed
            except Corrupt as error:
                damaged = True
                self.problem(name, error)
        raise keys.WrongKey("not every key slot could be tried" if damaged else "wrong password")

    def _adopt(self, seed):
        epoch = self.epochs[-1]
        owner = keys.owner_keys(self.id, seed)
        if (owner.verify_key, owner.sealing_key) != (epoch.owner_verify_key, epoch.owner_sealing_key):
            if self.lost_epoch:
                raise Corrupt(f"{self.lost_epoch} is lost, and with it the keys in force")
            raise keys.WrongKey("the key is not this repository's newest")
        seeds = {epoch.seed_epoch: seed}
        for former in epoch.former_seeds:
            seeds[former.epoch] = keys.open_box(owner.opening, former.sealed)
            if seeds[former.epoch] is None or len(seeds[former.epoch]) != 32:
                raise Corrupt("a former seed does not open")
        self.owners = [keys.owner_keys(self.id, seeds[e]) for e in sorted(seeds, reverse=True)]
        self._domain_seeds = {}
        for domain in epoch.domains:
            for generation in [domain, *domain.past]:
                if generation.seed_epoch not in seeds:
                    raise Corrupt(f"the seed of domain {domain.id}, generation {generation.generation}, is missing")
                self._domain_seeds[domain.id, generation.generation] = seeds[generation.seed_epoch]

    def _domain_seed(self, domain, generation):
        if (domain, generation) not in self._domain_seeds:
            raise Corrupt(f"is sealed for domain {domain}, generation {generation}, which no epoch names")
        return self._domain_seeds[domain, generation]

    def index_key(self, domain, generation):
        return keys.index_key(self.id, self._domain_seed(domain, generation), domain, generation)

    def dedup_secret(self, domain, generation):
        return keys.dedup_secret(self.id, self._domain_seed(domain, generation), domain, generation)

    # ---- who signed

    def _open(self, data, name, kind, alone=True):
        return open_record(data, name, kind, INDEX_KEY, self.id, self.index_key, alone)

    def _by_owner(self, record):
        return record.role == OWNER and 1 <= record.epoch <= len(self.epochs) and \
            record.signed_by(self.id, self.epochs[record.epoch - 1].owner_verify_key)

    def _by_enrolled(self, record, number):
        certificate = self._certificate(number)
        return certificate is not None and record.signer == number and record.role == certificate.role and \
            record.signed_by(self.id, certificate.verify_key)

    def _by_maintainer(self, record):
        return self._by_owner(record) or (record.role == MAINTAINER and self._by_enrolled(record, record.signer))

    def check_signer(self, record, writer):
        if not self._by_enrolled(record, writer):
            raise Corrupt("is not signed by its writer")

    def _first_enrolment(self):
        if self.load("writers/00000001") is None:
            for name in self.list("writers"):
                if (number := int(name.split("/")[1], 16)) >= FIRST_OF_REPLICAS:
                    return number
        return 1

    def _load_enrolments(self):
        self.certificates, self.last_numbers, before, number = {}, {}, b"", self._first_enrolment()
        self.is_replica = number >= FIRST_OF_REPLICAS
        self._led_back_to = self._chain_in_force(number) if self.is_replica else set()
        for revocation in self.epochs[-1].revocations:
            self._revoke(revocation)
        while (data := self.load(name := f"writers/{number:08x}")) is not None:
            try:
                enrolment = self._read_enrolment(name, number, data)
                if enrolment.previous_digest != before:
                    self.problem(name, "does not follow the enrolment before it")
                if enrolment.kind == messages.Enrolment.CERTIFICATE:
                    self.certificates[number] = enrolment.certificate
                elif enrolment.kind == messages.Enrolment.RETIREMENT:
                    self._revoke(enrolment.retirement)
            except Corrupt as error:
                self.problem(name, error)
            before, number = digest(data), number + 1

        for name in self.list("writers"):  # behind a gap each certificate stands for itself
            try:
                later = int(name.split("/")[1], 16)
                enrolment = self._read_enrolment(name, later, self.load(name)) if later > number else None
                if enrolment and enrolment.kind == messages.Enrolment.CERTIFICATE:
                    self.problem(f"writers/{number:08x}", "is missing")
                    self.certificates[later] = enrolment.certificate
            except (Corrupt, ValueError) as error:
                self.problem(name, error)

    def _read_enrolment(self, name, number, data):
        record = self._open(data, name, ENROLMENT)
        enrolment = parse(messages.Enrolment, record.body)
        if enrolment.number != number:
            raise Corrupt("is another enrolment's record")
        barrier = enrolment.kind == messages.Enrolment.BARRIER
        if not (self._by_maintainer(record) if barrier else self._by_owner(record)):
            raise Corrupt("is signed by someone who may not")
        if record.role == OWNER and self._rotated_away(record.epoch, number) and digest(data) not in self._led_back_to:
            raise Corrupt("is signed with owner keys that had been rotated away")
        return enrolment

    def _chain_in_force(self, number):
        """Digests of a replica's enrolments to which one that is signed with the owner keys in force leads back."""
        chain = []
        while (data := self.load(name := f"writers/{number:08x}")) is not None:
            chain.append((name, data))
            number += 1
        found, wanted = set(), None
        for name, data in reversed(chain):
            try:
                record = self._open(data, name, ENROLMENT)
                in_force = self._by_owner(record) and self._same_owner(record.epoch, len(self.epochs))
                if in_force or digest(data) == wanted:
                    found.add(digest(data))
                    wanted = parse(messages.Enrolment, record.body).previous_digest
            except Corrupt:
                wanted = None
        return found

    def _same_owner(self, one, other):
        return self.epochs[one - 1].owner_verify_key == self.epochs[other - 1].owner_verify_key

    def _rotated_away(self, epoch, number):
        """Whether an enrolment so high could only be signed by keys newer than those of `epoch`."""
        key = self.epochs[epoch - 1].owner_verify_key
        return any(e.owner_verify_key != key and number >= e.enrolments_below for e in self.epochs[epoch:])

    def _revoke(self, revocation):
        last = self.last_numbers.get(revocation.enrolment, revocation.last_number)
        self.last_numbers[revocation.enrolment] = min(last, revocation.last_number)

    # ---- what a replica holds of others

    def _imported(self, original):
        """The object that was called so in the source; None if a replica does not hold it."""
        name = f"imports/{original}"
        data = self.load(name)
        if data is None:
            return None
        record = self._open(data, name, IMPORT)
        if not self._by_maintainer(record):
            raise Corrupt(f"{name}: is signed by someone who may not")
        imported = parse(messages.Import, record.body)
        if imported.name != original.encode():
            raise Corrupt(f"{name}: is another object's")
        return imported.object

    def _certificate(self, writer):
        """Enrolled here, or in the source of which this is a replica."""
        if writer in self.certificates or not self.is_replica:
            return self.certificates.get(writer)
        if writer not in self._others:
            self._others[writer] = None
            name = f"writers/{writer:08x}"
            try:
                if (data := self._imported(name)) is not None:
                    enrolment = self._read_enrolment(name, writer, data)
                    if enrolment.kind == messages.Enrolment.CERTIFICATE:
                        self._others[writer] = enrolment.certificate
            except Corrupt as error:
                self.problem(name, error)
        return self._others[writer]

    # ---- sessions

    def _log_entry(self, session):
        """(digest, entry) of a session's log entry."""
        name = f"log/{session.path()}"
        data = self.load(name)
        if data is None:
            data = self._imported(name)
        if data is None:
            raise Corrupt(f"{name} is missing")
        record = self._open(data, name, LOG_ENTRY)
        entry = parse(messages.LogEntry, record.body)
        if (entry.writer, entry.number) != (session.writer, session.number) or \
                entry.kind != messages.LogEntry.SESSION or not self._by_enrolled(record, session.writer):
            raise Corrupt(f"{name}: is not that session's, signed by its writer")
        return digest(data), entry

    def note_box(self, session, box, name):
        """A copy of a session's sealed secret, from a signed object. All copies are the same bytes."""
        if box and self._boxes.setdefault(session, box) != box:
            self.problem(name, "its sealed secret is not the one of the log")

    def session_secret(self, session, header_box):
        """The secret, and whether a signed object holds its box."""
        if session not in self._boxes:
            try:
                self.note_box(session, self._log_entry(session)[1].sealed_secret, "")
            except Corrupt as error:
                self.problem(f"log/{session.path()}", error)
                try:
                    self._end(session)
                except Corrupt:
                    pass
        box = self._boxes.get(session)
        if box and header_box and box != header_box:
            self.problem(f"packs of session {session}", "a sealed secret differs from the signed one and is ignored")
        return keys.open_session_secret(self.id, self.owners, session, box or header_box), box is not None

    # ---- points

    def _end(self, session):
        """What stands at points/<w>/<n>, its signature checked."""
        if session not in self._ends:
            name = f"points/{session.path()}"
            data = self.load(name)
            if data is None:
                raise Corrupt(f"{name} is missing")
            record = self._open(data, name, POINT, alone=False)
            header = parse(messages.PointHeader, record.body)
            if (header.writer, header.number) != (session.writer, session.number):
                raise Corrupt("is another session's record")
            fence = header.kind == messages.FENCE
            if not (self._by_maintainer(record) if fence else self._by_enrolled(record, session.writer)):
                raise Corrupt("is signed by someone who may not")
            self.note_box(session, header.sealed_secret, name)
            self._ends[session] = Point(session, header, digest(data), name, data[record.size :], list(header.tags))
        return self._ends[session]

    def index_digest(self, session):
        try:
            return self._end(session).header.index_digest
        except Corrupt:
            return b""

    def _believe(self, session):
        log_digest, entry = self._log_entry(session)
        self.note_box(session, entry.sealed_secret, "log")
        point = self._end(session)
        header, certificate = point.header, self._certificate(session.writer)
        if header.kind == messages.END_UNKNOWN:
            raise Corrupt("is of an unknown kind")
        if header.log_digest != log_digest:
            raise Corrupt("names another log entry than the one there")
        if header.body_digest != (digest(point.body) if point.body else b""):
            raise Corrupt("its body is not the one its header names")
        if session.number > self.last_numbers.get(session.writer, session.number):
            raise Corrupt("was written after its writer was revoked")
        named = list(certificate.kinds)
        if header.kind in (messages.REPAIRED, messages.COPY) and header.kind not in named \
                and certificate.role != MAINTAINER:
            raise Corrupt("its writer may not speak for others' points")
        if certificate.role == VERIFIER and header.kind not in (messages.END_RECORD, messages.FENCE):
            raise Corrupt("its writer may not make points")
        if header.kind in POINT_KINDS:
            allowed = [(certificate.hosts, header.host), (named, header.kind)]
        else:
            allowed = []
        if any(limits and value not in limits for limits, value in allowed) or \
                (certificate.classes and header.kind != messages.FENCE
                 and header.retention_class not in certificate.classes):
            raise Corrupt("its writer may not make such a point")
        return point

    def points(self):
        """The points to believe that are not expired, oldest first."""
        points = []
        for name in self.list("points"):
            try:
                _, writer, number = name.split("/")
                session = Session(int(writer, 16), int(number, 16))
            except ValueError:
                self.problem(name, "is not the name of a point")
                continue
            try:
                point = self._believe(session)
                self._apply_fates(point)
                if point.header.kind in POINT_KINDS and not point.expired:
                    points.append(point)
            except (Corrupt, Unsupported) as error:
                self.problem(name, error)
        return sorted(self._settle(points), key=lambda p: p.header.finished)

    def _settle(self, points):
        """Without points that others stand for, and in a replica those that no copy lists, and the copies' own."""
        def named(by):
            return {(p.writer, p.number, p.digest) for p in by}

        def at(point):
            return point.session.writer, point.session.number, point.digest

        repaired = named(p.header.repaired for p in points if p.header.kind == messages.REPAIRED)
        points = [p for p in points if at(p) not in repaired]
        if not self.is_replica:
            return points
        copied = named(c for p in points if p.header.kind == messages.COPY for c in p.header.copied)
        return [p for p in points
                if (at(p) in copied if p.session.writer not in self.certificates
                    else p.header.kind != messages.COPY or p.body)]

    def _apply_fates(self, point):
        for name in self.list(f"fate/{point.session.path()}"):
            try:
                record = self._open(self.load(name), name, FATE)
                fate = parse(messages.Fate, record.body)
                at = (fate.point.writer, fate.point.number, fate.point.digest)
                if at != (point.session.writer, point.session.number, point.digest):
                    raise Corrupt("is about another point")
                if not self._by_maintainer(record):
                    raise Corrupt("is signed by someone who may not decide this")
                point.expired |= fate.kind == messages.Fate.EXPIRED
                if fate.kind == messages.Fate.TAGS:
                    point.tags = list(fate.tags)
            except Corrupt as error:
                self.problem(name, error)

    def body(self, point):
        if not point.body:
            raise Corrupt(f"{point.name} has no content")
        secret, _ = self.session_secret(point.session, b"")
        record = open_record(point.body, point.name, POINT_BODY, SESSION, self.id, lambda *_: secret)
        return parse(messages.PointBody, record.body)
