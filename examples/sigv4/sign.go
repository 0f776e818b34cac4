package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signer returns a request editor that signs each attempt with the credentials and the time of that attempt. AWS
// refuses signatures that are older than five minutes.
func signer(credentials aws.CredentialsProvider, service, region string) func(context.Context, *http.Request) error {
	signer := v4.NewSigner()
	return func(ctx context.Context, request *http.Request) error {
		found, err := credentials.Retrieve(ctx)
		if err != nil {
			return err
		}
		hash, err := bodyHash(request)
		if err != nil {
			return err
		}
		return signer.SignHTTP(ctx, found, request, hash, service, region, time.Now())
	}
}

// bodyHash returns the SHA-256 of the request's body. It reads a copy, so the body itself stays unread.
func bodyHash(request *http.Request) (string, error) {
	hash := sha256.New()
	if request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return "", err
		}
		defer body.Close()
		if _, err := io.Copy(hash, body); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
