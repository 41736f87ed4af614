// Package units writes quantities for people.
package units

import "strconv"

// Bytes writes a size in the largest binary unit that it has one of.
func Bytes(size uint64) string {
	if size < 1024 {
		return strconv.FormatUint(size, 10) + " B"
	}
	prefixes := []string{"Ki", "Mi", "Gi", "Ti", "Pi", "Ei"}
	value := float64(size) / 1024
	for len(prefixes) > 1 && value >= 1024 {
		value /= 1024
		prefixes = prefixes[1:]
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + " " + prefixes[0] + "B"
}
