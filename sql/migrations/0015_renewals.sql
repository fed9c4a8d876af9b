-- The chains of certificates that stamps came with, told apart by one hash: few among millions of stamps.
create function chain_hash(chain bytea[]) returns bytea language sql immutable parallel safe as $$
    select sha256(convert_to(coalesce(array_to_string(array(select encode(c, 'hex') from unnest(chain) c), ','), ''), 'UTF8'))
$$;
create index stamps_chain on stamps (chain_hash(chain), id);

-- A renewal of many stamps is kept in parts of some thousands: the same token, its own leaves, and the siblings (joined) on
-- the way from the part's root to the tree's.
alter table renewals add column above bytea not null default '';
