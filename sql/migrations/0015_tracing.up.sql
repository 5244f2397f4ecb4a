-- Which W3C trace led to a change, a call that a run owes and a bus event, so that whoever goes on with it, whenever and
-- in whichever process, goes on with that trace. A constant default: no table is rewritten.

alter table changes add column trace text not null default '';
alter table run_effects add column trace text not null default '';
alter table bus_events add column trace text not null default '';

comment on column changes.trace is 'The traceparent of its cause, behind a blank its tracestate; or empty.';
comment on column run_effects.trace is 'As in changes: the trace of what made the run owe it; goes out with the call.';
comment on column bus_events.trace is 'As in changes: the trace it came with when it was first heard.';
