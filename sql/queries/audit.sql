-- name: audit_add!
-- Who did what, when, to which thing.
insert into audit (at, who, act, object, detail) values (:at, :who, :act, :object, :detail);

-- name: audit_page
-- What was done, newest first, below the number :before; null filters take all.
select n, at, who, act, object, detail from audit
where n < :before
    and (:who::text is null or who = :who)
    and (:act::text is null or starts_with(act, :act))
    and (:object::text is null or object = :object)
order by n desc limit :most;
