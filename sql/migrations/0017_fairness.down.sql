drop index run_effects_deliveries;
drop index run_effects_stops;
drop index run_effects_shares;
