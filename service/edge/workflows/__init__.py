"""WorkflowService, the contract: definitions, versions, runs and triggers."""
