"""Tables of the SQLite store. Ids are kept once, in `node`; all else refers to them by number.

Rows of `state`, `edge` and `label` are valid for commits in [since, until). An edge's `type` is a code that also holds
the role of a subject and whether the end of a making is a person; `SAME_AS` is stored from both ends.

What a steward says of an id lies in `word`, which `state` names and nothing changes: to close a row of `state` touches no word.
`word.share` is what it adds to the digest of the graph (`Standing.share`).
Nodes are numbered in the order in which commits name them; `commits.last_nid` is the last one known at a commit.

`node.joined` tells that somebody, at some commit, joined the id with another. `node.first` and `last` are the span of an
event (UTC microseconds) where all who ever spoke of it gave the same (`dated` 1), and absent where nobody did (0) or
they did not (2); `edge.first` repeats it on `SUBJECT_OF`, so that a container used for years is read by period. They are
hints: they narrow what is read, and never decide what is answered.
"""

FOREVER = 2**62
VERSION = 3
APPLICATION_ID = 0x5645494E

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commits (number INTEGER PRIMARY KEY, load_id TEXT NOT NULL, closes INTEGER NOT NULL, last_nid INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE INDEX commits_load ON commits (load_id, closes);
CREATE TABLE node (
  nid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT,
  joined INTEGER NOT NULL DEFAULT 0, dated INTEGER NOT NULL DEFAULT 0, first INTEGER, last INTEGER);
CREATE INDEX node_joined ON node (nid) WHERE joined = 1;
CREATE TABLE steward (sid INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE commit_steward (sid INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (sid, number)) WITHOUT ROWID;
CREATE TABLE claim (
  number INTEGER PRIMARY KEY, at_commit INTEGER NOT NULL, nid INTEGER NOT NULL, sid INTEGER NOT NULL,
  hash BLOB NOT NULL, body BLOB NOT NULL, at TEXT NOT NULL, event_id TEXT, event_hash TEXT,
  source INTEGER NOT NULL DEFAULT 0);
CREATE INDEX claim_said ON claim (nid, hash);
"""

PROJECTION = """
CREATE TABLE state (
  nid INTEGER NOT NULL, sid INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, word INTEGER NOT NULL,
  PRIMARY KEY (nid, sid, since)) WITHOUT ROWID;
CREATE TABLE word (number INTEGER PRIMARY KEY, doc BLOB NOT NULL, share BLOB NOT NULL);
CREATE TABLE edge (
  src INTEGER NOT NULL, type INTEGER NOT NULL, dst INTEGER NOT NULL, sid INTEGER NOT NULL,
  since INTEGER NOT NULL, until INTEGER NOT NULL, quantity REAL, unit TEXT, first INTEGER,
  PRIMARY KEY (src, type, dst, sid, since)) WITHOUT ROWID;
CREATE INDEX edge_up ON edge (dst, type, src, sid, since, until, quantity, unit);
CREATE INDEX edge_when ON edge (src, first) WHERE type IN (7, 9);
CREATE TABLE label (
  text TEXT NOT NULL, nid INTEGER NOT NULL, sid INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (text, nid, sid, since)) WITHOUT ROWID;
"""

PROJECTED = ("state", "word", "edge", "label")
