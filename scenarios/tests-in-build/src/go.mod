module example.com/tests-in-build

go 1.24
