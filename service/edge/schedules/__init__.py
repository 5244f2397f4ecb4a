"""ScheduleService: the ticks of definitions that start by the clock."""
