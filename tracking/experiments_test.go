package tracking_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-go/mlflow/internal/scenario"
	"github.com/mlflow-go/mlflow/tracking"
)

func TestCreateExperiment(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client, name := newScenarioClient(t, s), s.Name("iris")
		id, err := client.CreateExperiment(t.Context(), name)
		require.NoError(t, err)

		got, err := client.GetExperiment(t.Context(), id)
		require.NoError(t, err)
		assertRecent(t, s, got.CreationTime)
		assertRecent(t, s, got.LastUpdateTime)
		assert.NotEmpty(t, got.ArtifactLocation)
		assert.Equal(t, &tracking.Experiment{
			ID:               id,
			Name:             name,
			ArtifactLocation: got.ArtifactLocation,
			LifecycleStage:   tracking.LifecycleStageActive,
			Tags:             map[string]string{},
			CreationTime:     got.CreationTime,
			LastUpdateTime:   got.LastUpdateTime,
		}, got)
	})
}

func TestCreateExperimentWithOptions(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		id, err := client.CreateExperiment(t.Context(), s.Name("iris"),
			tracking.WithArtifactLocation("mlflow-artifacts:/iris"),
			tracking.WithExperimentTags(map[string]string{"team": "botany", "note": "", "quote": `it's "ü"`}),
			tracking.WithExperimentTags(map[string]string{"team": "flowers"}))
		require.NoError(t, err)

		got, err := client.GetExperiment(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, "mlflow-artifacts:/iris", got.ArtifactLocation)
		assert.Equal(t, map[string]string{"team": "flowers", "note": "", "quote": `it's "ü"`}, got.Tags)
	})
}

func TestCreateExperimentNameTaken(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client, name := newScenarioClient(t, s), s.Name("iris")
		_, err := client.CreateExperiment(t.Context(), name)
		require.NoError(t, err)

		_, err = client.CreateExperiment(t.Context(), name)
		requireRefused(t, err, 400, tracking.ErrorCodeResourceAlreadyExists, tracking.ErrAlreadyExists)
		assert.ErrorContains(t, err, name)
	})
}

func TestGetExperimentMissing(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		_, err := newScenarioClient(t, s).GetExperiment(t.Context(), missingExperiment)
		requireNotFound(t, err)
	})
}

func TestGetExperimentByName(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client, name := newScenarioClient(t, s), s.Name("a name with/slash & ü?")
		id, err := client.CreateExperiment(t.Context(), name)
		require.NoError(t, err)

		got, err := client.GetExperimentByName(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, id, got.ID)

		_, err = client.GetExperimentByName(t.Context(), s.Name("nothing"))
		requireNotFound(t, err)
	})
}

func TestUpdateExperiment(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		id := newExperiment(t, s, client)
		require.NoError(t, client.UpdateExperiment(t.Context(), id, s.Name("renamed")))

		got, err := client.GetExperiment(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, s.Name("renamed"), got.Name)

		requireNotFound(t, client.UpdateExperiment(t.Context(), missingExperiment, s.Name("ghost")))
	})
}

func TestUpdateExperimentNameTaken(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		id := newExperiment(t, s, client)
		_, err := client.CreateExperiment(t.Context(), s.Name("other"))
		require.NoError(t, err)

		// The database says no, and MLflow passes that on without looking for the reason.
		err = client.UpdateExperiment(t.Context(), id, s.Name("other"))
		if s.Server.Store == "file" {
			requireRefused(t, err, 400, tracking.ErrorCodeResourceAlreadyExists, tracking.ErrAlreadyExists)
			return
		}
		requireRefused(t, err, 400, tracking.ErrorCodeBadRequest, nil)
	})
}

func TestDeleteExperiment(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		id := newExperiment(t, s, client)
		require.NoError(t, client.DeleteExperiment(t.Context(), id))

		got, err := client.GetExperiment(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, tracking.LifecycleStageDeleted, got.LifecycleStage)

		got, err = client.GetExperimentByName(t.Context(), s.Name("experiment"))
		if freesNames(s) {
			requireNotFound(t, err)
			return
		}
		require.NoError(t, err)
		assert.Equal(t, id, got.ID)
		assert.Equal(t, tracking.LifecycleStageDeleted, got.LifecycleStage)
	})
}

func TestDeletedExperimentRefuses(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		id := newExperiment(t, s, client)
		require.NoError(t, client.DeleteExperiment(t.Context(), id))

		requireNotFound(t, client.DeleteExperiment(t.Context(), id))

		_, err := client.CreateExperiment(t.Context(), s.Name("experiment"))
		if freesNames(s) {
			require.NoError(t, err)
		} else {
			requireRefused(t, err, 400, tracking.ErrorCodeResourceAlreadyExists, tracking.ErrAlreadyExists)
		}

		_, err = client.CreateRun(t.Context(), id, tracking.WithStartTime(s.Now()))
		require.ErrorIs(t, err, tracking.ErrInvalidArgument)
		if s.Server.Store == "file" { // another code, and an accident for a rename
			requireRefused(t, err, 500, tracking.ErrorCodeInvalidState, tracking.ErrInvalidArgument)
			err = client.UpdateExperiment(t.Context(), id, s.Name("renamed"))
			requireRefused(t, err, 500, "", nil)
			return
		}
		requireInvalid(t, err)

		requireInvalid(t, client.SetExperimentTag(t.Context(), id, "key", "value"))

		err = client.UpdateExperiment(t.Context(), id, s.Name("renamed"))
		requireRefused(t, err, 500, tracking.ErrorCodeInvalidState, tracking.ErrInvalidArgument)
	})
}

