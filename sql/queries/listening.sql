-- name: listening_say$
-- Tell every process that listens on a channel.
select pg_notify(:channel, :payload);
