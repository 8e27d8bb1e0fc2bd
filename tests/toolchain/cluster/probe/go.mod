module example.invalid/modelfleet/probe

go 1.25
