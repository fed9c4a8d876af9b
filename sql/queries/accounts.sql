-- name: accounts_get^
-- One account of the embedded XMPP server.
select username, scram, created, disabled from accounts where username = :username;

-- name: accounts_all
-- Every account by name, without its verifiers.
select username, created, disabled from accounts order by username;

-- name: accounts_put!
-- Make an account or replace its verifiers.
insert into accounts (username, scram, created) values (:username, :scram, :created)
on conflict (username) do update set scram = excluded.scram;

-- name: accounts_create$
-- Make an account where there is none; nothing comes back when there is one.
insert into accounts (username, scram, created) values (:username, :scram, :created)
on conflict (username) do nothing returning username;

-- name: accounts_disable!
-- Let an account in, or not.
update accounts set disabled = :disabled where username = :username;

-- name: accounts_delete!
-- Remove an account with all that is its own, and from everybody's roster; the bare JID of its user part may be in any
-- domain (there is one).
with gone as (delete from accounts where username = :username),
rosters as (delete from roster where split_part(owner, '@', 1) = :username or split_part(contact, '@', 1) = :username),
waiting as (delete from offline where split_part(recipient, '@', 1) = :username)
delete from pep where split_part(owner, '@', 1) = :username;

-- name: roster_get
-- All contacts of one owner.
select contact, name, subscription, ask, pending_in, groups from roster where owner = :owner order by contact;

-- name: roster_pending
-- Who waits for the owner's approval.
select contact from roster where owner = :owner and pending_in order by contact;

-- name: roster_set!
-- Add or replace one contact.
insert into roster (owner, contact, name, subscription, ask, pending_in, groups)
values (:owner, :contact, :name, :subscription, :ask, :pending_in, :groups)
on conflict (owner, contact) do update set name = excluded.name, subscription = excluded.subscription,
    ask = excluded.ask, pending_in = excluded.pending_in, groups = excluded.groups;

-- name: roster_delete!
-- Remove one contact.
delete from roster where owner = :owner and contact = :contact;

-- name: offline_push$
-- Keep a stanza for who is away.
insert into offline (recipient, stanza, stored) values (:recipient, :stanza, :stored) returning n;

-- name: offline_page
-- Kept stanzas after the number :after, oldest first.
select n, stanza from offline where recipient = :recipient and n > :after order by n limit :most;

-- name: offline_count$
-- How many are kept for one account (asked once a session, then counted in memory).
select count(*) from offline where recipient = :recipient;

-- name: offline_drop!
-- Forget what arrived.
delete from offline where n = any (:ids::bigint[]);

-- name: pep_put!
-- Publish one item; its predecessor of the same id was deleted in the same transaction, so that it is the newest.
insert into pep (owner, node, item, payload) values (:owner, :node, :item, :payload)
on conflict (owner, node, item) do update set payload = excluded.payload;

-- name: pep_get
-- A node's items, oldest first.
select item, payload from pep where owner = :owner and node = :node order by n;

-- name: pep_nodes
-- The nodes of one owner that have items.
select distinct node from pep where owner = :owner order by node;

-- name: pep_delete!
-- Remove one item, or with :item null the node.
delete from pep where owner = :owner and node = :node and (:item::text is null or item = :item);
