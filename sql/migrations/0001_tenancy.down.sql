-- The roles stay: they belong to the cluster and other databases may use them.
drop function touch_updated_at();
drop procedure protect(regclass);
