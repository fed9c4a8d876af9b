-- What was done to one thing: asked for each erased check by its page and by the audit of the log.
create index audit_object on audit (object);
