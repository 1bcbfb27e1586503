-- Rowid tables throughout: a table clustered by text keys is several times slower to append to and larger.
CREATE TABLE runs (
  number    INTEGER PRIMARY KEY,  -- from 1; by it a run has its blobs, so that nothing may ever give it another
  run       TEXT NOT NULL UNIQUE,
  flow      TEXT NOT NULL,
  state     TEXT NOT NULL,
  over      INTEGER NOT NULL,
  started   INTEGER NOT NULL,  -- milliseconds since 1970, as all times here
  changed   INTEGER NOT NULL,
  due       INTEGER,           -- when somebody must look at it
  head_seq  INTEGER NOT NULL,
  head_hash BLOB NOT NULL,
  epoch     INTEGER NOT NULL,  -- grows with every claim; whoever holds an older one is fenced out
  owner     TEXT,              -- the lock its owner holds while it lives
  line      BLOB,              -- the line of a batch it does
  kept      INTEGER NOT NULL   -- whether its contents are
) STRICT;
-- Of the runs that are not over, which are few beside those that are; their due times stay out of it, because
-- those move with every step.
CREATE INDEX runs_open ON runs (over) WHERE over = 0;
-- Of those that are over, whose contents are to be let go some day.
CREATE INDEX runs_kept ON runs (changed) WHERE over = 1 AND kept = 1;
-- Whether a line of a batch is done already is asked before every line of it, and two runs for one may never be.
CREATE UNIQUE INDEX runs_line ON runs (line) WHERE line IS NOT NULL;

CREATE TABLE entries (
  place INTEGER PRIMARY KEY,   -- in the journal, from 1, without gaps while nothing is deleted; no order of a run
  run   TEXT NOT NULL,
  seq   INTEGER NOT NULL,      -- the order in a run, without gaps
  bytes BLOB NOT NULL          -- canonical JSON
) STRICT;
CREATE UNIQUE INDEX entries_order ON entries (run, seq);

-- The tree over all entries: the roots of whole subtrees of 256 leaves (level 1), of 256 of those (level 2), and so on.
-- Behind the entries, which it is worked out from.
CREATE TABLE tree (
  level INTEGER NOT NULL,
  place INTEGER NOT NULL,      -- in its level, from 0
  hash  BLOB NOT NULL,
  UNIQUE (level, place)
) STRICT;

-- Signed heads of the tree, for whoever keeps one outside.
CREATE TABLE checkpoints (
  size INTEGER NOT NULL UNIQUE,
  at   INTEGER NOT NULL,
  note TEXT NOT NULL
) STRICT;

-- Digests fall anywhere: in one order over all runs each new one writes a page of its own, in the order of runs those of
-- a step go to one page. So each run keeps its own, and lets its own go.
CREATE TABLE blobs (
  run    INTEGER NOT NULL,     -- its number; 0 for what all runs share
  digest BLOB NOT NULL,
  bytes  BLOB,                 -- none where they are a file
  UNIQUE (run, digest)
) STRICT;
-- Files are shared, whoever keeps them; few contents are any.
CREATE INDEX blobs_files ON blobs (digest) WHERE bytes IS NULL;

-- What is private, each under the commitment its run names it by. Erased by deleting it, with the salt.
CREATE TABLE private (
  commitment BLOB NOT NULL UNIQUE,
  run        TEXT NOT NULL,
  salt       BLOB NOT NULL,
  bytes      BLOB              -- none where they are a file
) STRICT;
CREATE INDEX private_run ON private (run);

-- What is erased or let go, until its file is unlinked and the write-ahead log that held it is cut.
CREATE TABLE leaving (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, so that what leaves later is never taken for this
  name   BLOB NOT NULL,        -- a commitment; or, of what runs may share, a digest
  shared INTEGER NOT NULL
) STRICT;

CREATE TABLE keyvalue (
  namespace TEXT NOT NULL,
  key       TEXT NOT NULL,
  value     BLOB,              -- none once deleted: the row stays, so that versions only ever grow
  version   INTEGER NOT NULL,
  digest    BLOB,              -- of namespace, key and value, held against them when the value is read
  UNIQUE (namespace, key)
) STRICT;

CREATE TABLE pending_files (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, so that a newer write is never taken for this one
  run    TEXT NOT NULL,
  root   TEXT NOT NULL,
  path   TEXT NOT NULL,
  digest BLOB,                 -- none removes the file
  UNIQUE (root, path)
) STRICT;

-- What each flow has spent or set aside on each day; what the entries of its runs add up to.
CREATE TABLE spending (
  flow     TEXT NOT NULL,
  day      INTEGER NOT NULL,   -- since 1970, in UTC
  currency TEXT NOT NULL,
  money    TEXT NOT NULL,      -- an exact decimal and the currency
  UNIQUE (flow, day, currency)
) STRICT;

CREATE TABLE counters (
  name  TEXT NOT NULL UNIQUE,
  value INTEGER NOT NULL
) STRICT;

CREATE TABLE skills (
  name       TEXT NOT NULL,
  version    TEXT NOT NULL,
  component  TEXT NOT NULL,
  manifest   TEXT NOT NULL,    -- JSON, as are the two below
  operations TEXT NOT NULL,
  imports    TEXT NOT NULL,
  bytes      INTEGER NOT NULL,
  source     TEXT NOT NULL,
  installed  INTEGER NOT NULL,
  UNIQUE (name, version, component)
) STRICT;

CREATE TABLE skill_events (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  what      TEXT NOT NULL,     -- the last one `in use` of a name is the version in use
  name      TEXT NOT NULL,
  version   TEXT NOT NULL,
  component TEXT NOT NULL,
  at        INTEGER NOT NULL,
  by        TEXT NOT NULL,
  why       TEXT
) STRICT;

CREATE TABLE remembered (
  name TEXT NOT NULL UNIQUE,
  text TEXT NOT NULL
) STRICT;
