"""HumanTaskService: people's tasks."""
