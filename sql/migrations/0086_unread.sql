-- What an agent newer than this server adds to its checks, by name: kept with each check, shown to the operator.
alter table agents add column unread text[] not null default '{}';
