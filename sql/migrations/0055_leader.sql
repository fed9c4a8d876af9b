-- Which of the nodes on this database leads: it alone seals the log and asks authorities and feeds. An advisory lock decides;
-- this row says who has it, and that it is alive: one that hangs is sent away after a while. What it would still write is
-- refused by what it writes to (a checkpoint begins where the last one ended).
create table leader (
    one boolean primary key default true check (one),
    node text not null,
    beat bigint not null
);
