-- name: messages_add$
-- Keep a message as it came.
insert into messages (id, sender, recipient, body, thread, metadata, received, stanza, check_id)
values (:id, :sender, :recipient, :body, :thread, :metadata, :received, :stanza, :check_id)
returning n;

-- name: messages_get^
-- One message by its number.
select n, id, sender, recipient, body, thread, metadata, received, stanza, check_id from messages where n = :n;

-- name: messages_page
-- Messages an agent sent or got, newest first, from below the number :before.
(select n, id, sender, recipient, body, thread, metadata, received, stanza, check_id
 from messages where sender = :jid and n < :before order by n desc limit :most)
union
(select n, id, sender, recipient, body, thread, metadata, received, stanza, check_id
 from messages where recipient = :jid and n < :before order by n desc limit :most)
order by n desc limit :most;

-- name: messages_newest
-- All messages, newest first, from below the number :before.
select n, id, sender, recipient, body, thread, metadata, received, stanza, check_id
from messages where n < :before order by n desc limit :most;

-- name: messages_trim!
-- Forget the oldest past the number kept.
delete from messages where n <= (select max(n) from messages) - :kept::bigint;
