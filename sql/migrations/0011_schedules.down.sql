drop table schedules;
drop domain schedule_overlap;
