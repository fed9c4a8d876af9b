-- A running server learns of accounts that another process (the command line) removed or closed.
create function account_closed() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        perform pg_notify('pumpkin_accounts', old.username);
    elsif new.disabled and not old.disabled then
        perform pg_notify('pumpkin_accounts', new.username);
    end if;
    return null;
end $$;

create trigger account_closed after delete or update on accounts for each row execute function account_closed();

-- Invitations: who holds one may make an account by XEP-0077 or enrol by HTTP. Only the token's hash is kept.
create table invitations (
    hash bytea primary key,
    created bigint not null,
    expires bigint not null,
    uses integer not null check (uses >= 0),
    note text not null default '',
    last_used bigint,
    last_name text
);
