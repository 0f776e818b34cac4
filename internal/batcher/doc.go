// Package batcher is what tracking.Batcher does: it takes items, queues them by run, and sends them in the background.
//
// From the outside in:
//
//   - An item is a metric, a param or a tag. Each run has a queue of items in the order of their hand-over. Add stamps and
//     appends items, under one lock, and never waits for the network or for a disk. (batcher.go, queue.go)
//   - schedule, a goroutine that lives while anything is queued, starts a goroutine for each run whose items are due: enough
//     for a full request, old enough, or wanted by Flush. It takes the front of the queue as one batch. There is one batch
//     in flight for each run, which keeps the order, and at most maxBatchesInFlight in all. (schedule.go)
//   - deliver sends a batch, and divides what the server refuses until the culprit is alone. What it could not send goes
//     back to the front of the queue, and the run alone waits before its next attempt. (deliver.go, divide.go)
//   - Flush and Close want items sent at once, and return what has failed. (flush.go, failure.go)
//   - The spool, if there is one, is a log of the items that were handed over and of those that are done. It is written
//     from memory twice a second. (log.go; package spool has the files)
//
// What the package cannot know, how items are sent and what an error means, it asks of a Sink. A request is sent once:
// the waits here take the place of a client's retries, so that a wait never occupies one of the places in flight, and
// Flush can end a wait. They are longer, and there is no last one.
package batcher
