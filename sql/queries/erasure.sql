-- name: erasure_erase$
-- Forget what a check said: payload, salt, detail, what came over the wire, and the talk that carried it; record, place
-- and proof stand. The act is noted in the same statement. The place of the check; null where there is none, or where
-- nothing was left to erase.
with gone as (
    update checks set payload = null, payload_salt = null, payload_hash = null, detail = '{}', wire = null
    where id = :id and payload is not null returning seq, id
), talk as (
    update messages set body = '', stanza = '' where check_id in (select id from gone)
), noted as (
    insert into audit (at, who, act, object, detail)
    select :at, :who, 'check.erased', 'check:' || gone.id, jsonb_build_object('reason', :reason::text, 'seq', gone.seq)
    from gone
)
select seq from gone;

-- name: erasure_of^
-- When a check was erased, by whom and why; nothing where it was not.
select at, who, detail ->> 'reason' as reason from audit
where object = 'check:' || :id and act = 'check.erased' order by n limit 1;
