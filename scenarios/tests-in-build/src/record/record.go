// Package record encodes measurements as every machine must read them, whatever
// its word size and byte order: the kind of code whose tests should run on each
// platform.
package record

import (
	"encoding/binary"
	"math"
)

// Size is how long an encoded record is, on every machine.
const Size = 20

// Record is a measurement.
type Record struct {
	Sensor uint32
	Time   int64
	Value  float64
}

// Append appends the encoded record.
func (r Record) Append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, r.Sensor)
	to = binary.LittleEndian.AppendUint64(to, uint64(r.Time))
	return binary.LittleEndian.AppendUint64(to, math.Float64bits(r.Value))
}

// Decode is the inverse of Append; it wants Size bytes.
func Decode(from []byte) (Record, bool) {
	if len(from) != Size {
		return Record{}, false
	}
	return Record{
		Sensor: binary.LittleEndian.Uint32(from),
		Time:   int64(binary.LittleEndian.Uint64(from[4:])),
		Value:  math.Float64frombits(binary.LittleEndian.Uint64(from[12:])),
	}, true
}

// Checksum is Fletcher's, over the bytes of encoded records.
func Checksum(bytes []byte) uint32 {
	var a, b uint32
	for _, value := range bytes {
		a = (a + uint32(value)) % 65535
		b = (b + a) % 65535
	}
	return b<<16 | a
}
