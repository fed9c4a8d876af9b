-- name: imports_reports
-- Pack-a-mal's reports with their packages, what the other tools said and when, all as JSON, which holds what no type
-- here does (times without end, names that are none); APP_ is the Django application's.
select r.id, convert_to(to_json(p)::text, 'UTF8') as package, convert_to(to_json(r)::text, 'UTF8') as report,
    (select convert_to(to_json(t)::text, 'UTF8') from APP_reporttyposquatting t where t.package_id = p.id
        order by t.id desc limit 1) as typosquatting,
    (select convert_to(to_json(s)::text, 'UTF8') from APP_reportsource s where s.package_id = p.id
        order by s.id desc limit 1) as source,
    (select to_json(max(a.completed_at))::text from APP_analysistask a where a.report_id = r.id) as completed
from APP_reportdynamicanalysis r left join APP_package p on p.id = r.package_id order by r.id;

-- name: imports_keys
-- Pack-a-mal's API keys that are active, without the keys themselves.
select id::text as id, convert_to(name::text, 'UTF8') as name, rate_limit_per_hour::text as rate
from APP_apikey where is_active order by id;

-- name: imports_application$
-- Under which name its tables stand.
select left(table_name, -length('reportdynamicanalysis')) from information_schema.tables
where table_schema = any (current_schemas(false)) and right(table_name, 21) = 'reportdynamicanalysis' limit 1;