// freesNames reports whether the server forgets the name of a deleted experiment. The file store of 2.9.2 does, and that of
// 2.22.5 does not.
func freesNames(s *scenario.Session) bool { return s.Server.Store == "file" && s.Server.Before("2.22") }

func TestDeleteExperimentMissing(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		requireNotFound(t, newScenarioClient(t, s).DeleteExperiment(t.Context(), missingExperiment))
	})
}

func TestRestoreExperiment(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		id := newExperiment(t, s, client)
		deletedBefore := newRunIn(t, s, client, id)
		require.NoError(t, client.DeleteRun(t.Context(), deletedBefore.RunID))
		require.NoError(t, client.DeleteExperiment(t.Context(), id))
		require.NoError(t, client.RestoreExperiment(t.Context(), id))

		got, err := client.GetExperiment(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, tracking.LifecycleStageActive, got.LifecycleStage)
		run, err := client.GetRun(t.Context(), deletedBefore.RunID)
		require.NoError(t, err)
		assert.Equal(t, tracking.LifecycleStageActive, run.Info.LifecycleStage, "of a run that was deleted before the experiment")

		requireNotFound(t, client.RestoreExperiment(t.Context(), id))
		requireNotFound(t, client.RestoreExperiment(t.Context(), missingExperiment))
	})
}

func TestSetExperimentTag(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		id := newExperiment(t, s, client)
		require.NoError(t, client.SetExperimentTag(t.Context(), id, "stage", "draft"))
		require.NoError(t, client.SetExperimentTag(t.Context(), id, "stage", "final"))
		require.NoError(t, client.SetExperimentTag(t.Context(), id, "a key/with.parts", ""))

		got, err := client.GetExperiment(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"stage": "final", "a key/with.parts": ""}, got.Tags)

		requireNotFound(t, client.SetExperimentTag(t.Context(), missingExperiment, "key", "value"))
	})
}

func TestDeleteExperimentTag(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		id, err := client.CreateExperiment(t.Context(), s.Name("experiment"),
			tracking.WithExperimentTags(map[string]string{"stage": "draft", "a key/with.parts": ""}))
		require.NoError(t, err)
		err = client.DeleteExperimentTag(t.Context(), id, "a key/with.parts")
		if s.Server.Before("3.2") {
			requireNoEndpoint(t, err)
			return
		}
		require.NoError(t, err)

		got, err := client.GetExperiment(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"stage": "draft"}, got.Tags)

		requireNotFound(t, client.DeleteExperimentTag(t.Context(), id, "a key/with.parts"))
		requireNotFound(t, client.DeleteExperimentTag(t.Context(), missingExperiment, "stage"))
		require.NoError(t, client.DeleteExperiment(t.Context(), id))
		requireInvalid(t, client.DeleteExperimentTag(t.Context(), id, "stage"))
	})
}

func TestGetOrCreateExperiment(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client, name := newScenarioClient(t, s), s.Name("iris")
		created, err := client.GetOrCreateExperiment(t.Context(), name,
			tracking.WithArtifactLocation("mlflow-artifacts:/iris"),
			tracking.WithExperimentTags(map[string]string{"team": "botany"}))
		require.NoError(t, err)
		assert.Equal(t, name, created.Name)
		assert.Equal(t, "mlflow-artifacts:/iris", created.ArtifactLocation)
		assert.Equal(t, map[string]string{"team": "botany"}, created.Tags)

		got, err := client.GetOrCreateExperiment(t.Context(), name,
			tracking.WithExperimentTags(map[string]string{"team": "zoology"}))
		require.NoError(t, err)
		assert.Equal(t, created, got, "nothing is written")
	})
}

func TestGetOrCreateExperimentThatIsDeleted(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		client := newScenarioClient(t, s)
		id := newExperiment(t, s, client)
		require.NoError(t, client.DeleteExperiment(t.Context(), id))

		got, err := client.GetOrCreateExperiment(t.Context(), s.Name("experiment"))
		if freesNames(s) {
			require.NoError(t, err)
			assert.NotEqual(t, id, got.ID)
			return
		}
		require.ErrorIs(t, err, tracking.ErrAlreadyExists)
		require.ErrorContains(t, err, "GetOrCreateExperiment")
		require.ErrorContains(t, err, "deleted")
		require.ErrorContains(t, err, id)

		require.NoError(t, client.RestoreExperiment(t.Context(), id))
		got, err = client.GetOrCreateExperiment(t.Context(), s.Name("experiment"))
		require.NoError(t, err)
		assert.Equal(t, id, got.ID)
	})
}

func TestGetOrCreateExperimentAtOnce(t *testing.T) {
	scenario.Run(t, func(t *testing.T, s *scenario.Session) {
		s.LiveOnly("its requests overlap")
		client := newScenarioClient(t, s)
		if s.Server.Store == "file" {
			t.Skip("file stores create several experiments of a name at once")
		}
		const calls = 8
		var ids [calls]string
		var group sync.WaitGroup
		for i := range calls {
			group.Go(func() {
				got, err := client.GetOrCreateExperiment(t.Context(), s.Name("experiment"), // with a location some releases refuse it otherwise
					tracking.WithArtifactLocation("mlflow-artifacts:/at-once"))
				if assert.NoError(t, err) {
					ids[i] = got.ID
				}
			})
		}
		group.Wait()
		for _, id := range ids {
			assert.Equal(t, ids[0], id)
		}
		found, err := client.SearchExperiments(t.Context(),
			tracking.WithExperimentsFilter("name = '"+s.Name("experiment")+"'"), tracking.WithExperimentsViewType(tracking.ViewTypeAll))
		require.NoError(t, err)
		assert.Len(t, found.Experiments, 1)
	})
}
