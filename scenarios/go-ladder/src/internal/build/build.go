// Package build says which build of the program this is.
package build

// ID names the build. An incremental sample of the race changes it, as a
// developer's edit would change a line.
const ID = "dev"
