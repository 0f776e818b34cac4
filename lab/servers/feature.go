package servers

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mlflow-go/mlflow/internal/scenario"
)

// Who may do everything on a server with basic auth. It listens to this machine alone. MLflow 3.16 and later want 12
// characters or more.
const (
	AdminUsername = "admin"
	AdminPassword = "correct horse battery"
)

const authConfig = `[mlflow]
default_permission = READ
database_uri = sqlite:///auth.db
admin_username = ` + AdminUsername + `
admin_password = ` + AdminPassword + `
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
`

// HasBasicAuth reports whether the server asks for credentials, such as the administrator's.
func (s *Server) HasBasicAuth() bool { return s.spec.Feature == scenario.FeatureBasicAuth }

// switchOn adds what the server's feature needs to its command.
func (s *Server) switchOn(cmd *exec.Cmd) error {
	switch s.spec.Feature {
	case scenario.FeatureBasicAuth:
		config := filepath.Join(s.Dir, "auth.ini")
		cmd.Args = append(cmd.Args, "--app-name", "basic-auth")
		cmd.Env = append(cmd.Env, "MLFLOW_AUTH_CONFIG_PATH="+config, "MLFLOW_FLASK_SERVER_SECRET_KEY=a server for tests")
		return os.WriteFile(config, []byte(authConfig), 0o600)
	case scenario.FeatureWorkspaces:
		cmd.Args = append(cmd.Args, "--enable-workspaces")
	case scenario.FeatureS3:
		cmd.Env = append(cmd.Env, s.storage.environ()...)
	}
	return nil
}
