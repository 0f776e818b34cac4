package servers

import "slices"

// Default is the release that the programs of lab use unless told otherwise; most figures in docs/ are of it.
const Default = "3.17.2"

// Generations are one release of each generation.
var Generations = []string{"2.9.2", "2.17.2", "2.22.5", "3.1.4", "3.17.2", "3.18.0"}

// Recorded are the servers whose exchanges are kept in testdata: the generations, and two that ask for credentials.
var Recorded = slices.Concat(Generations, []string{"2.22.5-basicauth", "3.17.2-basicauth"})

// Matrix are the servers that the tests run against by default: those recorded, one between 3.2 and 3.13, which serves
// files as neither does, each kind of store, and what can be switched on.
var Matrix = slices.Concat(Recorded, []string{
	"3.10.1",
	"2.22.5-postgres", "3.17.2-postgres",
	"2.9.2-file", "2.22.5-file", "3.1.4-file", "3.17.2-file",
	"3.17.2-workspaces",
	"2.22.5-s3", "3.17.2-s3", "3.18.0-s3",
	"fasttrackml",
})

// Gate are the servers of the checks that each change must pass: the oldest and the newest, one of each kind of store, and
// one that asks for credentials.
var Gate = []string{"2.9.2", "3.18.0", "3.17.2-postgres", "3.17.2-file", "3.17.2-s3", "3.17.2-basicauth"}
