package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signer returns a request editor that signs each attempt, with the credentials and the time of that attempt. AWS
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
		// A header without values is a note to net/http, and not sent: it must not be signed.
		signed := request.Clone(ctx)
		maps.DeleteFunc(signed.Header, func(_ string, values []string) bool { return len(values) == 0 })
		if err := signer.SignHTTP(ctx, found, signed, hash, service, region, time.Now()); err != nil {
			return err
		}
		request.URL = signed.URL // its query in the signed order
		maps.Copy(request.Header, signed.Header)
		return nil
	}
}

// bodyHash returns the SHA-256 of the request's body, and leaves the body unread.
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
