-- name: rescoring_outdated
-- The newest report of each package version (and realm) that older rules judged, a batch of them after an id.
select id from (
    select distinct on (ecosystem, name, version, realm) id, rules
    from reports
    order by ecosystem, name, version, realm, id desc
) as newest
where rules <> '' and rules <> :rules and id > :after
order by id limit :most;
