package mlflowtest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A store holds what a server knows. Its mutex guards all of it.
type store struct {
	mu          sync.Mutex
	experiments []*experiment // by ID
	byName      map[string]*experiment
	runs        map[string]*run
	artifacts   *folder
	now         func() time.Time
	random      *rand.Rand
}

// An experiment is one of the store, never removed from it.
type experiment struct {
	id       int64
	name     string
	location string
	deleted  bool
	created  int64 // milliseconds since 1970, as all times
	updated  int64
	tags     pairs[string]
	runs     []*run
	datasets map[datasetKey]*dataset
}

// A run is one of an experiment, never removed from it.
type run struct {
	id         string
	experiment *experiment
	name       string
	user       string
	status     string
	start, end int64
	hasEnd     bool
	uri        string
	deleted    bool
	tags       pairs[string]
	params     pairs[string]
	metrics    pairs[*history]
	inputs     []*input
}

// A datasetKey tells the datasets of an experiment apart.
type datasetKey struct{ name, digest string }

type dataset struct {
	datasetKey
	sourceType, source, schema, profile string
}

// An input is a dataset that a run has used.
type input struct {
	dataset *dataset
	tags    []tagJSON
}

const (
	defaultExperiment = "Default"
	tagRunName        = "mlflow.runName"
	tagContext        = "mlflow.data.context"
)

func newStore(now func() time.Time, random *rand.Rand) *store {
	s := &store{
		byName:    map[string]*experiment{},
		runs:      map[string]*run{},
		artifacts: newFolder(),
		now:       now,
		random:    random,
	}
	s.add(&experiment{name: defaultExperiment, tags: newPairs[string]()})
	return s
}

// add adds an experiment with the next ID.
func (s *store) add(e *experiment) {
	e.id = int64(len(s.experiments))
	e.created = s.stamp()
	e.updated = e.created
	e.datasets = map[datasetKey]*dataset{}
	if e.location == "" {
		e.location = fmt.Sprintf("mlflow-artifacts:/%d", e.id)
	}
	s.experiments = append(s.experiments, e)
	s.byName[e.name] = e
}

func (s *store) stamp() int64 { return s.now().UnixMilli() }

// newID returns the 32 hexadecimal digits of a random UUID.
func (s *store) newID() string {
	var id [16]byte
	binary.LittleEndian.PutUint64(id[:8], s.random.Uint64())
	binary.LittleEndian.PutUint64(id[8:], s.random.Uint64())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return hex.EncodeToString(id[:])
}

var (
	adjectives = strings.Fields("amber brisk calm dapper eager fair gentle honest jolly keen lively mellow nimble proud quiet shy")
	nouns      = strings.Fields("badger crane deer finch gecko heron ibis lark mole newt otter plover robin seal toad wren")
)

// newName returns a name for a run that was given none.
func (s *store) newName() string {
	return fmt.Sprintf("%s-%s-%d", adjectives[s.random.IntN(len(adjectives))], nouns[s.random.IntN(len(nouns))], s.random.IntN(1000))
}

// experiment returns the experiment of an ID, deleted or not. An empty ID is that of the default experiment.
func (s *store) experiment(id string) (*experiment, error) {
	n, err := parseExperimentID(id)
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= int64(len(s.experiments)) {
		return nil, missing("No Experiment with id=%d exists", n)
	}
	return s.experiments[n], nil
}

func parseExperimentID(id string) (int64, error) {
	if id == "" {
		return 0, nil
	}
	if n, ok := pythonInt(id); ok {
		return n, nil
	}
	if _, ok := pythonIntOfAnySize(id); ok {
		return 0, accident("the experiment ID %s is no 64-bit integer", id)
	}
	return 0, invalid("Invalid experiment ID '%s'. Experiment ID must be a valid integer.", id)
}

// activeExperiment returns the experiment of an ID to change it.
func (s *store) activeExperiment(id string) (*experiment, error) {
	e, err := s.experiment(id)
	if err != nil {
		return nil, err
	}
	if e.deleted {
		return nil, invalid("The experiment %d must be in the 'active' state. Current state is deleted.", e.id)
	}
	return e, nil
}

// run returns the run of an ID, deleted or not.
func (s *store) run(id string) (*run, error) {
	r, ok := s.runs[id]
	if !ok {
		return nil, missing("Run with id=%s not found", id)
	}
	return r, nil
}

// activeRun returns the run of an ID to change it.
func (s *store) activeRun(id string) (*run, error) {
	r, err := s.run(id)
	if err != nil {
		return nil, err
	}
	if r.deleted {
		return nil, invalid("The run %s must be in the 'active' state. Current state is deleted.", id)
	}
	return r, nil
}

// rename gives a run a name, which is also one of its tags.
func (r *run) rename(name string) {
	if name != "" {
		r.name = name
		r.tags.set(tagRunName, name)
	}
}

// inView reports whether a search with a view type finds what is deleted or not.
func inView(viewType int, deleted bool) bool {
	return viewType == activeAndDeleted || deleted == (viewType == deletedOnly)
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }
