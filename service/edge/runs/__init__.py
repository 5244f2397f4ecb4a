"""RunService: what operators ask about runs, and controls beyond the contract's."""
