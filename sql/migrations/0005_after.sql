-- A record's `after` names a checkpoint by the hash of its note's text, up to the blank line (rulings.md 6). Cosignatures
-- are added below that line later and change nothing here.
create function note_hash(note text) returns bytea language sql immutable parallel safe as $$
    select sha256(convert_to(rtrim(split_part(note, E'\n\n', 1), E'\n') || E'\n', 'UTF8'))
$$;
create index checkpoints_hash on checkpoints (note_hash(note));
