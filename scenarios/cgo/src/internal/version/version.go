// Package version says which build of the program this is.
package version

import "runtime"

// Build names the build. An incremental sample of the race changes it, as a
// developer's edit would change a line.
const Build = "dev"

// String is the part of --version that is known without the library.
func String() string {
	return "query " + Build + " " + runtime.GOOS + "/" + runtime.GOARCH
}
