package batcher

// BreakSpool makes writing a batcher's spool fail until its file is opened anew.
func BreakSpool(b *Batcher) { b.log.spool.Close() }
