-- name: imports_reports
-- Pack-a-mal's reports after :after with their packages and what the other tools said; APP_ is the Django application's.
select r.id, p.package_name, p.package_version, p.ecosystem, r.time, to_jsonb(r)::text as report,
    (select to_jsonb(t)::text from APP_reporttyposquatting t where t.package_id = p.id
        order by t.id desc limit 1) as typosquatting,
    (select to_jsonb(s)::text from APP_reportsource s where s.package_id = p.id
        order by s.id desc limit 1) as source,
    (select max(a.completed_at) from APP_analysistask a where a.report_id = r.id) as completed
from APP_reportdynamicanalysis r join APP_package p on p.id = r.package_id
where r.id > :after order by r.id limit :most;

-- name: imports_keys
-- Pack-a-mal's API keys that are active, without the keys themselves.
select id, name, rate_limit_per_hour from APP_apikey where is_active order by id;

-- name: imports_application$
-- Under which name its tables stand.
select left(table_name, -length('reportdynamicanalysis')) from information_schema.tables
where table_schema = any (current_schemas(false)) and right(table_name, 21) = 'reportdynamicanalysis' limit 1;
