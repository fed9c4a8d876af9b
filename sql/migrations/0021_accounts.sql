-- A Prosody we run keeps its own copy of the accounts: it is told of new ones and of new passwords too.
create or replace function account_closed() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        perform pg_notify('pumpkin_accounts', old.username);
    elsif tg_op = 'INSERT' or new is distinct from old then
        perform pg_notify('pumpkin_accounts', new.username);
    end if;
    return null;
end $$;

drop trigger account_closed on accounts;
create trigger account_changed after insert or delete or update on accounts
    for each row execute function account_closed();
