package spool_test

import (
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/spool"
)

var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// open opens a folder, and makes it ready for entries.
func open(t *testing.T, dir string) (*spool.Spool, []spool.Stored) {
	t.Helper()
	s, left, unread, err := spool.Open(dir, start)
	require.NoError(t, err)
	require.Zero(t, unread)
	require.NoError(t, s.Rewrite(entriesOf(s, left)))
	return s, left
}

func read(t *testing.T, dir string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "items"))
	require.NoError(t, err)
	return text
}

var items = []spool.Stored{
	{RunID: "r1", Item: spool.Item{Kind: spool.Metric, Number: 1, Key: "loss", Value: 0.5, Millis: 1_700_000_000_000, Step: 3}},
	{RunID: "r1", Item: spool.Item{Kind: spool.Param, Number: 2, Key: "lr", Text: "0,1"}},
	{RunID: "r2", Item: spool.Item{Kind: spool.Tag, Number: 3, Key: "é"}},
}

func entriesOf(s *spool.Spool, items []spool.Stored) []byte {
	var entries []byte
	for i := range items {
		entries = s.AppendItem(entries, items[i].RunID, &items[i].Item)
	}
	return entries
}

// The format is a promise: a spool may be older than the program that opens it.
func TestSpoolFormat(t *testing.T) {
	t.Parallel()
	const version1 = "6d6c666c6f772d676f2073706f6f6c20310a" + // the first line
		"20000000547dcaa86d0102723180b0fdac8d37046c6f737380808080808080f03f80a0abfef96206" +
		"1200000062a3fe6e700202723180b0fdac8d37026c7203302c31" +
		"0f000000f239b46c740302723280b0fdac8d3702c3a900"
	dir := t.TempDir()
	s, _ := open(t, dir)
	require.NoError(t, s.Append(entriesOf(s, items)))
	s.Close()
	require.Equal(t, version1, hex.EncodeToString(read(t, dir)))
	s, left := open(t, dir)
	defer s.Close()
	assert.Equal(t, items, left)
}

func TestSpoolReadsNothingThatIsDone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir)
	require.NoError(t, s.Append(s.AppendDone(entriesOf(s, items), "r1", 1, 3)))
	s.Close()
	s, left := open(t, dir)
	defer s.Close()
	assert.Equal(t, items[2:], left)
}

func TestSpoolOpenRefusesFolderInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir)
	_, _, _, err := spool.Open(dir, start)
	require.ErrorIs(t, err, spool.ErrInUse)
	s.Close()
	s, _ = open(t, dir)
	s.Close()
}

func TestSpoolOpenRefusesOtherFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "items"), []byte("mlflow-go spool 9\n"), 0o600))
	for range 2 { // the folder is given back
		_, _, _, err := spool.Open(dir, start)
		require.ErrorContains(t, err, "is not a spool of this release")
	}
}

func TestSpoolClear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir)
	require.NoError(t, s.Append(entriesOf(s, items)))
	require.NoError(t, s.Clear())
	require.NoError(t, s.Append(entriesOf(s, items[:1])))
	s.Close()
	s, left := open(t, dir)
	defer s.Close()
	assert.Equal(t, items[:1], left)
}

func TestSpoolIsOutgrown(t *testing.T) {
	t.Parallel()
	s, _ := open(t, t.TempDir())
	defer s.Close()
	const slack = 8 << 20
	assert.False(t, s.IsOutgrown(slack))
	assert.True(t, s.IsOutgrown(slack+100))
}

// What a process was writing when it ended costs nothing that was written before.
func TestSpoolReadsLogThatIsCutAnywhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir)
	require.NoError(t, s.Append(entriesOf(s, items)))
	s.Close()
	whole := read(t, dir)
	const first = len("mlflow-go spool 1\n")
	for cut := first; cut < len(whole); cut++ {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "items"), whole[:cut], 0o600))
		s, left, unread, err := spool.Open(dir, start)
		require.NoError(t, err)
		s.Close()
		require.Equal(t, items[:len(left)], append([]spool.Stored{}, left...))
		require.Equal(t, cut, first+len(entriesOf(s, left))+unread)
	}
}

func FuzzSpoolOpen(f *testing.F) {
	f.Add([]byte("mlflow-go spool 1\n"))
	f.Add([]byte("mlflow-go spool 1\n\x05\x00\x00\x00abcdmxyz"))
	f.Fuzz(func(t *testing.T, log []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "items"), log, 0o600))
		s, left, _, err := spool.Open(dir, start)
		if err != nil {
			return
		}
		defer s.Close()
		require.NoError(t, s.Rewrite(entriesOf(s, left)))
	})
}

// Any item comes back as it was.
func FuzzSpoolItem(f *testing.F) {
	f.Add("r", "key", "text", 0.5, int64(1), int64(-1))
	f.Fuzz(func(t *testing.T, runID, key, text string, value float64, millis, step int64) {
		want := []spool.Stored{
			{RunID: runID, Item: spool.Item{Kind: spool.Metric, Number: 1, Key: key, Value: value, Millis: millis, Step: step}},
			{RunID: runID, Item: spool.Item{Kind: spool.Param, Number: 2, Key: key, Text: text}},
		}
		dir := t.TempDir()
		s, _ := open(t, dir)
		require.NoError(t, s.Append(entriesOf(s, want)))
		s.Close()
		s, left := open(t, dir)
		defer s.Close()
		require.Len(t, left, 2)
		require.Equal(t, math.Float64bits(value), math.Float64bits(left[0].Value))
		left[0].Value, want[0].Value = 0, 0
		require.Equal(t, want, left)
	})
}
