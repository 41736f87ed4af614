module example.com/go-ladder

go 1.24

require (
	example.com/table v1.0.0
	example.com/units v1.0.0
)
