alter table bus_events drop column correlations;
alter table awaited_types drop column correlates;
