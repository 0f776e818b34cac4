// Sigv4 lists the experiments of an MLflow server behind an Amazon API Gateway that accepts only requests signed with
// AWS Signature Version 4. It does what MLFLOW_TRACKING_AWS_SIGV4=true does in MLflow's Python client:
//
//	AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... \
//		MLFLOW_TRACKING_URI=https://abc.execute-api.eu-west-1.amazonaws.com/prod go run .
//
// It is a module of its own, because the library does not depend on AWS's.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/mlflow-go/mlflow"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	region := os.Getenv("AWS_REGION")
	if region == "" {
		return errors.New("AWS_REGION is not set")
	}
	client, err := mlflow.NewClient(
		mlflow.WithRequestEditor(signer(aws.CredentialsProviderFunc(fromEnvironment), "execute-api", region)),
	)
	if err != nil {
		return err
	}
	for experiment, err := range client.Tracking().AllExperiments(ctx) {
		if err != nil {
			return err
		}
		fmt.Println(experiment.ID, experiment.Name)
	}
	return nil
}

// fromEnvironment returns AWS credentials from the environment. For those of profiles, roles and machines, call
// LoadDefaultConfig of github.com/aws/aws-sdk-go-v2/config, and use the Credentials of the result instead of this
// function.
func fromEnvironment(context.Context) (aws.Credentials, error) {
	found := aws.Credentials{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
	}
	if !found.HasKeys() {
		return found, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
	}
	return found, nil
}
