// Package sqlite is as much of SQLite as running one statement needs.
//
// cgo asks pkg-config where header and library are. What it is told must be for
// the target, so a cross build has to name the target's pkg-config.
package sqlite

/*
#cgo pkg-config: sqlite3
#include <sqlite3.h>
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"unsafe"
)

// Database is an open database.
type Database struct {
	handle *C.sqlite3
}

// OpenMemory opens an empty database that is kept in memory.
func OpenMemory() (*Database, error) {
	name := C.CString(":memory:")
	defer C.free(unsafe.Pointer(name))

	database := &Database{}
	if C.sqlite3_open(name, &database.handle) != C.SQLITE_OK {
		defer database.Close()
		return nil, database.lastError()
	}
	return database, nil
}

// Query runs the first statement in sql, and returns its rows as text. NULL is
// the empty text.
func (d *Database) Query(sql string) ([][]string, error) {
	text := C.CString(sql)
	defer C.free(unsafe.Pointer(text))

	var statement *C.sqlite3_stmt
	if C.sqlite3_prepare_v2(d.handle, text, -1, &statement, nil) != C.SQLITE_OK {
		return nil, d.lastError()
	}
	defer C.sqlite3_finalize(statement)

	var rows [][]string
	for {
		switch C.sqlite3_step(statement) {
		case C.SQLITE_ROW:
			rows = append(rows, columns(statement))
		case C.SQLITE_DONE:
			return rows, nil
		default:
			return nil, d.lastError()
		}
	}
}

func columns(statement *C.sqlite3_stmt) []string {
	row := make([]string, C.sqlite3_column_count(statement))
	for column := range row {
		value := C.sqlite3_column_text(statement, C.int(column))
		row[column] = C.GoString((*C.char)(unsafe.Pointer(value)))
	}
	return row
}

// Close frees the database.
func (d *Database) Close() {
	C.sqlite3_close(d.handle)
}

func (d *Database) lastError() error {
	return errors.New(C.GoString(C.sqlite3_errmsg(d.handle)))
}
