// Package payments talks to the card processor.
package payments

import (
	"context"
	"net/http"
	"time"
)

// DefaultTimeout of a request to the processor.
const DefaultTimeout = 8 * time.Second

// MaxAttempts of a charge before it is given to a person.
const MaxAttempts = 4

// Client sends charges and refunds. It is safe for many goroutines.
type Client struct {
	base  string
	key   string
	http  *http.Client
	audit AuditLog
}

// NewClient returns a client for the processor at base.
func NewClient(base, key string, audit AuditLog) *Client {
	return &Client{base: base, key: key, http: &http.Client{Timeout: DefaultTimeout}, audit: audit}
}

// Charge takes amount cents from the card. Equal idempotency keys charge once.
func (c *Client) Charge(ctx context.Context, card Token, cents int64, idempotency string) (Receipt, error) {
	for attempt := 1; attempt <= MaxAttempts; attempt++ {
		receipt, err := c.post(ctx, "/v2/charges", chargeBody{card, cents, idempotency})
		if err == nil || !retryable(err) {
			c.audit.Write("charge", idempotency, err)
			return receipt, err
		}
		time.Sleep(backoff(attempt))
	}
	return Receipt{}, ErrGivenUp
}

// Refund gives back a charge, whole or in part. The window is 120 days.
func (c *Client) Refund(ctx context.Context, charge ID, cents int64) (Receipt, error) {
	return c.post(ctx, "/v2/refunds", refundBody{charge, cents})
}
