// Package spool keeps the items of a batcher in a folder, so that they outlive the process.
//
// The folder has two files: "lock", which its owner keeps locked, and "items", a log. After its first line the log consists
// of entries: the length of the content and its CRC-32C, four bytes each, and the content. That is an item of a run, or a
// note that items of a run are done. An entry that does not match its checksum ends the log: it and all that follows
// is what was being written when the process, or the machine, ended.
//
// The package knows items and bytes. When to write, and what is still to be kept, is for the batcher to say.
package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// header is the first line of a log.
const header = "mlflow-go spool 1\n"

// slack is how much a log may grow beyond twice its size before it is worth writing anew.
const slack = 8 << 20

// ErrInUse means that another batcher has the folder.
var ErrInUse = errors.New("another batcher uses the folder")

// A Spool is an open folder. Its methods must not be called concurrently, except AppendItem and AppendDone.
type Spool struct {
	start time.Time // what Item.At counts from
	dir   string
	lock  *os.File
	file  *os.File
	size  int // of the file
	// sizeWhenRewritten is the size that the file had when it was last written anew.
	sizeWhenRewritten int
}

// Open locks a folder, which it creates if it does not exist. It returns the items that are left in the folder, in the
// order of their numbers, and how many bytes at the end of the log could not be read. Item.At counts from start.
//
// The log must be rewritten before anything is appended to it.
func Open(dir string, start time.Time) (s *Spool, left []Stored, unread int, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, 0, err
	}
	s = &Spool{start: start, dir: dir}
	if s.lock, err = lockFile(filepath.Join(dir, "lock")); err != nil {
		return nil, nil, 0, err
	}
	left, unread, err = s.load()
	if err != nil {
		s.Close()
		return nil, nil, 0, err
	}
	return s, left, unread, nil
}

func (s *Spool) path() string { return filepath.Join(s.dir, "items") }

func (s *Spool) load() (left []Stored, unread int, err error) {
	log, err := os.ReadFile(s.path())
	switch {
	case errors.Is(err, fs.ErrNotExist) || len(log) == 0 && err == nil:
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	case !bytes.HasPrefix(log, []byte(header)):
		return nil, 0, fmt.Errorf("%s is not a spool of this release", s.path())
	}
	left, unread = readLog(log[len(header):], s.start)
	return left, unread, nil
}

// Append adds entries to the log, and syncs it. If it fails, the log is as it was, if that can be had.
func (s *Spool) Append(entries []byte) error {
	if _, err := s.file.Write(entries); err != nil {
		return errors.Join(err, s.file.Truncate(int64(s.size)))
	}
	s.size += len(entries)
	return s.file.Sync()
}

// Clear removes all entries from the log, and syncs it.
func (s *Spool) Clear() error {
	if s.size == len(header) {
		return nil
	}
	s.size = len(header)
	return errors.Join(s.file.Truncate(int64(s.size)), s.file.Sync())
}

// IsOutgrown reports whether the log, with n more bytes, is so much larger than when it was last rewritten that most of it
// is probably about items that are done.
func (s *Spool) IsOutgrown(n int) bool { return s.size+n > 2*s.sizeWhenRewritten+slack }

// Rewrite puts a log of these entries in the place of the present one, by a rename.
func (s *Spool) Rewrite(entries []byte) error {
	name := s.path() + ".new"
	if err := writeSynced(name, []byte(header), entries); err != nil {
		return err
	}
	s.closeLog() // Windows renames over no open file; what was in it is in the new one
	if err := os.Rename(name, s.path()); err != nil {
		return err
	}
	syncDir(s.dir)
	var err error
	s.file, err = os.OpenFile(s.path(), os.O_WRONLY|os.O_APPEND, 0o600)
	s.size = len(header) + len(entries)
	s.sizeWhenRewritten = s.size
	return err
}

func writeSynced(name string, parts ...[]byte) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err == nil {
			_, err = file.Write(part)
		}
	}
	return errors.Join(err, file.Sync(), file.Close())
}

// syncDir makes a rename last. Not every system can.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// Close closes the files, which unlocks the folder.
func (s *Spool) Close() {
	s.closeLog()
	_ = s.lock.Close()
}

// closeLog closes the log, which was synced after each write, or whose error is known.
func (s *Spool) closeLog() {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}
