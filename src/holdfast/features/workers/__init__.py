"""Workers: code that runs beside its state, its versions, deployments, hosts, keys, variables and schedules."""
