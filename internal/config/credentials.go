package config

import (
	"os"
	"path/filepath"
	"strings"
)

const credentialsFile = "the credentials file" // #nosec G101 -- a name

// readCredentialsFile returns the layer of ~/.mlflow/credentials, which is read if there are not enough credentials
// above it. No file is no error.
func readCredentialsFile(home func() (string, error), above Layer, p *problems) Layer {
	if above.complete() {
		return Layer{}
	}
	folder, err := home()
	if err != nil {
		return Layer{} // nowhere to look
	}
	name := filepath.Join(folder, ".mlflow", "credentials")
	if _, err := os.Stat(name); err != nil {
		return Layer{} // not there, or in somebody else's home: services may run without one of their own
	}
	content, err := os.ReadFile(name)
	if err != nil {
		p.add(credentialsFile, "%w", err)
		return Layer{}
	}
	return parseCredentials(string(content))
}

// parseCredentials reads mlflow_tracking_username and mlflow_tracking_password of the section [mlflow], as Python's
// parser does: keys are in any case, and a doubled % is a single one.
func parseCredentials(content string) Layer {
	var layer Layer
	section := ""
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if header, ok := strings.CutPrefix(line, "["); ok {
			section, _, _ = strings.Cut(header, "]")
			continue
		}
		end := strings.IndexAny(line, "=:")
		if section != "mlflow" || end < 0 {
			continue
		}
		value := strings.ReplaceAll(strings.TrimSpace(line[end+1:]), "%%", "%")
		switch strings.ToLower(strings.TrimSpace(line[:end])) { // in a commented-out line the key begins with # or ;
		case "mlflow_tracking_username":
			layer.username = SetNonZero(value, credentialsFile)
		case "mlflow_tracking_password":
			layer.password = SetNonZero(value, credentialsFile)
		}
	}
	return layer
}
