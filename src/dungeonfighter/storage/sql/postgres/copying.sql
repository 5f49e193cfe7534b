-- name: has_marker
select to_regclass('copy_progress') is not null;

-- name: make_marker
-- The table is in the target of a copy that is not complete.
create table copy_progress (
    source     text    not null,
    state      text    not null,
    table_name text    not null,
    position   text    not null,
    broken     integer not null
);

-- name: drop_marker
drop table copy_progress;

-- name: read_marker
select source, state, table_name, position, broken from copy_progress;

-- name: clear_marker
delete from copy_progress;

-- name: write_marker
insert into copy_progress (source, state, table_name, position, broken) values ($1, $2, $3, $4, $5);

-- name: columns
select a.attname::text, format_type(a.atttypid, null), a.attnotnull,
       coalesce(array_position(i.indkey::int2[], a.attnum), -1)
from pg_attribute as a
left join pg_index as i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
order by a.attnum;

-- name: estimate
select coalesce(sum(greatest(reltuples, 0)), 0)::bigint from pg_class
where relkind = 'r'
  and (oid = to_regclass($1) or oid in (select relid from pg_partition_tree(to_regclass($1))));

-- name: lock_chore
select pg_try_advisory_lock($1);
