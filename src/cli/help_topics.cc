#include "cli/help_topics.h"

namespace perdure {

namespace {

constexpr std::string_view kSelectors = R"(A point is named by

  1-5                 its id, as `perdure list` shows it
  9f86d081            the beginning of its digest, six hex digits or more
  latest              the newest one
  latest~2            the one two before it
  latest@HOST         the newest of a host; latest@HOST~1 the one before it
  latest@HOST:PATH    the newest of a host that holds the root PATH

and a place in it by POINT:PATH, with the path as it was backed up:
1-5:/etc/hosts, latest:/home, latest@web1:/etc:/etc/hosts.

These options, which every command that takes a point has, say which points
count at all; "latest" is then the newest of those:

  --host HOST         points of this host (repeatable: of any of them)
  --tag TAG           points with this tag; "a,b" means both, repeat for either
  --path PATH         points that hold this root (repeatable: all of them)
  --before TIME       points finished before: 2026-11-21, 2026-11-21T09:47:00,
                      2026-11-21T09:47:00+02:00; UTC if no offset is given
)";

constexpr std::string_view kExitCodes = R"(0    success
1    failed; nothing was done, or it cannot be told how much
3    partial: done, but some entries were not; each is named
4    unknown: the answer to a commit was lost and could not be read back; the
     point may be there or not. Run the command again: it finds out
10   there is no repository at that location
12   wrong password or key
130  interrupted. An interrupted backup keeps what it stored, and the next run
     goes on from it
)";

constexpr std::string_view kJson =
    R"(With --json a command writes JSON lines to standard output: one object a line,
each with "type" and "version" (1). Fields may be added; those that are there
keep their meaning, and are null rather than absent where there is nothing to
say. Bytes that are not UTF-8 become U+FFFD, and the field stands a second time
with _hex after its name. When a command fails, a line of type "error" goes to
standard error with kind, message, hint and exit_code.

  backup    issue, summary            key rotate   rotation
  cache     cache                     key writer   writer
  cat       record                    list         point, problem
  check     problem, note, summary    ls           entry
  copy      copy, summary             protect      protection
  diff      change, summary           repair       repair, summary
  find      match, summary            restore      issue, summary
  forget    doubt, decision, summary  show         point
  gc        gc_plan, summary          stats        stats
  help      command, topic            store probe  probe
  import    issue, summary            tag          tags
  init      init, locks               version      version
  key       key_slot
  lock      retention_class, locks

The manual page perdure-json(5) describes every field.
)";

constexpr std::string_view kEnvironment =
    R"(PERDURE_REPOSITORY        the repository, where --repo is not given
PERDURE_PASSWORD_FILE     a file whose first line is the password
PERDURE_PASSWORD_COMMAND  a command whose first line of output is the password
PERDURE_PASSWORD          the password itself; a file or a command shows it to
                          fewer eyes
PERDURE_TO_REPOSITORY     where copy copies to
PERDURE_TO_PASSWORD_FILE  a file whose first line is the password of that one
PERDURE_TO_PASSWORD_COMMAND
                          a command whose first line of output is that password
PERDURE_TO_PASSWORD       that password itself
PERDURE_WRITER_KEY        key file of an enrolled writer
PERDURE_CACHE_DIR         where to cache; otherwise $XDG_CACHE_HOME/perdure, or
                          ~/.cache/perdure. May be deleted at any time
PERDURE_CONFIG_DIR        where this machine's own writer keys lie; otherwise
                          $XDG_CONFIG_HOME/perdure, or ~/.config/perdure
PERDURE_OPTIONS           settings of the store, with commas between them
PERDURE_PRICES            a table of prices, as `perdure store prices` prints it
PERDURE_HOST              host name of points that backup makes
PERDURE_RETENTION_CLASS   what backup takes for --retention-class
PERDURE_COMPRESSION       what backup takes for --compression

An option on the command line goes before its variable. Of several sources of
the password a file goes first, then a command, then PERDURE_PASSWORD; without
any of them the terminal is asked.
)";

constexpr std::string_view kPatterns =
    R"(backup --exclude, restore --include and --exclude, and find take patterns. They
are matched against absolute paths, as they were backed up:

  /a/b      that path and no other
  a/b       wherever the last parts of a path are a and b; "a": any such name
  *         any characters within one part, also none
  ?         one character
  [a-c_]    one of these characters; [!...] and [^...] one that is not
  **        as a whole part: any number of parts, also none
  \x        x itself
  !a        takes back what an earlier pattern matched; the last that matches
            decides

What lies below a directory that matches is excluded or included with it; find
shows only what matches itself. Upper and lower case differ. Put patterns
between quotes, so that the shell leaves them alone.
)";

constexpr std::string_view kS3 = R"(  s3://BUCKET/PREFIX                    in AWS
  s3:https://HOST:PORT/BUCKET/PREFIX    on a server of its own

Credentials, region, endpoint and certificate authorities are those of the AWS
tools: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, AWS_REGION,
AWS_ENDPOINT_URL_S3, AWS_CA_BUNDLE and so on; on an instance, its role. Settings
are given with -o, or in PERDURE_OPTIONS with commas between them:

  s3.region=REGION                in place of AWS_REGION
  s3.profile=PROFILE              in place of AWS_PROFILE
  s3.bucket-lookup=auto|dns|path  where requests name the bucket
  s3.connections=8                parallel requests
  s3.attempts=8                   how often one is tried that may work later
  s3.connect-timeout=10           seconds to connect
  s3.idle-timeout=30              seconds without a byte either way
  s3.timeout=1800                 seconds in which tries of a request begin
  s3.storage-class=CLASS          of packs of content
  s3.other-storage-class=CLASS    of all else: one that is readable at once
  s3.encryption=aws:kms           or AES256; the bucket's default if not given
  s3.kms-key=KEY                  for aws:kms
  s3.acl=bucket-owner-full-control   for buckets of another account
  s3.role-arn=ARN                 a role to assume
  s3.external-id=ID               and its external id

perdure init --create-bucket makes a bucket; perdure iam policy prints what its
users need; perdure store probe says what a bucket does for this credential.
)";

constexpr HelpTopic kTopics[] = {
    {"selectors", "how to name a point", kSelectors},
    {"exit-codes", "what exit codes mean", kExitCodes},
    {"json", "output for programs", kJson},
    {"environment", "environment variables", kEnvironment},
    {"patterns", "patterns of names and paths", kPatterns},
    {"s3", "repositories in S3", kS3},
};

}  // namespace

std::span<const HelpTopic> help_topics() { return kTopics; }

}  // namespace perdure
