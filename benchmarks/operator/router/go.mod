// The routers that are played.
module contender.dev/benchmarks/router

go 1.26
