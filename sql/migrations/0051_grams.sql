-- The same trigrams, five times faster: a loop over bytes where 0050 made a row of each.
create or replace function package_grams(ecosystem text, search text) returns int[]
language plpgsql immutable strict parallel safe as $$
declare
    b constant bytea := convert_to(search, 'UTF8');
    high constant int := coalesce(array_position(
        array['pypi', 'npm', 'gem', 'maven', 'composer', 'cargo', 'apk'], ecosystem), 8) * 16777216;
    found int[] := '{}';
    gram int;
begin
    for i in 0 .. octet_length(b) - 3 loop
        gram := high + get_byte(b, i) * 65536 + get_byte(b, i + 1) * 256 + get_byte(b, i + 2);
        if not gram = any (found) then
            found := found || gram;
        end if;
    end loop;
    return found;
end
$$;
