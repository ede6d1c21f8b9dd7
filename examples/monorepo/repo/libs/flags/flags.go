// Package flags says which features are on.
package flags

import "hash/fnv"

// RefreshSeconds between two looks at the flag file.
const RefreshSeconds = 20

// Enabled tells whether a flag is on for everybody. Unknown flags are off.
func Enabled(name string) bool {
	return current().on[name]
}

// EnabledFor tells whether a flag is on for a customer; the share is by a hash, so that it stays.
func EnabledFor(name, customer string) bool {
	hash := fnv.New32a()
	hash.Write([]byte(name + "/" + customer))
	return int(hash.Sum32()%100) < current().percent[name]
}

// Kill turns a flag off everywhere at once. Who does so must give a reason.
func Kill(name, reason string) error {
	if reason == "" {
		return ErrNoReason
	}
	return publish("flags.kill", name, reason)
}
