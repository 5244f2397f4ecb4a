"""DefinitionService: what operators ask about versions and set beside them."""
